"""The cases of the envelope's conformance vectors: what is presented to a worker, and what must come of it."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from turnout.routing.v1 import decision_pb2
from turnout.routing.v1.decision_pb2 import RouteDecision
from turnout_wire.batch import BATCH_TYPE, sign_all
from turnout_wire.digest import request_digest
from turnout_wire.ed25519 import Ed25519Signer
from turnout_wire.pae import pae
from turnout_wire.payload_type import PayloadType
from turnout_wire.signature import Inclusion, Signature
from turnout_wire.tree import leaf_hash, node_hash, root_and_paths
from turnout_wire.uuid7 import uuid7

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
LIFE = timedelta(seconds=60)
HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)
ISSUER = "turnout-test"
CONTENT_TYPE = "application/vnd.turnout.chat.v1+proto"
BODY = b"\x0a\x0cHello there!"
PERMITTED = "PERMITTED"

# The order of the group that Ed25519 works in: a signature (R, S) has a twin (R, S + L) that only careless code takes.
_L = 2**252 + 27742317777372353535851937790883648493


def known_signer(name: str) -> Ed25519Signer:
    """A key that everybody knows: its seed is SHA-256 of `turnout conformance: NAME`."""
    return Ed25519Signer(hashlib.sha256(f"turnout conformance: {name}".encode()).digest())


ACTIVE, OTHER, STRANGER = known_signer("active"), known_signer("other"), known_signer("stranger")


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """What is presented as an envelope, however wrong."""

    payload_type: str
    payload: bytes
    signatures: tuple[Signature, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Presentation:
    """One call, and what comes of it: PERMITTED or the reason of the refusal."""

    envelope: Envelope
    expected: str
    now: datetime = NOW
    content_type: str = CONTENT_TYPE
    body: bytes = BODY
    tenant: str = "acme"
    presenter: str = "billing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Presentations to one worker, one after the other."""

    name: str
    description: str
    presentations: tuple[Presentation, ...]
    keys: tuple[dict[str, Any], ...] = field(default_factory=lambda: (key(ACTIVE),))
    replay_capacity: int = 100


def key(
    signer: Ed25519Signer, state: str = "active", *, since: datetime = NOW - HOUR, **changes: Any
) -> dict[str, Any]:
    """A verification key as it stands in a vector."""
    return {
        "key_id": signer.key_id,
        "public_key_hex": signer.public_key.hex(),
        "issuer": ISSUER,
        "state": state,
        "not_before": since,
        "not_after": None,
        **changes,
    }


def decision(number: int = 1, **changes: Any) -> RouteDecision:
    """A decision that is right in every respect but for `changes`."""
    values: dict[str, Any] = {
        "decision_id": uuid7(NOW, number),
        "issuer": ISSUER,
        "audiences": ["default", "batch"],
        "tenant": "acme",
        "presenter": "billing",
        "issued_at": timestamp(NOW),
        "expires_at": timestamp(NOW + LIFE),
        "request_digest": request_digest(CONTENT_TYPE, BODY),
        "snapshot_digest": bytes(range(32)),
        "policy": decision_pb2.PolicyRef(name="default", digest=bytes(32)),
        "workload": "default",
        "stage": decision_pb2.STAGE_ENFORCE,
        "targets": [_target("gpt-4o-mini", "openai"), _target("claude-3-5-haiku", "anthropic")],
        "limits": limits(),
        "reason": decision_pb2.Reason(
            code=decision_pb2.REASON_CODE_CHEAPEST,
            text="The cheapest that is good enough.",
            notices=[decision_pb2.NOTICE_LOW_CONFIDENCE, decision_pb2.NOTICE_NO_FALLBACK],
        ),
        "propensity_ppm": 1_000_000,
    }
    return RouteDecision(**(values | changes))


def limits(max_runs: int = 1) -> decision_pb2.Limits:
    """The bounds of an execution."""
    return decision_pb2.Limits(max_attempts=3, max_output_tokens=1024, deadline=Duration(seconds=30), max_runs=max_runs)


def _target(model: str, provider: str) -> decision_pb2.Target:
    estimate = decision_pb2.Estimate(cost_nanousd=21_000, input_tokens=12, output_tokens=30, quality_ppm=850_000)
    return decision_pb2.Target(deployment=f"{provider}/{model}", model=model, provider=provider, estimate=estimate)


def timestamp(time: datetime) -> Timestamp:
    """The time on the wire."""
    message = Timestamp()
    message.FromDatetime(time)
    return message


