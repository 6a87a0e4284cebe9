"""What a request is expected to cost and to take."""

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest

from controlplane.catalog.model import Complexity, DeploymentName, TaskType
from controlplane.decision.estimates import costs_nanousd, expected_output, speed
from controlplane.decision.model import Estimate
from controlplane.policy.model import ExecutionLimits
from controlplane.snapshot.model import Live, Statistics, Streamed, Whole
from tests.support.catalogs import catalog, model, policy, price
from tests.support.decisions import asked, decided, features


def measured(samples: int, seconds: float, first: float) -> Statistics:
    """Statistics of so many attempts."""
    return Statistics(samples=samples, latency=timedelta(seconds=seconds), time_to_first_token=timedelta(seconds=first))


def estimate(output: int, *, limit: int = 4_096, writes: int = 16_384) -> Estimate:
    """The estimate of a moderate summary whose request wants `output` tokens, where policy and model allow so many."""
    known = catalog(
        models=[model(max_output_tokens=writes)], policies=[policy(limits=ExecutionLimits(max_output_tokens=limit))]
    )
    return decided(asked("summarization", features=features(max_output_tokens=output)), known).targets[0].estimate


def test_a_cost_is_that_of_input_and_output() -> None:
    million = 1_000_000
    assert costs_nanousd([(2 * million, 10 * million), (0, 0)], 100, [200, 7]) == [2_200, 0]


def test_a_part_of_a_nanodollar_counts_as_a_whole_one() -> None:
    """So that no estimate slips under a cap by rounding."""
    assert costs_nanousd([(1, 0), (1_000_000, 0), (1_000_001, 0)], 1, [0, 0, 0]) == [1, 1, 2]


@pytest.mark.parametrize("task", TaskType)
def test_an_answer_is_expected_no_shorter_for_being_harder(task: TaskType) -> None:
    lengths = [expected_output(task, complexity, features()) for complexity in Complexity]
    assert all(0 < shorter <= longer for shorter, longer in pairwise(lengths))


@pytest.mark.parametrize(
    ("task", "tokens"),
    [(TaskType.TRANSLATION, 1_120), (TaskType.EXTRACTION, 300), (TaskType.SUMMARIZATION, 250), (TaskType.CHAT, 200)],
)
def test_an_answer_that_carries_the_text_grows_with_it(task: TaskType, tokens: int) -> None:
    assert expected_output(task, Complexity.MODERATE, features(last_user_tokens=1_000)) == tokens


def test_an_answer_is_expected_no_longer_than_anybody_lets_it_be() -> None:
    usual = estimate(0).output_tokens
    assert usual == 158
    assert estimate(100).output_tokens == 100
    assert estimate(0, limit=50).output_tokens == 50
    assert estimate(0, writes=30).output_tokens == 30
    assert estimate(3_000).output_tokens == usual


def test_an_estimate_tells_tokens_cost_time_and_quality() -> None:
    known = catalog(models=[model(price=price(10, 30), latency=timedelta(seconds=3), quality=0.9)])
    assert decided(asked("chat", "moderate"), known).targets[0].estimate == Estimate(
        cost_nanousd=100 * 10_000 + 200 * 30_000,
        latency=timedelta(seconds=0.9 + 200 * 2.1 / 300),
        quality=0.9,
        input_tokens=100,
        output_tokens=200,
    )


def test_quality_is_that_for_the_kind_of_work() -> None:
    known = catalog(models=[model(quality=0.9, quality_by_task=((TaskType.CODE, 0.97),))])
    qualities = [decided(asked(task), known).targets[0].estimate.quality for task in ("code", "chat")]
    assert qualities == [0.97, 0.9]


def test_before_anything_is_measured_the_prior_holds() -> None:
    first, each = speed(3.0, None)
    assert [first, each * 300] == pytest.approx([0.9, 2.1])
    assert speed(3.0, measured(0, 99, 98)) == pytest.approx((first, each))


def test_twenty_measured_calls_weigh_as_much_as_the_prior() -> None:
    first, each = speed(3.0, measured(20, 5.0, 1.9))
    assert [first, each * 300] == pytest.approx([1.4, 4.0 - 1.4])


def test_many_measured_calls_replace_the_prior() -> None:
    first, each = speed(3.0, measured(100_000, 5.0, 1.9))
    assert [first, each * 300] == pytest.approx([1.9, 3.1], abs=0.01)


def test_a_first_token_later_than_the_whole_answer_does_not_make_time_run_backwards() -> None:
    assert speed(1.0, measured(1_000, 1.0, 5.0))[1] == 0.0


def told(*, streamed: Streamed | None = None, whole: Whole | None = None) -> Statistics:
    """Statistics of attempts whose tokens are known."""
    return replace(measured(64, 99, 98), streamed=streamed, whole=whole)


def test_streamed_answers_tell_the_first_token_and_tokens_per_second() -> None:
    """Whatever the length of the answers that were measured; control: taken for answers of usual length, long ones look slow."""
    pace = Streamed(samples=10**6, time_to_first_token=timedelta(seconds=0.5), per_token=timedelta(milliseconds=8))
    assert speed(3.0, told(streamed=pace)) == pytest.approx((0.5, 0.008), rel=1e-4)
    long = measured(10**6, 0.5 + 4_000 * 0.008, 0.5)
    assert speed(3.0, long)[1] > 0.1


def test_answers_that_came_at_once_tell_the_sum_for_their_length() -> None:
    """Control: without their length all of their time would be that to the first token."""
    first, each = speed(3.0, told(whole=Whole(samples=10**6, latency=timedelta(seconds=4), tokens=150)))
    assert first + 150 * each == pytest.approx(4.0, rel=1e-4)
    assert first / each == pytest.approx(0.9 / (2.1 / 300))
    assert speed(3.0, measured(10**6, 4.0, 4.0))[1] == pytest.approx(0.0, abs=1e-6)


def test_a_model_without_a_usual_time_is_known_by_its_streamed_answers() -> None:
    pace = Streamed(samples=20, time_to_first_token=timedelta(seconds=1), per_token=timedelta(milliseconds=10))
    whole = Whole(samples=20, latency=timedelta(seconds=1), tokens=100)
    assert speed(0.0, told(streamed=pace, whole=whole)) == pytest.approx((0.5, 0.005))


def test_what_was_measured_is_expected_of_its_deployment_alone() -> None:
    slow = Live(statistics={DeploymentName("openai/gpt-4o-mini"): measured(10_000, 60, 20)})
    usual, now = decided().targets, decided(live=slow).targets
    latency = {str(target.model): target.estimate.latency.total_seconds() for target in now}
    assert latency["gpt-4o-mini"] > 40
    assert now[1:] == usual[1:]
