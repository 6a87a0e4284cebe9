"""A model that the caller names: pinned, by an alias or its own name, and what may stand in for it."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import pytest

from controlplane.catalog.model import Alias, Capability, ModelName
from controlplane.decision.model import Decision, Exclusion, Notice, Operation, ReasonCode
from controlplane.policy.model import Access, ExecutionLimits, Override, PinnedFallbacks, Selector
from controlplane.snapshot.model import Catalog, HealthState
from tests.support.catalogs import catalog, deployment, model, policy, price, seed_models
from tests.support.decisions import (
    asked,
    at_least,
    candidate,
    decided,
    deployments,
    exclusions,
    explained,
    fixed,
    health,
    insisting,
    models,
    pin,
    weighted,
)
from turnout_wire.failure import Failure

FLASH = "gemini-1.5-flash"


def named(name: str, of: Catalog | None = None, **more: Any) -> Decision:
    """The explained decision on a request for that name."""
    return explained(asked(model=name, **more), of)


def standing_in(*others: str, anyone: bool = False, **changes: Any) -> Catalog:
    """The seed models under a policy that lets these stand in for a named one."""
    fallbacks = PinnedFallbacks(anyone=anyone, models=tuple(map(ModelName, others)))
    return catalog(policies=[policy(pinned_fallbacks=fallbacks, **changes)])


def aliased(aliases: Mapping[str, str]) -> Catalog:
    """The seed models with aliases."""
    return replace(
        catalog(), aliases=MappingProxyType({name: Alias(name=name, target=of) for name, of in aliases.items()})
    )


def test_only_the_model_that_is_named_serves() -> None:
    decision = named("gpt-4o")
    assert (models(decision), decision.reason_code) == (["gpt-4o"], ReasonCode.PINNED)
    assert decision.reason_text.startswith("the request asks for gpt-4o by name: quality 0.95")
    assert set(exclusions(decision).values()) == {Exclusion.MODEL_NOT_ASKED}
    assert candidate(decision, "openai/gpt-4o-mini").detail == (
        "the request asks for gpt-4o by name, and as its fallbacks the policy default names none"
    )
    assert "model gpt-4o: the request asks for it by name" in decision.steps


def test_the_floors_of_the_policy_do_not_keep_a_named_model_out() -> None:
    decision = named(FLASH, complexity="expert", task_type="creative")
    assert (models(decision), decision.floor.quality) == ([FLASH], 0.0)
    assert decision.notices == (Notice.NO_FALLBACK,)


def test_a_floor_that_an_override_or_the_request_insists_on_is_told_where_a_named_model_misses_it() -> None:
    careful = catalog(policies=[policy(overrides=(at_least(0.9),))])
    for decision in (named(FLASH, careful), named(FLASH, constraints=insisting(min_quality=0.9))):
        assert models(decision) == [FLASH]
        assert Notice.QUALITY_FLOOR_UNMET in decision.notices


def test_what_the_request_itself_needs_holds_for_a_named_model() -> None:
    lame = model("lame", capabilities=frozenset({Capability.CODE}))
    decision = named("lame", catalog(models=[lame, model()]), constraints=insisting(capabilities={Capability.TOOLS}))
    assert (decision.targets, candidate(decision, "openai/lame").exclusion) == ((), Exclusion.CAPABILITY)


def test_deny_lists_hold_for_a_named_model_and_the_list_of_a_strategy_does_not() -> None:
    denied = catalog(policies=[policy(access=Access(deny_models=frozenset({"gpt-4o"})))])
    assert candidate(named("gpt-4o", denied), "openai/gpt-4o").exclusion is Exclusion.POLICY_DENIES
    for chosen in (fixed("gpt-4o-mini"), weighted({"gpt-4o-mini": 1})):
        assert models(named("gpt-4o", catalog(policies=[chosen]))) == ["gpt-4o"]


def test_the_caller_names_a_model_against_the_override_that_names_another() -> None:
    decision = named("gpt-4o", catalog(policies=[policy(overrides=(pin(FLASH),))]))
    assert models(decision) == ["gpt-4o"]
    assert f"override pinned: the request asks for gpt-4o by name, so {FLASH} is not taken" in decision.steps


def test_all_deployments_of_a_named_model_are_used_before_any_other_model() -> None:
    of = model()
    three = [deployment(of, name=name) for name in ("a", "b", "c")]
    known = catalog(
        models=[of, model("other", price=price(0.1, 0.1))], deployments=[*three, deployment(model("other"))]
    )
    wide = replace(
        known,
        policies=MappingProxyType(
            {
                each.name: each
                for each in [policy(pinned_fallbacks=PinnedFallbacks(anyone=True), limits=ExecutionLimits(fallbacks=9))]
            }
        ),
    )
    decision = named("gpt-4o", wide)
    assert sorted(deployments(decision)[:3]) == ["a", "b", "c"]
    assert models(decision)[3:] == ["other"]
    assert decision.propensity == pytest.approx(1 / 3)


def test_a_policy_names_who_stands_in_and_in_which_order() -> None:
    decision = named("gpt-4o", standing_in("claude-3-5-sonnet", "gpt-4o-mini"))
    assert models(decision) == ["gpt-4o", "claude-3-5-sonnet", "gpt-4o-mini"]
    assert candidate(decision, "google/gemini-1.5-pro").detail == (
        "the request asks for gpt-4o by name, "
        "and as its fallbacks the policy default names only claude-3-5-sonnet, gpt-4o-mini"
    )


def test_where_anyone_may_stand_in_the_strategy_says_who() -> None:
    assert models(named("gpt-4o", standing_in(anyone=True))) == ["gpt-4o", "claude-3-5-haiku", "gemini-1.5-pro"]


def test_another_model_comes_first_only_when_the_named_one_may_not_serve_and_one_may_stand_in() -> None:
    ill = health({"openai/gpt-4o": HealthState.MISCONFIGURED})
    alone = explained(asked(model="gpt-4o"), live=ill)
    assert (alone.targets, alone.reason_code) == ((), None)
    assert "model: gpt-4o may not serve this request" in alone.steps
    replaced = explained(asked(model="gpt-4o"), standing_in("gpt-4o-mini"), ill)
    assert (models(replaced), replaced.reason_code) == (["gpt-4o-mini"], ReasonCode.FIXED)
    assert "model: gpt-4o may not serve this request, so another one stands in" in replaced.steps


def test_an_open_breaker_does_not_keep_a_named_model_out_for_it_is_all_there_is() -> None:
    decision = explained(asked(model="gpt-4o"), live=health({"openai/gpt-4o": HealthState.OPEN}))
    assert models(decision) == ["gpt-4o"]
    assert decision.reason_text.endswith("every breaker is open, so it is tried all the same")


def test_a_last_resort_of_another_model_does_not_stand_in_unasked() -> None:
    resort: dict[str, Any] = {"last_resort": "openai/gpt-4o-mini", "access": Access(deny_models=frozenset({"gpt-4o"}))}
    assert not named("gpt-4o", catalog(policies=[policy(**resort)])).targets
    assert models(named("gpt-4o", standing_in("gpt-4o-mini", **resort))) == ["gpt-4o-mini"]


@pytest.mark.parametrize(
    ("constraints", "field"),
    [({"models": "gpt-4o-mini"}, "constraints.models"), ({"excluded_models": "gpt-4o"}, "constraints.excluded_models")],
)
def test_a_constraint_that_excludes_the_named_model_contradicts_it(constraints: dict[str, object], field: str) -> None:
    with pytest.raises(Failure, match="gpt-4o, which the request asks for by name") as refused:
        named("gpt-4o", constraints=insisting(**constraints))
    assert (refused.value.reason, refused.value.field) == ("CONSTRAINTS_CONTRADICT", field)


def test_an_alias_wins_over_a_model_and_leads_to_no_other_alias() -> None:
    known = aliased({"gpt-4o-mini": "gpt-4o", "Chat-Large": "gpt-4o-mini", "free": "auto"})
    assert models(named("gpt-4o-mini", known)) == ["gpt-4o"]
    assert models(named("Chat-Large", known)) == ["gpt-4o-mini"]
    assert named("Chat-Large", known).reason_text.startswith("the request asks for Chat-Large, an alias of gpt-4o-mini")
    assert named("free", known).reason_code is ReasonCode.CHEAPEST


def test_two_workloads_in_one_request_contradict() -> None:
    origin = replace(asked().origin, workload="default")
    with pytest.raises(Failure, match="leave one of them out"):
        named("auto:other", origin=origin)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("gpt-4o-mni", "did you mean gpt-4o-mini or gpt-4o?"),
        ("GPT-4O", "did you mean gpt-4o or"),
        ("zzz", "the catalog has claude-3-5-haiku,"),
    ],
)
def test_an_unknown_name_is_told_those_that_are_close(name: str, says: str) -> None:
    with pytest.raises(Failure) as refused:
        named(name)
    assert (refused.value.reason, refused.value.field) == ("MODEL_UNKNOWN", "model")
    assert says in refused.value.message


EMBEDDERS = [
    model("embed-small", price=price(0.02, 0), capabilities=frozenset({Capability.EMBEDDINGS}), max_output_tokens=1),
    model("embed-large", price=price(0.13, 0), capabilities=frozenset({Capability.EMBEDDINGS}), max_output_tokens=1),
]


def embedded(name: str = "", of: Catalog | None = None) -> Decision:
    """The explained decision on texts of 1,000 tokens to make vectors of."""
    return explained(asked(model=name, operation=Operation.EMBED), of or embedding())


def embedding(**changes: Any) -> Catalog:
    """The seed models and two that make vectors, the cheaper at two places."""
    known = [*seed_models(), *EMBEDDERS]
    places = [*map(deployment, known), deployment(EMBEDDERS[0], name="second/embed-small")]
    return catalog(models=known, deployments=places, policies=[policy(**changes)])


def test_vectors_are_made_by_the_cheapest_that_makes_any_whatever_the_strategy_names() -> None:
    for changes in (dict[str, Any](), {"strategy": fixed("gpt-4o").strategy}):
        decision = embedded(of=embedding(**changes))
        assert set(models(decision)) == {"embed-small"}
        assert decision.reason_code is ReasonCode.CHEAPEST
        assert (decision.targets[0].estimate.cost_nanousd, decision.limits.max_output_tokens) == (2_000, 1)
        assert (decision.baseline, decision.floor.quality) == (None, 0.0)


def test_a_policy_names_the_model_of_its_vectors() -> None:
    decision = embedded(of=embedding(embeddings=ModelName("embed-large")))
    assert (set(models(decision)), decision.reason_code) == ({"embed-large"}, ReasonCode.FIXED)
    assert "makes vectors only with embed-large" in candidate(decision, "openai/embed-small").detail


def test_no_other_model_follows_the_one_that_makes_vectors_even_where_anyone_stands_in() -> None:
    decision = embedded("embed-small", embedding(pinned_fallbacks=PinnedFallbacks(anyone=True)))
    assert sorted(deployments(decision)) == ["openai/embed-small", "second/embed-small"]


def test_what_makes_vectors_answers_nothing_and_what_answers_makes_none() -> None:
    answered = named("embed-small", embedding())
    assert candidate(answered, "openai/embed-small").detail == "its model makes vectors of texts and answers nothing"
    vectors = embedded("gpt-4o")
    assert candidate(vectors, "openai/gpt-4o").detail == "its model lacks embeddings, which the request needs"
    free = decided(of=embedding())
    assert not {target.model for target in free.targets} & {"embed-small", "embed-large"}


def test_overrides_speak_of_answers_and_not_of_vectors() -> None:
    loud = (Override(name="loud", when=Selector(), model=ModelName("gpt-4o"), min_quality=0.99),)
    decision = embedded(of=embedding(overrides=loud))
    assert (set(models(decision)), decision.notices) == ({"embed-small"}, (Notice.SINGLE_PROVIDER,))
