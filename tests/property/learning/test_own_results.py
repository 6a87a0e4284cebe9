"""Whatever the results are: own experience stays between what was seen and what is known above it, and nobody else's moves."""

from collections.abc import Mapping, Sequence

from hypothesis import given
from hypothesis import strategies as st

from controlplane.learning.experience import key
from controlplane.learning.model import PPM, Experience
from controlplane.learning.training.own import Result, experience

SHARES = st.integers(0, 20).map(lambda part: part / 20)
RESULTS = st.builds(
    Result,
    workload=st.sampled_from(["support", "search", "review"]),
    task=st.sampled_from(["qa", "code"]),
    model=st.sampled_from(["small", "large", "new"]),
    score=SHARES,
    expected=st.integers(1, 99).map(lambda part: part / 100),
    weight=st.sampled_from([1.0, 0.5, 0.04]),
    stands_for=st.sampled_from([1.0, 2.5, 10.0]),
)
FRESH = frozenset({"new"})


@given(data=st.data(), results=st.lists(RESULTS, max_size=40))
def test_the_order_of_results_does_not_matter(data: st.DataObject, results: Sequence[Result]) -> None:
    assert experience(data.draw(st.permutations(results)), FRESH) == experience(results, FRESH)


@given(results=st.lists(RESULTS, min_size=1, max_size=40))
def test_nothing_moves_further_than_the_results_that_move_it(results: Sequence[Result]) -> None:
    found = experience(results, FRESH)
    assert found
    for name, kept in found.items():
        residuals = [one.score - one.expected for one in results if one.model == name.split("|")[2]]
        assert min([0.0, *residuals]) * PPM - 1 <= kept.shift <= max([0.0, *residuals]) * PPM + 1
        assert 0 < kept.spread < PPM


def of(found: Mapping[str, Experience], workload: str) -> dict[str, Experience]:
    return {name: kept for name, kept in found.items() if name.startswith(f"{workload}|")}


def plain(workload: str, score: float) -> Result:
    return Result(workload=workload, task="qa", model="small", score=score, expected=0.5)


def mean(results: Sequence[Result]) -> float:
    return sum(one.score - one.expected for one in results) / len(results) * PPM


@given(here=st.lists(SHARES, min_size=1, max_size=20), there=st.lists(SHARES, min_size=1, max_size=60))
def test_another_workload_makes_results_count_more_or_less_but_says_nothing_of_them(
    here: Sequence[float], there: Sequence[float]
) -> None:
    """What is kept is a part of what was seen here, whatever came of it there."""
    mine = [plain("support", score) for score in here]
    kept = experience([*mine, *(plain("search", score) for score in there)])[key("support", "", "small")].shift
    assert min(0.0, mean(mine)) - 1 <= kept <= max(0.0, mean(mine)) + 1


@given(here=st.lists(SHARES, min_size=1, max_size=20), there=st.lists(SHARES, min_size=3, max_size=60))
def test_many_workloads_pull_towards_what_they_have_in_common_and_no_further(
    here: Sequence[float], there: Sequence[float]
) -> None:
    mine = [plain("support", score) for score in here]
    others = [[plain(f"other-{at}", score) for score in there[at::3]] for at in range(3)]
    kept = experience([*mine, *(one for those in others for one in those)])[key("support", "", "small")].shift
    means = [0.0, mean(mine), *map(mean, others)]
    assert min(means) - 1 <= kept <= max(means) + 1


@given(here=st.lists(RESULTS, min_size=1, max_size=30))
def test_a_workload_alone_leaves_all_others_as_they_are(here: Sequence[Result]) -> None:
    alone = [Result(workload="support", task=one.task, model=one.model, score=one.score, expected=0.5) for one in here]
    found = experience(alone, FRESH)
    assert of(found, "support") == found
