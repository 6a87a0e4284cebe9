"""What sealing a decision and each step of verifying it costs: `python -m tests.benchmarks.permit`."""

import time
import timeit
from collections.abc import Callable, Iterator
from dataclasses import replace

from dataplane.permit import steps
from dataplane.permit.model import PermittedDecision
from dataplane.permit.replay import ReplayGuard
from dataplane.permit.verify import verify
from dataplane.snapshot.model import Key
from tests.conformance.vectors import context, load, reader
from tools.envelope_cases import ACTIVE, GOOD, batch
from turnout.routing.v1.decision_pb2 import RouteDecision
from turnout_wire import ed25519, strict
from turnout_wire.batch import RememberedRoots, sign_all
from turnout_wire.digest import request_digest
from turnout_wire.envelope import seal
from turnout_wire.pae import pae
from turnout_wire.payload_type import PayloadType
from turnout_wire.uuid7 import uuid7

CALLS, REPEATS = 500, 9
VECTOR = load("good")
STEP = VECTOR.steps[0]
TOGETHER = batch(14)
"""As many as a gateway asks for at once when 16 callers wait."""
KEY: Key = next(iter(VECTOR.keys.values()))


def microseconds(function: Callable[[], object]) -> float:
    """CPU time of a call: the best of several means, for the machine has other work."""
    return min(timeit.repeat(function, timer=time.process_time, number=CALLS, repeat=REPEATS)) / CALLS * 1e6


def permitted() -> PermittedDecision:
    """The good decision, parsed, for as many runs as it is measured."""
    decision = reader()(GOOD.payload)
    assert isinstance(decision, PermittedDecision)
    return replace(decision, limits=replace(decision.limits, max_runs=10**9))


def steps_of_verifying() -> Iterator[tuple[str, Callable[[], object]]]:
    """Each step alone."""
    presented, sealed, decision, now = STEP.presented, STEP.presented.sealed, permitted(), STEP.now
    large = replace(presented, body=bytes(20_000))
    guard = ReplayGuard(capacity=10)
    yield "envelope rules", lambda: steps.envelope_rules(sealed, 65536)
    yield "payload type", lambda: steps.payload_type(sealed, PayloadType.DECISION)
    yield "key", lambda: (steps.known_key(sealed, VECTOR.keys), steps.key_in_force(KEY, now))
    yield "signature", lambda: steps.signature(sealed, KEY, ed25519.verify)
    first, remembering = TOGETHER[0], RememberedRoots(ed25519.verify)
    batched = replace(sealed, payload=first.payload, signatures=first.signatures)
    yield f"signature of {len(TOGETHER)} at once, its root known", lambda: steps.signature(batched, KEY, remembering)
    yield "decision: read strictly", lambda: reader()(GOOD.payload)
    yield "issuer", lambda: steps.issuer(decision, KEY)
    yield "features", lambda: steps.features(decision, VECTOR.features)
    yield "audience", lambda: steps.audience(decision, "default")
    yield "life and time window", lambda: (steps.life(decision), steps.time_window(decision, now))
    yield "tenant and presenter", lambda: (steps.tenant(decision, presented), steps.presenter(decision, presented))
    yield f"digest, {len(presented.body)} B", lambda: steps.digest(decision, presented)
    yield "digest, 20 kB, that does not fit", lambda: steps.digest(decision, large)
    yield "replay", lambda: guard.admit(decision, now)


def parts_of_reading() -> Iterator[tuple[str, Callable[[], object]]]:
    """What reading consists of, and the scan that canonical bytes are spared."""
    message, payload = RouteDecision.FromString(GOOD.payload), GOOD.payload
    shape = strict.shape_of(RouteDecision.DESCRIPTOR)
    yield "parse", lambda: RouteDecision.FromString(payload)
    yield "one meaning: canonical bytes", lambda: strict.check(payload, message, shape)
    yield "one meaning: scan of other bytes", lambda: strict.scan(payload, shape)
    yield "rules (protovalidate)", lambda: reader()._validator.collect_violations(message, fail_fast=True)


def sealing() -> Iterator[tuple[str, Callable[[], object]]]:
    """The other side."""
    message, now = pae(PayloadType.DECISION, GOOD.payload), STEP.now
    body = bytes(20_000)
    yield "sign", lambda: ACTIVE.sign(message)
    yield "seal", lambda: seal(PayloadType.DECISION, GOOD.payload, ACTIVE)
    messages = [pae(PayloadType.DECISION, each.payload) for each in TOGETHER]
    yield f"sign {len(messages)} at once", lambda: sign_all(messages, ACTIVE)
    yield "uuid7", lambda: uuid7(now, 12345)
    yield "request digest, 20 kB", lambda: request_digest("a/b", body)


def whole() -> Iterator[tuple[str, Callable[[], object]]]:
    """All steps in their order, with room for one run each time."""
    worker = context(VECTOR)
    decision = permitted()

    def run() -> None:
        verify(STEP.presented, VECTOR.keys, worker, STEP.now)
        worker.guard.release(decision)

    yield "verify", run


def main() -> None:
    """Print one table for each group."""
    print(f"decision of {len(GOOD.payload)} B, two targets; CPU time, best of {REPEATS} means over {CALLS} calls\n")
    for group in (whole, steps_of_verifying, parts_of_reading, sealing):
        print(f"{(group.__doc__ or '').rstrip('.')}")
        for name, function in group():
            print(f"  {name:<44}{microseconds(function):8.1f} µs")


if __name__ == "__main__":
    main()
