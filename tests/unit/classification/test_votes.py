"""Votes are added axis by axis, count less by the place, and name what they came from."""

import pytest

from controlplane.catalog.model import Complexity, Domain, TaskType
from controlplane.classification.rules import DOMAIN_FLOOR, UNFOUNDED, classify, leads
from controlplane.classification.votes import PLACES, UNIT
from controlplane.policy.model import FeatureRule
from tests.unit.classification.rule_sets import features, table, vote

CODE = {"code": {"task_type=code": 2.0}, "story": {"task_type=creative": 1.5}}
LINES = FeatureRule(signal="lines", feature="code_lines", at_least=3, below=10, votes=(vote("task_type=code", 1.0),))


def test_the_value_with_the_most_votes_wins() -> None:
    assert classify(features("code", "story"), table(patterns=CODE)).task_type is TaskType.CODE


def test_votes_of_several_signals_are_added() -> None:
    patterns = {**CODE, "poem": {"task_type=creative": 1.0}}
    assert classify(features("code", "story", "poem"), table(patterns=patterns)).task_type is TaskType.CREATIVE


def test_priors_decide_where_nothing_fired() -> None:
    found = classify(features(), table(patterns=CODE, priors={"task_type=qa": 0.5, "complexity=moderate": 0.2}))
    assert (found.task_type, found.complexity, found.signals) == (TaskType.QA, Complexity.MODERATE, ())


def test_of_values_with_the_same_votes_the_first_in_order_wins() -> None:
    patterns = {"both": {"task_type=translation": 1.0, "task_type=summarization": 1.0}}
    assert classify(features("both"), table(patterns=patterns)).task_type is TaskType.SUMMARIZATION


def test_the_order_of_signals_changes_nothing() -> None:
    signals = ["a", "b", "c", "d"]
    patterns = {name: {"task_type=code": 0.1, "task_type=qa": 0.3 - 0.1 * n} for n, name in enumerate(signals)}
    made = table(patterns=patterns)
    forwards, backwards = classify(features(*signals), made), classify(features(*reversed(signals)), made)
    assert (forwards.task_type, forwards.confidence) == (backwards.task_type, backwards.confidence)
    assert leads(features(*signals), made) == leads(features(*reversed(signals)), made)


@pytest.mark.parametrize("place", PLACES)
def test_a_signal_counts_by_its_place(place: str) -> None:
    found = classify(features(place + "code"), table(patterns=CODE))
    assert [(each.name, each.votes_for, each.weight) for each in found.signals] == [
        (place + "code", "task_type=code", 2.0 * PLACES[place])
    ]


def test_what_is_asked_outweighs_what_is_brought_along() -> None:
    assert classify(features("story", "body/code"), table(patterns=CODE)).task_type is TaskType.CREATIVE
    assert classify(features("body/story", "code"), table(patterns=CODE)).task_type is TaskType.CODE


@pytest.mark.parametrize(("code_lines", "fires"), [(2, False), (3, True), (9, True), (10, False)])
def test_a_condition_holds_from_its_lower_bound_to_below_its_upper(code_lines: int, *, fires: bool) -> None:
    found = classify(features(code_lines=code_lines), table(conditions=(LINES,)))
    assert [signal.name for signal in found.signals] == (["lines"] if fires else [])


def test_a_condition_may_be_open_at_either_end() -> None:
    low = FeatureRule(signal="low", feature="turns", at_least=None, below=1, votes=(vote("task_type=qa", 1.0),))
    high = FeatureRule(signal="high", feature="turns", at_least=0, below=None, votes=(vote("task_type=qa", 1.0),))
    found = classify(features(), table(conditions=(low, high)))
    assert [signal.name for signal in found.signals] == ["low", "high"]


def test_a_signal_that_the_rules_do_not_know_is_passed_over() -> None:
    assert classify(features("code", "unheard-of", "elsewhere/code"), table(patterns=CODE)).signals == (
        classify(features("code"), table(patterns=CODE)).signals
    )


def test_every_vote_of_a_signal_is_told() -> None:
    patterns = {"proof": {"task_type=reasoning": 2.0, "complexity=complex": 1.0, "domain=legal": 0.5}}
    told = classify(features("proof"), table(patterns=patterns)).signals
    assert {(signal.votes_for, signal.weight) for signal in told} == {
        ("task_type=reasoning", 2.0),
        ("complexity=complex", 1.0),
        ("domain=legal", 0.5),
    }


@pytest.mark.parametrize(("weight", "domain"), [(0.001, Domain.MEDICAL), (0.0, Domain.MEDICAL), (-0.001, None)])
def test_a_domain_is_named_only_where_it_is_clear(weight: float, domain: Domain | None) -> None:
    patterns = {"pills": {"domain=medical": DOMAIN_FLOOR / UNIT + weight}}
    assert classify(features("pills"), table(patterns=patterns)).domain is domain


def test_signals_of_another_rule_set_are_little_trusted() -> None:
    made = table(patterns={"code": {"task_type=code": 6.0, "complexity=simple": 6.0}})
    assert classify(features("code"), made).confidence > 0.9
    assert classify(features("code", digest=b"another"), made).confidence <= UNFOUNDED**2


def test_nothing_is_sure_about_no_text() -> None:
    made = table(priors={"task_type=chat": 6.0, "complexity=simple": 6.0})
    assert classify(features(characters=0), made).confidence <= UNFOUNDED**2