def encoded(message: RouteDecision) -> bytes:
    """Its bytes."""
    return message.SerializeToString(deterministic=True)


def sealed(payload: bytes, signer: Ed25519Signer = ACTIVE, payload_type: str = PayloadType.DECISION) -> Envelope:
    """An envelope whose one signature fits its bytes."""
    signature = signer.sign(pae(payload_type, payload))
    return Envelope(payload_type=payload_type, payload=payload, signatures=(signature,))


def sealed_decision(number: int = 1, **changes: Any) -> Envelope:
    """A decision, right but for `changes`, in an envelope that is right."""
    return sealed(encoded(decision(number, **changes)))


GOOD = sealed_decision()


def one(name: str, description: str, envelope: Envelope, expected: str, **changes: Any) -> Case:
    """A case of one presentation; `keys` among the changes are those of the case."""
    keys = {"keys": changes.pop("keys")} if "keys" in changes else {}
    presentation = Presentation(envelope=envelope, expected=expected, **changes)
    return Case(name=name, description=description, presentations=(presentation,), **keys)


def flipped(data: bytes, at: int) -> bytes:
    """`data` with the lowest bit of one byte turned."""
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def signed_by(envelope: Envelope, key_id: str | None = None, value: bytes | None = None) -> Envelope:
    """The envelope with another key id or another value in its signature."""
    first = envelope.signatures[0]
    changed = Signature(
        key_id=first.key_id if key_id is None else key_id, value=first.value if value is None else value
    )
    return replace(envelope, signatures=(changed,))


def envelope_cases() -> Iterator[Case]:
    """What the envelope itself shows."""
    snapshot = sealed(GOOD.payload, payload_type=PayloadType.SNAPSHOT)
    good = encoded(decision())
    padding = bytes.fromhex("a206") + _varint(65536 - len(good) - 5) + bytes(65536 - len(good) - 5)
    full, malformed = good + padding, "ENVELOPE_MALFORMED"
    yield one("good", "Everything is right.", GOOD, PERMITTED)
    yield one("two-signatures", "One decision, two signatures that both fit.",
              replace(GOOD, signatures=(*GOOD.signatures, OTHER.sign(pae(GOOD.payload_type, GOOD.payload)))), malformed,
              keys=(key(ACTIVE), key(OTHER)))  # fmt: skip
    yield one("no-signature", "The list of signatures is empty.", replace(GOOD, signatures=()), malformed)
    yield one(
        "short-signature", "63 bytes of signature.", signed_by(GOOD, value=GOOD.signatures[0].value[:-1]), malformed
    )
    yield one("no-key-id", "The signature names no key.", signed_by(GOOD, key_id=""), malformed)
    yield one("empty-payload", "A signature over nothing.", sealed(b""), malformed)
    yield one("largest", "64 KiB of payload, most of it an unknown field.", sealed(full), PERMITTED)
    yield one(
        "oversized", "One byte more than 64 KiB, signed.", sealed(full[: len(good)] + _longer(padding)), malformed
    )
    yield one("wrong-payload-type", "A signed snapshot, sent as a decision.", snapshot, "PAYLOAD_TYPE_UNKNOWN")
    yield one("swapped-payload-type", "The same with its type overwritten, which the signature covers.",
              replace(snapshot, payload_type=PayloadType.DECISION), "SIGNATURE_INVALID")  # fmt: skip


def _longer(padding: bytes) -> bytes:
    size = len(padding) - 5
    return padding[:2] + _varint(size + 1) + bytes(size + 1)


def _varint(value: int) -> bytes:
    """Three bytes, for lengths from 2**14 on."""
    return bytes([value & 0x7F | 0x80, value >> 7 & 0x7F | 0x80, value >> 14])


