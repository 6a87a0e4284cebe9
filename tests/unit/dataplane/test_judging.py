"""Receipts of answers that are judged: each goes on once, whatever becomes of the judgement."""

import logging
import threading
from collections.abc import Callable
from dataclasses import replace

import pytest

from dataplane.chat.model import FinishReason, FormatKind, ResponseFormat, TextDelta
from dataplane.execution.output import Answer, OutputCheck
from dataplane.execution.receipt import Receipt
from dataplane.report.judging import Judging
from tests.support.runs import Rig, answer, call_failure
from tests.support.virtual_time import run

JSON = ResponseFormat(kind=FormatKind.JSON)
SAID = Answer(form=JSON, text="{}")
SECRET = "quetzalcoatl"


def receipt() -> Receipt:
    """One of a good run."""

    async def main() -> Receipt:
        rig = Rig({"a": [answer()]})
        await rig.runner.generate(rig.run("a"))
        return rig.receipts[0]

    return run(main())


GOOD = receipt()


def judging(kept: list[Receipt], judge: Callable[[Answer], OutputCheck], **limits: int) -> Judging:
    return Judging(kept.append, judge, after=0, **limits)


def valid(_: Answer) -> OutputCheck:
    return OutputCheck.VALID


def broken(_: Answer) -> OutputCheck:
    raise ValueError(SECRET)


async def test_a_receipt_waits_for_its_judgement_and_one_without_an_answer_does_not() -> None:
    kept: list[Receipt] = []
    judges = judging(kept, valid)
    judges.take(GOOD, SAID)
    judges.take(GOOD, None)
    assert kept == [GOOD]
    await judges.settle(5)
    assert kept == [GOOD, replace(GOOD, output_check=OutputCheck.VALID)]


async def test_a_fault_of_the_judge_leaves_the_receipt_as_it_was(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    kept: list[Receipt] = []
    judges = judging(kept, broken)
    judges.take(GOOD, SAID)
    await judges.settle(5)
    assert kept == [GOOD]
    assert "was not judged: ValueError" in caplog.text
    assert SECRET not in caplog.text


async def test_the_loop_goes_on_while_an_answer_is_judged_and_who_stops_waits_no_longer_than_told() -> None:
    go, kept = threading.Event(), list[Receipt]()

    def slow(_: Answer) -> OutputCheck:
        go.wait(30)
        return OutputCheck.VALID

    judges = judging(kept, slow)
    judges.take(GOOD, SAID)
    try:
        await judges.settle(0.01)
        assert kept == [GOOD]
    finally:
        go.set()


@pytest.mark.parametrize(("limits", "at_once"), [({"most_waiting": 1}, 1), ({"most_bytes": 3}, 1), ({}, 0)])
async def test_beyond_the_bounds_receipts_go_on_at_once(limits: dict[str, int], at_once: int) -> None:
    kept: list[Receipt] = []
    judges = judging(kept, valid, **limits)
    judges.take(GOOD, SAID)
    judges.take(GOOD, SAID)
    assert kept == [GOOD] * at_once
    await judges.settle(5)
    assert len(kept) == 2
    judges.take(GOOD, None)
    assert len(kept) == 3


def test_only_an_answer_that_had_to_be_json_is_handed_on() -> None:
    async def main() -> None:
        for form, expected in ((JSON, Answer(form=JSON, text='{"a":1}')), (ResponseFormat(), None)):
            rig = Rig({"a": [answer('{"a"', ":1}"), answer('{"a"', ":1}")]})
            asked = rig.run("a")
            asked = replace(asked, request=replace(asked.request, response_format=form))
            seen = [event async for event in rig.runner.stream(asked)]
            assert seen[:2] == [TextDelta(text='{"a"'), TextDelta(text=":1}")]
            await rig.runner.generate(asked)
            assert rig.answers == [expected, expected]
            assert rig.receipts[0].finish_reason is FinishReason.STOP

    run(main())


def test_an_answer_that_broke_off_is_not_handed_on() -> None:
    async def main() -> None:
        rig = Rig({"a": [(0.1, TextDelta(text="{"), call_failure("stream_cut"))]})
        asked = rig.run("a")
        asked = replace(asked, request=replace(asked.request, response_format=JSON))
        async for _ in rig.runner.stream(asked):
            pass
        assert rig.answers == [None]

    run(main())
