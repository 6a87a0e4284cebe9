"""What a target cannot carry is known before it is called: it costs no attempt, no permit and no retry."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from dataplane.chat.model import ChatRequest
from dataplane.execution.compatibility import Misfit, fits_by_protocol
from dataplane.execution.receipt import SkippedTarget, SkipReason
from dataplane.execution.run import RunOutcome
from dataplane.provider.model import Endpoint, Original, Verdict
from dataplane.snapshot.model import Deployment, WireProtocol
from tests.support.runs import REQUEST, Rig, Script, answer, deployment, failure
from tests.support.virtual_time import run

NO_THINKING = Misfit(field="messages[1]", reason="a signed thinking block goes back to its own protocol only")
REFUSED_BY_ADAPTER = failure("unsupported", Verdict.IGNORED, unsent=True, field="seed")


def with_misfits(misfits: Mapping[str, Misfit], **scripts: list[Script]) -> tuple[RunOutcome, Rig]:
    """A whole answer or a failure where these deployments cannot carry the request, and the rig it came from."""

    async def main() -> tuple[RunOutcome, Rig]:
        rig = Rig(scripts, fits=lambda _request, _original, deployment: misfits.get(deployment.name))
        return await rig.runner.generate(rig.run(*scripts)), rig

    return run(main())


def test_a_target_that_cannot_carry_the_request_is_passed_over_with_the_reason() -> None:
    outcome, rig = with_misfits({"a": NO_THINKING}, a=[answer()], b=[answer()])
    assert outcome.response
    assert rig.provider.called() == ["b"]
    (skipped,) = outcome.receipt.skipped
    assert skipped == SkippedTarget(deployment="a", reason=SkipReason.INCOMPATIBLE, detail=str(NO_THINKING))
    assert [(told.reason, told.detail) for told in rig.recorder.skips] == [(skipped.reason, skipped.detail)]


def test_without_the_knowledge_the_target_is_called() -> None:
    """The control."""
    _, rig = with_misfits({}, a=[answer()], b=[answer()])
    assert rig.provider.called() == ["a"]


def test_a_target_that_is_passed_over_takes_nothing_of_its_breaker_its_budget_or_the_time() -> None:
    async def main() -> None:
        rig = Rig(
            {"a": [answer()], "b": [answer(after=25)]},
            fits=lambda _request, _original, deployment: NO_THINKING if deployment.name == "a" else None,
        )
        outcome = await rig.runner.generate(rig.run("b", "a"))
        assert outcome.response, "the whole time is for the one that can answer"
        assert not rig.board._targets.keys() & {key for key in rig.board._targets if key.model == "a"}
        assert "a" not in rig.budgets._budgets

    run(main())


def test_where_no_target_can_carry_the_request_the_caller_is_told_the_field_and_why() -> None:
    other = Misfit(field="response_format", reason="this model takes no schema")
    outcome, rig = with_misfits({"a": NO_THINKING, "b": other}, a=[answer()], b=[answer()])
    assert outcome.failure
    assert (outcome.failure.reason, outcome.failure.field) == ("PROVIDER_REJECTED", "messages[1]")
    assert NO_THINKING.reason in outcome.failure.message
    assert other.reason in outcome.failure.message
    assert rig.provider.calls == []
    assert outcome.receipt.attempts == ()
    assert outcome.receipt.cost_nanousd == 0


def test_a_target_that_fails_beside_one_that_cannot_is_a_failure_of_targets() -> None:
    outcome, _ = with_misfits({"a": NO_THINKING}, a=[answer()], b=[failure("http_500")])
    assert outcome.failure
    assert outcome.failure.reason == "TARGETS_EXHAUSTED"
    assert "a: incompatible" in outcome.failure.message


def test_what_an_adapter_refuses_to_write_goes_to_the_next_target() -> None:
    outcome, rig = with_misfits({}, a=[REFUSED_BY_ADAPTER], b=[answer()])
    assert outcome.response
    assert rig.provider.called() == ["a", "b"]
    assert outcome.receipt.attempts[0].cost_nanousd == 0


def test_what_the_caller_wrote_wrong_goes_nowhere_else() -> None:
    wrong = failure("bad_request", Verdict.IGNORED, unsent=True, field="tools[0].name")
    outcome, rig = with_misfits({}, a=[wrong], b=[answer()])
    assert outcome.failure
    assert outcome.failure.reason == "PROVIDER_REJECTED"
    assert rig.provider.called() == ["a"]


def test_where_every_adapter_refuses_the_caller_is_told_so() -> None:
    outcome, _ = with_misfits({"b": NO_THINKING}, a=[REFUSED_BY_ADAPTER], b=[answer()])
    assert outcome.failure
    assert (outcome.failure.reason, outcome.failure.field) == ("PROVIDER_REJECTED", "seed")


SIX_STOPS = replace(REQUEST, stop=("1", "2", "3", "4", "5", "6"))
TAKES_FIVE = deployment("a", protocol=WireProtocol.GEMINI)


def test_what_protocols_can_carry_decides() -> None:
    fits = fits_by_protocol(lambda *_: False)
    assert fits(REQUEST, None, TAKES_FIVE) is None
    assert fits(SIX_STOPS, None, TAKES_FIVE) == Misfit(field="stop", reason="provider-a cannot carry stop")


def test_a_target_that_takes_the_request_as_it_is_can_carry_everything() -> None:
    same, other = (
        Original(endpoint=endpoint, text="{}", spans={}) for endpoint in (Endpoint.CHAT_COMPLETIONS, Endpoint.MESSAGES)
    )
    fits = fits_by_protocol(lambda original, *_: original is same)
    assert fits(SIX_STOPS, same, TAKES_FIVE) is None
    assert fits(SIX_STOPS, other, TAKES_FIVE) is not None


@pytest.mark.parametrize("original", [None, Original(endpoint=Endpoint.MESSAGES, text="{}", spans={})])
def test_the_request_as_its_caller_wrote_it_is_judged_too(original: Original | None) -> None:
    seen: list[Original | None] = []

    def fits(request: ChatRequest, written: Original | None, deployment: Deployment) -> Misfit | None:
        seen.append(written)
        return None

    async def main() -> None:
        rig = Rig({"a": [answer()]}, fits=fits)
        await rig.runner.generate(replace(rig.run("a"), original=original))

    run(main())
    assert seen == [original]