def key_cases() -> Iterator[Case]:
    """Who signed, and whether the key may be used now."""
    yield one(
        "unknown-key", "Signed by a key that the worker does not have.", sealed(GOOD.payload, STRANGER), "KEY_UNKNOWN"
    )
    yield one("revoked-key", "The key was revoked.", GOOD, "KEY_REVOKED", keys=(key(ACTIVE, "revoked"),))
    yield one("prepared-key", "The key is only prepared.", GOOD, "KEY_NOT_YET_VALID", keys=(key(ACTIVE, "prepared"),))
    yield one("not-yet-valid-key", "The key's window opens in an hour.", GOOD, "KEY_NOT_YET_VALID",
              keys=(key(ACTIVE, since=NOW + HOUR),))  # fmt: skip
    yield one("key-within-skew", "The key's window opens in five seconds.", GOOD, PERMITTED,
              keys=(key(ACTIVE, since=NOW + 5 * SECOND),))  # fmt: skip
    yield one("outlived-key", "The retired key's window closed a second ago.", GOOD, "KEY_EXPIRED",
              keys=(key(ACTIVE, "retired", not_after=NOW - SECOND),))  # fmt: skip
    yield one("retired-key", "The retired key's window is still open.", GOOD, PERMITTED,
              keys=(key(ACTIVE, "retired", not_after=NOW),))  # fmt: skip
    yield one("issued-before-key", "The key's window opened after the decision was issued.",
              sealed_decision(issued_at=timestamp(NOW - 20 * SECOND)), "KEY_NOT_YET_VALID",
              keys=(key(ACTIVE, since=NOW - 10 * SECOND),))  # fmt: skip
    yield one("revoked-key-bad-signature", "Two faults: the earlier step speaks.",
              signed_by(GOOD, value=bytes(64)), "KEY_REVOKED", keys=(key(ACTIVE, "revoked"),))  # fmt: skip
    yield one("issuer-mismatch", "The key belongs to another issuer than the decision names.", GOOD, "ISSUER_MISMATCH",
              keys=(key(ACTIVE, issuer="somebody-else"),))  # fmt: skip


def signature_cases() -> Iterator[Case]:
    """Whether the signature fits the bytes."""
    invalid, value = "SIGNATURE_INVALID", GOOD.signatures[0].value
    twin = value[:32] + (int.from_bytes(value[32:], "little") + _L).to_bytes(32, "little")
    for name, envelope, description in (
        (
            "flipped-bit-in-payload",
            replace(GOOD, payload=flipped(GOOD.payload, 40)),
            "One bit of the payload is turned.",
        ),
        ("flipped-bit-in-signature", signed_by(GOOD, value=flipped(value, 10)), "One bit of the signature is turned."),
        ("truncated", replace(GOOD, payload=GOOD.payload[:-3]), "The last three bytes were cut off after signing."),
        ("malleated-signature", signed_by(GOOD, value=twin), "S was replaced by S + L (RFC 8032, 5.1.7 refuses it)."),
        ("payload-only-signature", signed_by(GOOD, value=ACTIVE.sign(GOOD.payload).value), "Signed without PAE."),
    ):
        yield one(name, description, envelope, invalid)
    yield one("other-known-key", "The signature is by one known key and names another.",
              signed_by(sealed(GOOD.payload, OTHER), key_id=ACTIVE.key_id), invalid, keys=(key(ACTIVE), key(OTHER)))  # fmt: skip


def batch(count: int, first: int = 1) -> list[Envelope]:
    """So many decisions under one signature, numbered from `first`; number 1 is `GOOD` but for it."""
    payloads = [encoded(decision(number)) for number in range(first, first + count)]
    signatures = sign_all([pae(PayloadType.DECISION, payload) for payload in payloads], ACTIVE)
    return [
        Envelope(payload_type=PayloadType.DECISION, payload=payload, signatures=(signature,))
        for payload, signature in zip(payloads, signatures, strict=True)
    ]


def inclusion_of(envelope: Envelope) -> Inclusion:
    """How its signature leads to a root. Raises ValueError if it was signed alone."""
    (signature,) = envelope.signatures
    if signature.inclusion is None:
        raise ValueError("an envelope that was signed alone has no path")
    return signature.inclusion


def led(envelope: Envelope, **changes: Any) -> Envelope:
    """The envelope with another `leaf_index`, `tree_size` or `path` in its signature."""
    (signature,) = envelope.signatures
    inclusion = replace(inclusion_of(envelope), **changes)
    return replace(envelope, signatures=(replace(signature, inclusion=inclusion),))


