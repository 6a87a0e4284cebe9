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


@given(here=st.lists(RESULTS, min_size=1, max_size=20), there=st.lists(st.integers(0, 1), min_size=1, max_size=60))
def test_results_elsewhere_pull_towards_what_is_common_and_no_further(
    here: Sequence[Result], there: Sequence[int]
) -> None:
    """A workload's own results and those of all together bound what is kept for it."""
    mine = [Result(workload="support", task="qa", model="small", score=one.score, expected=0.5) for one in here]
    others = [
        Result(workload=f"other-{at % 3}", task="qa", model="small", score=score, expected=0.5)
        for at, score in enumerate(there)
    ]
    kept = experience([*mine, *others])[key("support", "", "small")].shift
    own = sum(one.score - 0.5 for one in mine) / len(mine) * PPM
    means = [0.0, own]
    for name in {one.workload for one in others}:
        those = [one.score - 0.5 for one in others if one.workload == name]
        means.append(sum(those) / len(those) * PPM)
    assert min(means) - 1 <= kept <= max(means) + 1


@given(here=st.lists(RESULTS, min_size=1, max_size=30))
def test_a_workload_alone_leaves_all_others_as_they_are(here: Sequence[Result]) -> None:
    alone = [Result(workload="support", task=one.task, model=one.model, score=one.score, expected=0.5) for one in here]
    found = experience(alone, FRESH)
    assert of(found, "support") == found
