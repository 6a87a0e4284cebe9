"""Several keys of one deployment: they take turns, and one that is refused makes room for the next."""

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from dataplane.execution.board import Admission
from dataplane.execution.gate import TargetState
from dataplane.execution.keys import KeyRing, target_key
from dataplane.execution.receipt import SkipReason
from dataplane.execution.run import RunOutcome
from dataplane.execution.verdict import CallEnd
from dataplane.provider.model import Verdict
from dataplane.snapshot.model import Deployment
from tests.support.runs import Rig, Script, answer, call_failure, deployment, failure, throttled, unreachable, utc
from tests.support.virtual_time import VirtualClock, pause, run

KEYS = ("env:K1", "env:K2", "env:K3")
K1, K2, K3 = (f"secret of {key}" for key in KEYS)
WRONG_KEY = failure("credential", Verdict.MISCONFIGURED, http_status=401)
FORBIDDEN = failure("credential", Verdict.MISCONFIGURED, http_status=403)
NO_MONEY = failure("quota_exhausted", Verdict.MISCONFIGURED, http_status=429)


def keyed(name: str = "a", keys: tuple[str, ...] = KEYS, **changes: object) -> Deployment:
    """A deployment with these keys."""
    return deployment(name, credential=keys[0], more_credentials=keys[1:], **changes)


def used(rig: Rig) -> list[str]:
    """The keys in the order in which they were used, other deployments by their name."""
    return [call.credential if call.deployment.name == "a" else call.deployment.name for call in rig.provider.seen]


def one_run(
    scripts: dict[str, list[Script]], *targets: str, keys: tuple[str, ...] = KEYS, **limits: Any
) -> tuple[RunOutcome, Rig]:
    """One run of `a`, which has `keys`, and the other targets."""

    async def main() -> tuple[RunOutcome, Rig]:
        others = [deployment(name) for name in targets if name != "a"]
        rig = Rig({"a": [answer()], **scripts}, deployments=[keyed(keys=keys), *others])
        return await rig.runner.generate(rig.run(*(targets or ("a",)), **limits)), rig

    return run(main())


def test_calls_take_turns_over_the_keys() -> None:
    async def main() -> None:
        rig = Rig({"a": [answer()]}, deployments=[keyed()])
        await asyncio.gather(*(rig.runner.generate(rig.run("a")) for _ in range(30)))
        assert Counter(used(rig)) == {K1: 10, K2: 10, K3: 10}

    run(main())


def test_a_key_that_is_named_twice_takes_one_turn() -> None:
    async def main() -> None:
        rig = Rig({"a": [answer()]}, deployments=[keyed(keys=("env:K1", "env:K2", "env:K1"))])
        for _ in range(4):
            await rig.runner.generate(rig.run("a"))
        assert used(rig) == [K1, K2, K1, K2]

    run(main())


@pytest.mark.parametrize("refused", [WRONG_KEY, FORBIDDEN, NO_MONEY, throttled(), throttled(60)])
def test_a_key_that_is_refused_makes_room_for_the_next_of_the_same_deployment_at_once(refused: Script) -> None:
    outcome, rig = one_run({K1: [refused], "b": [answer()]}, "a", "b")
    assert outcome.response
    assert used(rig) == [K1, K2]
    assert [at for _, at in rig.provider.calls] == [0, pytest.approx(0.1)]
    assert [attempt.deployment for attempt in outcome.receipt.attempts] == ["a", "a"]


def test_with_one_key_alone_the_next_target_is_called() -> None:
    """The control."""
    _, rig = one_run({K1: [WRONG_KEY], "b": [answer()]}, "a", "b", keys=KEYS[:1])
    assert used(rig) == [K1, "b"]


