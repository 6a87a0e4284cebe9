"""What a caller insists on, and what can never be met."""

from datetime import timedelta

import pytest

from controlplane.catalog.model import Capability
from controlplane.decision.model import Constraints, Exclusion
from tests.support.catalogs import catalog, deployment, model
from tests.support.decisions import asked, decided, exclusions, explained, insisting, models
from turnout_wire.failure import Failure


def chosen(constraints: Constraints, complexity: str = "moderate") -> list[str]:
    """The models that serve a chat under these constraints."""
    return models(decided(asked("chat", complexity, constraints=constraints)))


@pytest.mark.parametrize(
    ("constraints", "first"),
    [
        (insisting(), "gpt-4o-mini"),
        (insisting(min_quality=0.9), "gemini-1.5-pro"),
        (insisting(min_quality=0.1), "gpt-4o-mini"),
        (insisting(max_cost_nanousd=1_000_000), "gpt-4o-mini"),
        (insisting(max_latency=timedelta(seconds=0.5)), "claude-3-5-haiku"),
        (insisting(providers="anthropic"), "claude-3-5-haiku"),
        (insisting(providers="anthropic google"), "claude-3-5-haiku"),
        (insisting(excluded_providers="openai"), "claude-3-5-haiku"),
        (insisting(capabilities=frozenset({Capability.VISION})), "gemini-1.5-pro"),
        (insisting(models="gpt-4o claude-3-5-sonnet"), "gpt-4o"),
        (insisting(excluded_models="gpt-4o-mini claude-3-5-haiku"), "gemini-1.5-pro"),
        (insisting(providers="openai", excluded_models="gpt-4o-mini"), "gpt-4o"),
    ],
)
def test_each_constraint_narrows_the_choice(constraints: Constraints, first: str) -> None:
    assert chosen(constraints)[0] == first


def test_a_constraint_holds_for_the_fallbacks_too() -> None:
    assert chosen(insisting(providers="anthropic")) == ["claude-3-5-haiku", "claude-3-5-sonnet"]
    assert chosen(insisting(max_cost_nanousd=900_000)) == ["gpt-4o-mini", "claude-3-5-haiku", "gemini-1.5-flash"]
    assert chosen(insisting(models="gpt-4o")) == ["gpt-4o"]


def test_a_region_is_chosen_among_those_that_there_are() -> None:
    of = model()
    known = catalog(models=[of], deployments=[deployment(of, name=name, region=name) for name in ("eu", "us")])
    decision = explained(asked(constraints=insisting(regions="eu moon")), known)
    assert [target.deployment for target in decision.targets] == ["eu"]
    assert exclusions(decision) == {"us": Exclusion.REGION}


CONTRADICTIONS = [
    (
        insisting(models="gpt-4o gpt-4o-mini", excluded_models="gpt-4o"),
        "excluded_models",
        "constraints.models and constraints.excluded_models both name gpt-4o; take it out of one of them",
    ),
    (
        insisting(providers="openai google", excluded_providers="google openai"),
        "excluded_providers",
        "constraints.providers and constraints.excluded_providers both name google, openai; take it out of one of them",
    ),
    (
        insisting(models="gpt-4o gpt-9"),
        "models",
        "constraints.models asks for gpt-9, and the catalog has no such model; it has claude-3-5-haiku,",
    ),
    (
        insisting(providers="opanai"),
        "providers",
        "constraints.providers asks for opanai, and the catalog has no such provider; it has anthropic, google, openai",
    ),
    (
        insisting(regions="eu"),
        "regions",
        "constraints.regions asks for eu, and the catalog has no such region; it has none",
    ),
    (
        insisting(models="gpt-4o", providers="google anthropic"),
        "providers",
        "constraints.models asks for gpt-4o, at openai, and none of them is in constraints.providers",
    ),
    (
        insisting(models="gpt-4o", excluded_providers="openai"),
        "excluded_providers",
        "constraints.models asks for gpt-4o, at openai, and all of them are in constraints.excluded_providers",
    ),
]


@pytest.mark.parametrize(("constraints", "field", "message"), CONTRADICTIONS)
def test_what_can_never_be_met_is_refused_by_field_with_the_way_out(
    constraints: Constraints, field: str, message: str
) -> None:
    with pytest.raises(Failure) as refused:
        chosen(constraints)
    assert (refused.value.reason, refused.value.field) == ("CONSTRAINTS_CONTRADICT", f"constraints.{field}")
    assert refused.value.message.startswith(message)


@pytest.mark.parametrize(
    "constraints",
    [
        insisting(excluded_models="gpt-9 gpt-4o"),
        insisting(excluded_providers="nobody"),
        insisting(providers="openai nobody"),
        insisting(models="gpt-4o gemini-1.5-pro", providers="google"),
        insisting(models="gpt-4o gemini-1.5-pro", excluded_providers="google"),
    ],
)
def test_what_leaves_somebody_is_no_contradiction(constraints: Constraints) -> None:
    """So clients may share one list over several installations."""
    assert chosen(constraints)


@pytest.mark.parametrize(
    ("constraints", "reason"),
    [
        (insisting(max_cost_nanousd=1), Exclusion.COST),
        (insisting(max_latency=timedelta(milliseconds=1)), Exclusion.LATENCY),
        (insisting(excluded_providers="openai google anthropic"), Exclusion.PROVIDER_NOT_ASKED),
    ],
)
def test_a_bound_that_nobody_keeps_gives_the_table_and_no_target(constraints: Constraints, reason: Exclusion) -> None:
    decision = decided(asked("chat", constraints=constraints))
    assert (decision.targets, decision.reason_code, decision.propensity) == ((), None, 0.0)
    assert {each.exclusion for each in decision.candidates} == {reason}
    assert decision.reason_text == f"none of 6 deployments may serve this moderate chat request: 6 {reason}"
    assert decision.steps


def test_nothing_that_may_serve_is_counted_by_reason_the_most_frequent_first() -> None:
    both = insisting(excluded_providers="openai", max_cost_nanousd=1)
    text = decided(asked("chat", constraints=both)).reason_text
    assert text.endswith("request: 4 cost, 2 provider_not_asked")
