"""Staying where a conversation is in the prompt cache, while going elsewhere would cost more than it saves."""

from dataclasses import replace
from typing import Any

import pytest

from controlplane.catalog.model import DeploymentName, Price
from controlplane.decision.contrast import why_not
from controlplane.decision.draws import PROBE_SHARE
from controlplane.decision.model import Affinity, Decision, ReasonCode
from controlplane.snapshot.model import Catalog, HealthState, Live
from tests.support.catalogs import catalog, deployment, model, policy
from tests.support.decisions import (
    asked,
    deployments,
    explained,
    features,
    fixed,
    health,
    over_grid,
    pin,
    weighted,
)

LONG = features(input_tokens=20_000, last_user_tokens=80)


def dollars(paying: float, cached: float) -> Price:
    """Dollars per million tokens of input, fresh and cached; output costs what fresh input does."""
    per = 1_000_000_000
    return Price(
        input_nanousd_per_mtok=round(paying * per),
        output_nanousd_per_mtok=round(paying * per),
        cached_input_nanousd_per_mtok=round(cached * per),
    )


def two(**changes: Any) -> Catalog:
    """`cheap` at $1 and `dear` at $2, whose cached tokens cost $0.2."""
    known = [model("cheap", price=dollars(1, 1)), model("dear", price=dollars(2, 0.2), provider="second")]
    return catalog(models=known, policies=[policy(**changes)])


def coming_from(name: str, cached: int, of: Catalog | None = None, live: Live | None = None, **more: Any) -> Decision:
    """The decision on 20,000 tokens of which so many are in the cache there."""
    affinity = Affinity(deployment=name, cached_tokens=cached)
    return explained(asked(features=LONG, affinity=affinity, **more), of or two(), live)


def test_it_stays_while_switching_costs_more() -> None:
    decision = coming_from("second/dear", 12_000)
    assert (deployments(decision)[0], decision.reason_code, decision.propensity) == (
        "second/dear",
        ReasonCode.AFFINITY,
        1.0,
    )
    # 20,200 tokens at $1 are $0.0202; 8,200 at $2 and 12,000 at $0.2 are $0.0188.
    assert decision.reason_text.startswith(
        "stays at second/dear: switching to openai/cheap would cost $0.0014 more for 12,000 cached tokens; quality"
    )
    assert any(step.startswith("affinity: stays at second/dear") for step in decision.steps)
    assert "the conversation stays at second/dear, which has it in its cache" in why_not(decision, "cheap")


def test_the_estimate_and_what_is_held_do_not_count_on_the_cache() -> None:
    stays, goes = coming_from("second/dear", 12_000), coming_from("second/dear", 0)
    of_dear = {each.deployment: each.estimate for each in goes.candidates}[DeploymentName("second/dear")]
    assert stays.targets[0].estimate == of_dear


@pytest.mark.parametrize("cached", [0, 1_000, 11_000])
def test_it_goes_where_that_is_cheaper_in_spite_of_the_cache(cached: int) -> None:
    decision = coming_from("second/dear", cached)
    assert (deployments(decision)[0], decision.reason_code) == ("openai/cheap", ReasonCode.CHEAPEST)


def test_where_the_strategy_goes_anyway_nothing_is_said_of_the_cache() -> None:
    decision = coming_from("openai/cheap", 12_000)
    assert (deployments(decision)[0], decision.reason_code) == ("openai/cheap", ReasonCode.CHEAPEST)


def test_more_tokens_than_there_are_cannot_be_in_the_cache() -> None:
    decision = coming_from("second/dear", 4_000_000_000)
    assert "20,000 cached tokens" in decision.reason_text


@pytest.mark.parametrize(
    ("of", "live"),
    [
        (two(affinity=False), None),
        (two(), health({"second/dear": HealthState.OPEN})),
        (two(), health({"second/dear": HealthState.HALF_OPEN})),
        (two(strategy=fixed("cheap", "dear").strategy), None),
        (two(overrides=(pin("cheap"),)), None),
    ],
    ids=["policy", "open", "half-open", "fixed", "override"],
)
def test_it_does_not_stay_where_something_speaks_against_it(of: Catalog, live: Live | None) -> None:
    decision = coming_from("second/dear", 20_000, of, live)
    assert deployments(decision)[0] == "openai/cheap"
    assert decision.reason_code is not ReasonCode.AFFINITY


def test_it_does_not_stay_against_a_name() -> None:
    assert deployments(coming_from("second/dear", 20_000, model="cheap")) == ["openai/cheap"]


def test_it_does_not_stay_under_the_floor() -> None:
    known = two()
    low = {name: replace(of, quality=0.5) if name == "dear" else of for name, of in known.models.items()}
    decision = coming_from("second/dear", 20_000, replace(known, models=low))
    assert deployments(decision)[0] == "openai/cheap"


def test_a_draw_between_models_keeps_its_chances() -> None:
    of = two(strategy=weighted({"cheap": 1, "dear": 1}).strategy)
    request = asked(features=LONG, affinity=Affinity(deployment="second/dear", cached_tokens=20_000))
    found = over_grid(request, of)
    assert {decision.reason_code for decision in found} == {ReasonCode.WEIGHTED}
    assert {decision.propensity for decision in found} == {0.5}


def places(**changes: Any) -> Catalog:
    """One model at three places."""
    of = model("one", price=dollars(2, 0.2))
    known = [deployment(of, name=name) for name in ("a", "b", "c")]
    return catalog(models=[of], deployments=known, policies=[policy(**changes)])


def test_of_several_deployments_it_stays_at_its_own() -> None:
    request = asked(features=LONG, affinity=Affinity(deployment="b", cached_tokens=10_000))
    found = over_grid(request, places())
    assert {deployments(decision)[0] for decision in found} == {"b"}
    assert {decision.propensity for decision in found} == {1.0}
    assert found[0].reason_text.startswith("stays at b: switching to a would cost $0.018 more for 10,000 cached tokens")


def test_of_the_deployments_of_a_named_model_it_stays_at_its_own_and_the_name_is_the_reason() -> None:
    decision = coming_from("c", 10_000, places(), model="one")
    assert (deployments(decision)[0], decision.reason_code) == ("c", ReasonCode.PINNED)
    assert "; stays at c: switching to a would cost" in decision.reason_text


def test_those_that_are_half_open_are_still_probed() -> None:
    request = asked(features=LONG, affinity=Affinity(deployment="b", cached_tokens=10_000))
    found = over_grid(request, places(), health({"c": HealthState.HALF_OPEN}))
    told = {(deployments(decision)[0], round(decision.propensity, 9)) for decision in found}
    probed = round(PROBE_SHARE / 3, 9)
    assert told == {("b", round(1 - PROBE_SHARE + PROBE_SHARE / 3, 9)), ("a", probed), ("c", probed)}