def batch_cases() -> Iterator[Case]:
    """Decisions that were signed together."""
    seven, malformed = batch(7), "ENVELOPE_MALFORMED"
    (first, second), path = batch(2), inclusion_of(seven[0]).path
    yield Case(
        name="batch",
        description="All seven of a batch; the last one has a shorter path.",
        presentations=tuple(Presentation(envelope=each, expected=PERMITTED) for each in seven),
    )
    yield one("batch-of-two", "The second of two.", second, PERMITTED)
    for name, envelope, description in (
        ("batch-of-one", planted(1), "A tree of one leaf, signed: what is alone is signed alone."),
        ("batch-too-large", planted(1025), "A tree of 1,025 leaves, signed."),
        ("batch-index-outside", led(seven[0], leaf_index=7), "Place 7 in a tree of 7 leaves."),
        ("batch-no-path", led(first, path=()), "Two leaves, and no hash beside the first."),
        ("batch-short-hash", led(first, path=(path[0][:-1],)), "A hash of 31 bytes."),
        ("batch-endless-path", led(seven[0], path=path * 4), "Twelve hashes, and 1,024 leaves need ten."),
    ):
        yield one(name, description, envelope, malformed)
    yield from _batch_signature_cases(seven, path)
    root, _ = root_and_paths([leaf_hash(pae(each.payload_type, each.payload)) for each in seven])
    statement = Envelope(
        payload_type=BATCH_TYPE,
        payload=(7).to_bytes(8, "big") + root,
        signatures=(replace(seven[0].signatures[0], inclusion=None),),
    )
    yield one("batch-root-as-payload", "What was signed for the batch, sent as a payload: its signature fits.",
              statement, "PAYLOAD_TYPE_UNKNOWN")  # fmt: skip
    yield one("batch-revoked-key", "The root was signed by a key that is revoked now.", seven[0], "KEY_REVOKED",
              keys=(key(ACTIVE, "revoked"),))  # fmt: skip
    again = Presentation(envelope=second, expected=PERMITTED)
    yield Case(
        name="batch-replayed",
        description="Two of a batch, and the second again: each counts alone.",
        presentations=(replace(again, envelope=first), again, replace(again, expected="DECISION_REPLAYED")),
    )


def _batch_signature_cases(seven: list[Envelope], path: tuple[bytes, ...]) -> Iterator[Case]:
    """Paths that lead to no root, or to another one."""
    first, elsewhere = seven[0], batch(7, first=11)[0]
    (signature,) = first.signatures
    bare = replace(signature, inclusion=None)
    root, _ = root_and_paths([leaf_hash(pae(each.payload_type, each.payload)) for each in seven])
    swapped = [node_hash(pae(each.payload_type, each.payload), b"") for each in batch(2)]
    sides = leaf_hash(pae(first.payload_type, first.payload)) + path[0]
    for name, envelope, description in (
        ("batch-wrong-index", led(first, leaf_index=1), "The path of place 0, told to be that of place 1."),
        ("batch-wrong-size", led(first, tree_size=8), "The tree of seven, told to be one of eight."),
        ("batch-wrong-sibling", led(first, path=(flipped(path[0], 5), *path[1:])), "One bit of a hash is turned."),
        ("batch-truncated-path", led(first, path=path[:-1]), "The last hash is missing."),
        ("batch-path-too-long", led(first, path=(*path, path[0])), "One hash too many."),
        ("batch-reversed-path", led(first, path=path[::-1]), "Farthest first."),
        ("batch-without-path", replace(first, signatures=(bare,)), "Its path is left out: what an old verifier sees."),
        ("batch-other-payload", replace(first, payload=seven[1].payload), "The place of one, the payload of another."),
        ("batch-other-root", replace(first, signatures=elsewhere.signatures), "Signature and path of another batch."),
        ("batch-flipped-bit", replace(first, payload=flipped(first.payload, 40)), "One bit of the payload is turned."),
        ("batch-other-key", signed_by_root(first, OTHER, root), "The root is signed by another key than is named."),
        ("batch-root-alone", signed_over(first, root), "The signature is over the root without type and size."),
        ("batch-node-as-leaf", led(replace(first, payload=sides), leaf_index=0, tree_size=4, path=path[1:]),
         "Two hashes of the tree, sent as a payload in their place."),
        ("batch-single-with-path", replace(first, signatures=(replace(GOOD.signatures[0], inclusion=signature.inclusion),)),
         "A signature over the payload alone, with a path."),
        ("batch-swapped-tags",
         signed_by_root(led(batch(2)[0], path=swapped[1:]), ACTIVE, leaf_hash(b"".join(swapped))),
         "Leaves are hashed as nodes and nodes as leaves, and that root is signed."),
    ):  # fmt: skip
        yield one(name, description, envelope, "SIGNATURE_INVALID", keys=(key(ACTIVE), key(OTHER)))


