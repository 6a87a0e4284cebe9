"""Own results move expectations as far as there are enough of them."""

import numpy as np
import pytest

from controlplane.insight.facts import FeedbackFact, Finish, Route, RunFact, RunResult, Tokens
from controlplane.learning.experience import key
from controlplane.learning.model import PPM
from controlplane.learning.quality import outlook
from controlplane.learning.training.log import LeftOut, Sayings, Verdict, stands_for, weighed
from controlplane.learning.training.own import Result, experience, nothing_learned
from tests.unit.learning.test_experience import QA, USUAL

NOTHING = Tokens()


def results(count: int, share: float, *, seed: int = 0, workload: str = "support", **more: object) -> list[Result]:
    """So many results of a model of which 0.8 is expected, good in this share."""
    told = {"task": "qa", "model": "small", "expected": 0.8, **more}
    good = np.random.default_rng(seed).random(count) < share
    return [Result(workload=workload, score=float(score), **told) for score in good]  # type: ignore[arg-type]


def exactly(count: int, tenths: int, **more: object) -> list[Result]:
    """So many results, of every ten of which so many are good."""
    told = {"workload": "support", "task": "qa", "model": "small", "expected": 0.8, **more}
    return [Result(score=float(at % 10 < tenths), **told) for at in range(count)]  # type: ignore[arg-type]


def shift(rows: list[Result], name: str = key("support", "", "small"), *fresh: str) -> float:
    return experience(rows, frozenset(fresh))[name].shift / PPM


def test_little_data_leans_on_what_was_expected_and_much_comes_to_the_truth() -> None:
    exact = [exactly(count, 3) for count in (10, 100, 10_000)]
    few, some, many = (shift(rows, key("support", "qa", "small")) for rows in exact)
    assert -0.5 < many < -0.49 < some < few < -0.1
    spreads = [experience(rows)[key("support", "qa", "small")].spread for rows in exact]
    assert spreads == sorted(spreads, reverse=True)


def test_one_bad_answer_moves_little() -> None:
    assert -0.12 < shift([Result(workload="support", task="qa", model="small", score=0.0, expected=0.9)]) < 0


def test_a_model_that_only_has_the_catalogs_score_is_learned_sooner() -> None:
    rows = results(10, 0.0)
    assert shift(rows, key("support", "", "small"), "small") < shift(rows) < 0


def test_kinds_of_work_of_a_workload_are_told_apart_where_they_differ_and_pooled_where_not() -> None:
    unlike = exactly(300, 8) + exactly(300, 3, task="code")
    found = experience(unlike)
    assert found[key("support", "qa", "small")].shift > -60_000
    assert found[key("support", "code", "small")].shift < -430_000
    alike = exactly(300, 3) + exactly(10, 4, task="code")
    assert shift(alike, key("support", "code", "small")) < -0.2


def test_a_workload_alone_says_nothing_of_others_and_three_that_agree_do() -> None:
    alone = experience(results(500, 0.2))
    assert key("", "", "small") not in alone
    three = experience([one for at in range(3) for one in results(300, 0.3, seed=at, workload=f"workload-{at}")])
    assert three[key("", "", "small")].shift < -350_000


def test_three_that_disagree_say_little_of_others_and_that_it_is_unsure() -> None:
    shares = {"one": 8, "two": 8, "three": 2}
    rows = [each for workload, tenths in shares.items() for each in exactly(300, tenths, workload=workload)]
    common = experience(rows)[key("", "", "small")]
    assert abs(common.shift) < 200_000 < common.spread
    assert experience(rows)[key("one", "", "small")].shift > -60_000


def test_an_answer_that_chance_rarely_chose_stands_for_many_but_not_for_all() -> None:
    drawn = [
        Result(workload="support", task="qa", model="small", score=score, expected=0.8, stands_for=stands_for(chance))
        for score, chance, count in ((0.0, 0.1, 20), (1.0, 1.0, 200))
        for _ in range(count)
    ]
    plain = [Result(workload="support", task="qa", model="small", score=one.score, expected=0.8) for one in drawn]
    assert shift(drawn) < -0.2 < -0.05 < shift(plain)
    assert [stands_for(chance) for chance in (0.0, 0.5, 0.001, 1.0)] == [1.0, 2.0, 10.0, 1.0]


def test_nothing_comes_of_nothing() -> None:
    assert experience([]) == {}
    assert experience(results(5, 0.5, weight=0.0)) == {}