@pytest.mark.parametrize(
    "refused",
    [
        failure("model_unknown", Verdict.MISCONFIGURED, http_status=404),
        failure("overloaded", Verdict.THROTTLED, http_status=529),
        failure("http_500"),
    ],
)
def test_what_no_key_can_help_goes_to_the_next_target(refused: Script) -> None:
    _, rig = one_run({K1: [refused], "b": [answer()]}, "a", "b")
    assert used(rig) == [K1, "b"]


def test_the_targets_behind_keep_one_attempt() -> None:
    _, rig = one_run({K1: [throttled(60)], K2: [throttled(60)], "b": [answer()], "c": [answer()]}, "a", "b", "c")
    assert used(rig) == [K1, K2, "b"]


def test_without_targets_behind_every_attempt_may_be_another_key() -> None:
    outcome, rig = one_run({K1: [throttled(60)], K2: [WRONG_KEY]})
    assert outcome.response
    assert used(rig) == [K1, K2, K3]


def test_no_more_keys_than_attempts_are_tried() -> None:
    outcome, rig = one_run({K1: [WRONG_KEY], K2: [WRONG_KEY]}, max_attempts=2)
    assert outcome.failure
    assert outcome.failure.reason == "PROVIDER_MISCONFIGURED"
    assert used(rig) == [K1, K2]


def test_a_throttled_key_stands_back_and_the_others_go_on() -> None:
    async def main() -> None:
        rig = Rig({"a": [answer()], K1: [throttled(60), answer()]}, deployments=[keyed()])
        await rig.runner.generate(rig.run("a"))
        rig.provider.seen.clear()
        await asyncio.gather(*(rig.runner.generate(rig.run("a")) for _ in range(20)))
        assert set(used(rig)) == {K2, K3}
        rig.provider.seen.clear()
        await pause(61)
        await asyncio.gather(*(rig.runner.generate(rig.run("a")) for _ in range(20)))
        assert K1 in used(rig)

    run(main())


def test_when_every_key_is_held_the_first_to_open_is_told() -> None:
    async def main() -> None:
        held = {K1: [throttled(60)], K2: [throttled(30)], K3: [WRONG_KEY]}
        rig = Rig({"a": [answer()], **held}, deployments=[keyed()])
        for _ in range(3):
            await rig.runner.generate(rig.run("a"))
        outcome = await rig.runner.generate(rig.run("a"))
        assert outcome.failure
        assert outcome.failure.reason == "PROVIDER_THROTTLED"
        assert timedelta(seconds=29) < (outcome.failure.retry_after or timedelta()) <= timedelta(seconds=30)
        assert [skipped.reason for skipped in outcome.receipt.skipped] == [SkipReason.BREAKER_OPEN]
        (health,) = rig.gate.health(rig.snapshot)
        assert (health.state, health.until) == (TargetState.OPEN, utc(30.2))

    run(main())


def test_keys_that_are_not_there_are_left_out() -> None:
    async def main() -> None:
        rig = Rig(
            {"a": [answer()]},
            deployments=[keyed()],
            credentials=lambda name: None if name == "env:K2" else f"secret of {name}",
        )
        for _ in range(4):
            assert (await rig.runner.generate(rig.run("a"))).response
        assert set(used(rig)) == {K1, K3}
        assert rig.gate.health(rig.snapshot)[0].state is TargetState.CLOSED

    run(main())


def test_health_misses_a_credential_only_if_none_is_there() -> None:
    async def main() -> None:
        rig = Rig({"a": [answer()]}, deployments=[keyed()], credentials=lambda _: None)
        assert rig.gate.health(rig.snapshot)[0].state is TargetState.NO_CREDENTIAL
        outcome = await rig.runner.generate(rig.run("a"))
        assert [skipped.reason for skipped in outcome.receipt.skipped] == [SkipReason.NO_CREDENTIAL]

    run(main())