def planted(size: int) -> Envelope:
    """A decision as the first leaf of a signed tree, however large, whose other leaves are nothing."""
    leaves = [leaf_hash(pae(GOOD.payload_type, GOOD.payload)), *(leaf_hash(b"%d" % each) for each in range(1, size))]
    root, paths = root_and_paths(leaves)
    inclusion = Inclusion(leaf_index=0, tree_size=size, path=paths[0])
    (signature,) = GOOD.signatures
    return signed_by_root(replace(GOOD, signatures=(replace(signature, inclusion=inclusion),)), ACTIVE, root)


def signed_by_root(envelope: Envelope, signer: Ed25519Signer, root: bytes) -> Envelope:
    """The envelope with a signature by `signer` over the right statement, under the key's id that it had."""
    (signature,) = envelope.signatures
    value = signer.sign(pae(BATCH_TYPE, inclusion_of(envelope).tree_size.to_bytes(8, "big") + root)).value
    return replace(envelope, signatures=(replace(signature, value=value),))


def signed_over(envelope: Envelope, message: bytes) -> Envelope:
    """The envelope with the signature of the active key over `message`."""
    (signature,) = envelope.signatures
    return replace(envelope, signatures=(replace(signature, value=ACTIVE.sign(message).value),))


def encoding_cases() -> Iterator[Case]:
    """Bytes that are signed and yet no decision, or not the same one for everybody."""
    good, malformed = encoded(decision()), "DECISION_MALFORMED"
    undrawn = encoded(decision(propensity_ppm=0))
    for name, payload, expected, description in (
        ("truncated-before-signing", good[:-3], malformed, "The last three bytes were never there."),
        ("trailing-bytes", good + b"\x00", malformed, "A zero byte follows the last field."),
        ("non-minimal-varint", good + b"\x48\x87\x00", malformed, "snapshot_version 7 in two bytes instead of one."),
        ("non-minimal-tag", good + b"\xc8\x00\x07", malformed, "The tag of snapshot_version in two bytes instead of one."),
        ("non-minimal-length", good + b"\xba\x01\x81\x00r", malformed, "The length of request_id in two bytes, not one."),
        ("duplicate-field", good + encoded(RouteDecision(tenant="evil")), malformed, "tenant comes twice."),
        ("duplicate-submessage", good + encoded(RouteDecision(limits=limits(9))), malformed, "limits comes twice."),
        ("wrong-wire-type", good + b"\x4d\x07\x00\x00\x00", malformed, "snapshot_version as a fixed 32-bit number."),
        ("number-too-large", undrawn + b"\x90\x01\xc0\x84\xbd\x80\x10", malformed, "propensity_ppm with more than 32 bits."),
        ("group", good + b"\xa3\x06\xa4\x06", malformed, "An empty group, which proto3 does not have."),
        ("unknown-field", good + b"\xa2\x06\x03new", PERMITTED, "Field 100, from a newer control plane."),
        ("non-minimal-unknown-field", good + b"\xa2\x06\x83\x00new", malformed, "The same, its length in two bytes."),
        ("reordered-fields", _reordered(), PERMITTED, "The fields in descending order: legal, if unusual."),
    ):  # fmt: skip
        yield one(name, description, sealed(payload), expected)


def _reordered() -> bytes:
    whole = decision()
    parts = [RouteDecision() for _ in whole.ListFields()]
    for part, (descriptor, _) in zip(parts, whole.ListFields(), strict=True):
        part.CopyFrom(whole)
        for other, _ in whole.ListFields():
            if other.number != descriptor.number:
                part.ClearField(other.name)  # type: ignore[arg-type]  # the stub lists the names one by one
    return b"".join(encoded(part) for part in reversed(parts))


def rule_cases() -> Iterator[Case]:
    """Decisions that break a rule of decision.proto or need what the worker does not know."""
    malformed = "DECISION_MALFORMED"
    yield one("no-target", "A plan with nothing to call.", sealed_decision(targets=[]), malformed)
    yield one("no-limits", "Bounds are missing.", sealed_decision(limits=None), malformed)
    yield one("random-uuid", "decision_id is a UUID, and not of version 7.",
              sealed_decision(decision_id="b5b47f5c-9bd5-4a8e-8d3c-3a6f1f0f5d11"), malformed)  # fmt: skip
    yield one("short-digest", "31 bytes of digest.", sealed_decision(request_digest=bytes(31)), malformed)
    yield one("unknown-required-feature", "The decision needs what the worker does not know.",
              sealed_decision(required_features=["escalation", "telepathy"]), "FEATURE_UNSUPPORTED")  # fmt: skip
    yield one("known-required-feature", "The decision needs what the worker knows.",
              sealed_decision(required_features=["escalation"]), PERMITTED)  # fmt: skip
    yield one("wrong-audience", "For other pools.", sealed_decision(audiences=["gpu"]), "AUDIENCE_MISMATCH")


