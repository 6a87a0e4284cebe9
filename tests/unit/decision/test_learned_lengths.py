"""Where lengths were learned, what is expected to be written and what it costs follows them, with an interval."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.catalog.model import ModelName
from controlplane.decision.model import Estimate, Operation
from controlplane.learning.artefact import decode
from controlplane.learning.model import Length
from controlplane.policy.model import ExecutionLimits
from controlplane.snapshot.model import Catalog
from tests.support.artefacts import artefact
from tests.support.catalogs import catalog, model, policy, price
from tests.support.decisions import asked, decided, explained, features, models

USUAL = Length(low=40, middle=120, high=600, mean=200)


def learning(lengths: Mapping[str, Length], known: Catalog | None = None) -> Catalog:
    """A catalog with these lengths, and qualities as its scores have them."""
    plain = decode(artefact({"nobody": 0.5}))
    learned = replace(plain, lengths=MappingProxyType(dict(lengths)))
    return replace(known or pair(), learned=learned)


def pair() -> Catalog:
    """A model that is cheap by the token and one at twice its price."""
    cheap = model("cheap", price=price(1, 10), quality=0.9)
    return catalog(
        models=[cheap, model("dear", price=price(1, 20), quality=0.9)],
        policies=[policy(limits=ExecutionLimits(max_output_tokens=1_000))],
    )


def estimates(known: Catalog, task: str = "qa", **said: int) -> dict[str, Estimate]:
    found = explained(asked(task, features=features(**said)), known)
    return {str(each.model): each.estimate for each in found.candidates}


def test_the_mean_is_expected_and_the_percentiles_are_around_it() -> None:
    found = estimates(learning({"qa|": USUAL, "qa|cheap": Length(low=10, middle=30, high=90, mean=50)}))
    cheap, dear = found["cheap"], found["dear"]
    assert (cheap.output_tokens_low, cheap.output_tokens, cheap.output_tokens_high) == (10, 50, 90)
    assert (dear.output_tokens_low, dear.output_tokens, dear.output_tokens_high) == (40, 200, 600)
    assert cheap.cost_nanousd == 100 * 1_000 + 50 * 10_000
    assert (cheap.cost_low_nanousd, cheap.cost_high_nanousd) == (100_000 + 10 * 10_000, 100_000 + 90 * 10_000)


def test_a_wordy_model_is_not_the_cheapest_for_being_cheap_by_the_token() -> None:
    """Control: by the table both write the same, and the cheap one comes first."""
    wordy = {"qa|": USUAL, "qa|cheap": replace(USUAL, mean=900), "qa|dear": replace(USUAL, mean=100)}
    assert models(decided(asked("qa"), pair()))[0] == "cheap"
    assert models(decided(asked("qa"), learning(wordy)))[0] == "dear"
    assert models(decided(asked("chat"), learning(wordy)))[0] == "cheap"


def test_a_model_is_known_by_its_name_in_whatever_case() -> None:
    named = catalog(models=[model("Cheap", quality=0.9)])
    assert estimates(learning({"qa|": USUAL, "qa|cheap": replace(USUAL, mean=77)}, named))["Cheap"].output_tokens == 77


def test_where_no_length_was_learned_the_table_holds_and_nothing_is_said_of_an_interval() -> None:
    plain, other = estimates(pair(), "code"), estimates(learning({"qa|": USUAL}), "code")
    assert plain == {
        name: replace(each, quality_low=0.0, quality_high=0.0, quality=0.9) for name, each in other.items()
    }
    assert {each.output_tokens_high for each in other.values()} == {0}


def test_a_translation_is_as_much_longer_than_usual_as_was_learned() -> None:
    half = Length(low=400, middle=500, high=700, mean=500)
    found = estimates(learning({"translation|": half}), "translation", last_user_tokens=800)["cheap"]
    assert (found.output_tokens_low, found.output_tokens, found.output_tokens_high) == (360, 450, 630)


def test_an_answer_ends_at_its_limit_whatever_was_learned() -> None:
    long = learning({"qa|": Length(low=700, middle=3_000, high=9_000, mean=4_000)})
    found = estimates(long)["cheap"]
    assert (found.output_tokens_low, found.output_tokens, found.output_tokens_high) == (700, 1_000, 1_000)
    short = estimates(long, max_output_tokens=50)["cheap"]
    assert (short.output_tokens_low, short.output_tokens, short.output_tokens_high) == (50, 50, 50)


def test_time_follows_the_length() -> None:
    quick, slow = (
        estimates(learning({"qa|": replace(USUAL, mean=mean)}))["cheap"].latency.total_seconds() for mean in (100, 400)
    )
    unmeasured = 0.3 * 1.5
    assert slow - unmeasured == pytest.approx(4 * (quick - unmeasured))


def test_vectors_have_no_length() -> None:
    vectors = replace(asked("qa"), operation=Operation.EMBED, model=ModelName(""))
    found = explained(vectors, learning({"qa|": USUAL}))
    assert {each.estimate.output_tokens_high for each in found.candidates} == {0}


def test_the_most_that_a_call_may_cost_does_not_depend_on_what_was_learned() -> None:
    terse = learning({"qa|": Length(low=1, middle=2, high=3, mean=2)})
    usual, learned = decided(asked("qa"), pair()).targets[0], decided(asked("qa"), terse).targets[0]
    assert learned.max_cost_nanousd == usual.max_cost_nanousd
    assert learned.estimate.cost_nanousd < usual.estimate.cost_nanousd


@given(st.lists(st.integers(0, 50_000), min_size=4, max_size=4), st.integers(0, 5_000), st.integers(0, 2_000))
def test_what_is_expected_lies_in_its_interval(numbers: list[int], mean: int, longest: int) -> None:
    low, middle, high = sorted(numbers[:3])
    known = learning({"qa|": Length(low=low, middle=middle, high=high, mean=mean)})
    for found in estimates(known, max_output_tokens=longest).values():
        assert found.output_tokens_low <= found.output_tokens <= found.output_tokens_high <= (longest or 1_000)
        assert found.cost_low_nanousd <= found.cost_nanousd <= found.cost_high_nanousd
        assert found.output_tokens > 0