def test_without_any_results_the_catalogs_score_holds_less_what_hardness_takes() -> None:
    found = outlook(nothing_learned("reading"), USUAL, QA, "support")
    high, low = found.of("any", 0.9), found.of("any", 0.4)
    assert abs(high.quality - 900_000) < 50_000
    assert low.quality < high.quality
    assert low.low < low.quality < low.high


def run(
    model: str = "small", *, run_id: str = "run", result: RunResult = RunResult.SUCCEEDED, **more: object
) -> RunFact:
    told = {"finish": None, "schema_invalid": False, **more}
    return RunFact(
        run_id=run_id, decision_id="one", at_us=1, result=result, error="", cost_nanousd=0, estimated_nanousd=0,
        tokens=NOTHING, answer=NOTHING, answered_by=Route(model=model, deployment="first/small"), calls=(),
        latency_us=0, first_token_us=None, **told,  # type: ignore[arg-type]
    )  # fmt: skip


def said(quality: int | None = None, *, giver: str = "app", order: int = 1, **more: object) -> FeedbackFact:
    told = {"success": None, "label": "", **more}
    return FeedbackFact(decision_id="one", giver=giver, order=order, quality_ppm=quality, **told)  # type: ignore[arg-type]


def verdict(*facts: RunFact | FeedbackFact) -> Verdict | LeftOut | None:
    found = Sayings()
    for fact in facts:
        found.hear(fact)
    return found.verdict("one")


@pytest.mark.parametrize(
    ("feedback", "score"),
    [
        ([said(quality=700_000, success=False, label="refused")], 0.7),
        ([said(success=True, label="refused")], 1.0),
        ([said(success=False)], 0.0),
        ([said(label="accepted")], 1.0),
        ([said(label="retried")], 0.0),
        ([said(label="escalated")], 0.0),
        ([said(label="refused")], 0.0),
        ([said(label="corrected")], None),
        ([said()], None),
        ([said(quality=200_000, order=1), said(quality=800_000, order=2)], 0.8),
        ([said(quality=800_000, order=2), said(quality=200_000, order=1)], 0.8),
        ([said(quality=200_000), said(giver="judge", success=True)], 0.6),
    ],
)
def test_feedback_becomes_a_score_as_the_table_says(feedback: list[FeedbackFact], score: float | None) -> None:
    assert verdict(run("Small"), *feedback) == Verdict(model="small", score=score, failed=False)
    assert verdict(*feedback, run("Small")) == Verdict(model="small", score=score, failed=False)


@pytest.mark.parametrize(
    ("more", "failed"),
    [
        ({"finish": Finish.WITHHELD}, True),
        ({"finish": Finish.REFUSAL}, True),
        ({"schema_invalid": True}, True),
        ({"finish": Finish.LENGTH}, False),
        ({}, False),
    ],
)
def test_a_receipt_tells_of_answers_of_no_use(more: dict[str, object], failed: bool) -> None:
    assert verdict(run(**more)) == Verdict(model="small", score=None, failed=failed)  # type: ignore[arg-type]


@pytest.mark.parametrize("result", [RunResult.FAILED, RunResult.BROKEN, RunResult.CANCELLED])
def test_errors_of_providers_say_nothing_of_quality(result: RunResult) -> None:
    assert verdict(run(result=result)) is None
    assert verdict(run(result=result), said(quality=0)) is LeftOut.UNANSWERED


def test_an_answer_that_several_models_gave_is_nobodys() -> None:
    assert verdict(run(), run("large", run_id="two"), said(quality=0)) is LeftOut.SEVERAL
    assert verdict(run(), run(run_id="two"), said(quality=0)) == Verdict(model="small", score=0.0, failed=False)
    assert verdict() is None


def test_answers_of_no_use_count_in_the_proportion_in_which_they_were_given() -> None:
    """One in a hundred of no use, and one in a hundred judged: they must not become half of what is seen."""
    judged, failed = results(10, 1.0), results(10, 0.0)
    rows = weighed(judged, failed, {("support", "small"): 990})
    total = sum(one.weight for one in rows)
    assert sum(one.weight * one.score for one in rows) / total > 0.98
    assert shift(judged + failed) < 0 < shift(rows)


def test_answers_of_no_use_are_learned_of_where_nobody_judges() -> None:
    often = weighed([], results(600, 0.0), {("support", "small"): 400})
    seldom = weighed([], results(10, 0.0), {("support", "small"): 990})
    assert shift(often) < -0.15
    assert -0.01 < shift(seldom) <= 0