def time_cases() -> Iterator[Case]:
    """When a decision may run."""
    long, backwards = timestamp(NOW + timedelta(minutes=5, microseconds=1)), timestamp(NOW)
    yield one("expired", "It expired, and five seconds went by.", GOOD, "DECISION_EXPIRED", now=NOW + LIFE + 5 * SECOND)
    yield one("expired-within-skew", "It expired just less than five seconds ago.", GOOD, PERMITTED,
              now=NOW + LIFE + 4.999 * SECOND)  # fmt: skip
    yield one("from-the-future", "It will be issued in more than five seconds.", GOOD, "DECISION_NOT_YET_VALID",
              now=NOW - 5.001 * SECOND)  # fmt: skip
    yield one("ahead-within-skew", "It will be issued in five seconds.", GOOD, PERMITTED, now=NOW - 5 * SECOND)
    yield one("lifetime-too-long", "It lives for a microsecond more than five minutes.",
              sealed_decision(expires_at=long), "DECISION_MALFORMED")  # fmt: skip
    yield one("longest-life", "It lives for five minutes.",
              sealed_decision(expires_at=timestamp(NOW + timedelta(minutes=5))), PERMITTED)  # fmt: skip
    yield one("no-life", "It expires when it is issued.", sealed_decision(expires_at=backwards), "DECISION_MALFORMED")


def request_cases() -> Iterator[Case]:
    """Who presents the decision, and for which request."""
    mismatch = "DIGEST_MISMATCH"
    yield one("wrong-tenant", "Presented by another tenant.", GOOD, "TENANT_MISMATCH", tenant="evil")
    yield one("wrong-presenter", "Presented by another caller.", GOOD, "PRESENTER_MISMATCH", presenter="search")
    yield one("other-body", "For another request.", GOOD, mismatch, body=BODY + b"!")
    yield one("other-content-type", "The same bytes as another type.", GOOD, mismatch, content_type="application/json")
    yield one("shifted-boundary", "A byte moved from the body to the type.", GOOD, mismatch,
              content_type=CONTENT_TYPE + "\n", body=BODY[1:])  # fmt: skip
    yield one("expired-wrong-tenant", "Two faults: the earlier step speaks.", GOOD, "DECISION_EXPIRED",
              now=NOW + HOUR, tenant="evil")  # fmt: skip


def replay_cases() -> Iterator[Case]:
    """How often a decision runs; the presentations are made one after the other to the same worker."""
    again = Presentation(envelope=GOOD, expected=PERMITTED)
    replayed = replace(again, expected="DECISION_REPLAYED")
    twice, other = sealed_decision(limits=limits(max_runs=2)), sealed_decision(2)
    yield Case(
        name="replayed",
        description="A decision for one run, presented three times until it is about to expire.",
        presentations=(again, replayed, replace(replayed, now=NOW + LIFE + 4.999 * SECOND)),
    )
    yield Case(
        name="two-runs",
        description="A decision for two runs, presented three times.",
        presentations=tuple(
            Presentation(envelope=twice, expected=expected) for expected in (PERMITTED, PERMITTED, "DECISION_REPLAYED")
        ),
    )
    yield Case(
        name="refused-is-not-run",
        description="A presentation that was refused counts for nothing.",
        presentations=(replace(again, expected="TENANT_MISMATCH", tenant="evil"), again, replayed),
    )
    yield Case(
        name="replay-guard-full",
        description="A worker that remembers one decision refuses the second until the first has expired.",
        presentations=(
            again,
            Presentation(envelope=other, expected="REPLAY_GUARD_FULL"),
            replayed,
            Presentation(
                envelope=sealed_decision(3, issued_at=timestamp(NOW + LIFE), expires_at=timestamp(NOW + 2 * LIFE)),
                expected=PERMITTED,
                now=NOW + LIFE + 6 * SECOND,
            ),
        ),
        replay_capacity=1,
    )


def cases() -> Iterator[Case]:
    """All cases."""
    for group in (
        envelope_cases, key_cases, signature_cases, batch_cases, encoding_cases, rule_cases, time_cases, request_cases, replay_cases,
    ):  # fmt: skip
        yield from group()