def test_health_is_that_of_the_best_key() -> None:
    async def main() -> None:
        rig = Rig({"a": [answer()], K1: [WRONG_KEY]}, deployments=[keyed(keys=KEYS[:2])])
        await rig.runner.generate(rig.run("a"))
        assert rig.gate.health(rig.snapshot)[0].state is TargetState.CLOSED
        other = rig.board.admit(target_key(rig.snapshot.deployments["a"], "env:K2"), 0.1)
        assert isinstance(other, Admission)
        other.settle(CallEnd(verdict=Verdict.MISCONFIGURED, now=0.1, error="credential"), elapsed=0.0)
        assert rig.gate.health(rig.snapshot)[0].state is TargetState.MISCONFIGURED
        rig.gate.reset(rig.snapshot.deployments["a"])
        assert rig.gate.health(rig.snapshot)[0].state is TargetState.CLOSED

    run(main())


def test_a_target_that_is_out_says_why() -> None:
    async def main() -> None:
        rig = Rig({"a": [WRONG_KEY]})
        await rig.runner.generate(rig.run("a"))
        outcome = await rig.runner.generate(rig.run("a"))
        assert outcome.failure
        assert "a: misconfigured (credential)" in outcome.failure.message

    run(main())


def test_a_connection_that_fails_is_tried_again_and_no_key_is_blamed() -> None:
    outcome, rig = one_run({K1: [unreachable()], "b": [answer()]}, "a", "b")
    assert outcome.response
    assert used(rig) == [K1, K2]
    assert len(rig.recorder.waits) == 1


def told(limit: int, remaining: int, reset: str = "1m0s") -> dict[str, str]:
    """Headers about requests."""
    return {
        "x-ratelimit-limit-requests": str(limit),
        "x-ratelimit-remaining-requests": str(remaining),
        "x-ratelimit-reset-requests": reset,
    }


def test_a_key_with_much_less_left_than_the_best_stands_back() -> None:
    async def main() -> None:
        ring, place = KeyRing(VirtualClock()), keyed()
        for key, left in zip(KEYS, (10, 90, 60), strict=True):
            ring.hear(target_key(place, key), told(100, left))
        assert {tuple(ring.order(place)) for _ in range(6)} == {
            ("env:K2", "env:K3", "env:K1"),
            ("env:K3", "env:K2", "env:K1"),
        }
        await pause(60)
        assert {ring.order(place)[0] for _ in range(3)} == set(KEYS), "every window began anew"

    run(main())


def test_rate_limits_are_heard_of_from_whole_answers_streams_and_refusals_and_reported_together() -> None:
    async def main() -> None:
        scripts: dict[str, list[Script]] = {
            K1: [(0.1, told(100, 40), *answer()[1:])],
            K2: [(0.1, told(100, 0, "30s"), call_failure("rate_limited", Verdict.THROTTLED))],
        }
        rig = Rig({"a": [answer()], **scripts}, deployments=[keyed(keys=KEYS[:2])])
        assert rig.gate.health(rig.snapshot)[0].headroom is None
        await rig.events("a")
        assert rig.gate.health(rig.snapshot)[0].headroom is None, "the other key may leave anything"
        await rig.runner.generate(rig.run("a"))
        headroom = rig.gate.health(rig.snapshot)[0].headroom
        assert headroom
        assert (headroom.requests_limit, headroom.requests_remaining) == (200, 40)
        await pause(40)
        renewed = rig.gate.health(rig.snapshot)[0].headroom
        assert renewed
        assert renewed.requests_remaining == 140

    run(main())


def test_headroom_is_forgotten_with_its_deployment() -> None:
    async def main() -> None:
        rig = Rig({"a": [(0.1, told(100, 40), *answer()[1:])]})
        await rig.runner.generate(rig.run("a"))
        assert rig.gate.health(rig.snapshot)[0].headroom
        moved = Rig({"a": [answer()]}, deployments=[deployment("a", base_url="https://elsewhere.example")]).snapshot
        rig.gate.renew(moved)
        assert rig.gate.health(moved)[0].headroom is None
        assert rig.gate.health(rig.snapshot)[0].headroom is None

    run(main())
