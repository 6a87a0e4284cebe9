"""How likely each model comes first, and what made it so."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controlplane.catalog.model import Complexity, Domain, TaskType
from controlplane.classification.model import Nearness
from controlplane.decision.distribution import DRAWS
from controlplane.decision.engine import decide, explain
from controlplane.decision.index import index
from controlplane.decision.model import Constraints, Decision, Request
from controlplane.learning.artefact import decode
from controlplane.learning.model import PPM, Experience, Learned
from controlplane.policy.model import Policy, Selector
from controlplane.snapshot.model import Catalog
from tests.support.artefacts import artefact
from tests.support.catalogs import NOW, catalog, model, policy, price, snapshot
from tests.support.decisions import asked, at_least, balanced, features, fixed, insisting, weighted

PRICES = {"small": price(0.1, 0.4), "middle": price(1, 4), "large": price(3, 12)}
USUAL = features(input_tokens=60, last_user_tokens=60, characters=240)


def learned(shares: Mapping[str, float], deviation: float) -> Learned:
    """These shares of good answers, each known so well."""
    plain = decode(artefact(shares))
    return replace(plain, spread=np.full(len(shares), round(deviation * PPM), dtype=np.int64))


def pool(shares: Mapping[str, float], deviation: float, *policies: Policy) -> Catalog:
    """Models of these qualities, dearer from small to large, under a floor of 0.8 for moderate requests."""
    known = [model(name, price=PRICES[name], quality=0.5) for name in shares]
    return replace(catalog(models=known, policies=policies or [policy()]), learned=learned(shares, deviation))


def likely(known: Catalog, request: Request | None = None, draw: float = 0.5) -> Decision:
    return explain(request or asked("qa", features=USUAL), snapshot(known), now=NOW, draw=draw, likely=True)


def shares(known: Catalog, request: Request | None = None) -> dict[str, float]:
    return {str(each.model): each.share for each in likely(known, request).distribution}


def test_what_is_sure_comes_first_every_time() -> None:
    assert shares(pool({"small": 0.7, "large": 0.9}, 0.0)) == {"large": 1.0}


def test_without_anything_learned_the_decision_itself_is_all_there_is() -> None:
    known = replace(pool({"small": 0.7, "large": 0.9}, 0.3), learned=None)
    assert shares(known) == {"small": 1.0}


def test_a_model_that_is_probably_under_the_floor_comes_first_as_often_as_it_may_reach_it() -> None:
    """0.75 with a deviation of 0.05 reaches 0.8 in 16 of 100 draws; cheaper as it is, it then comes first."""
    found = shares(pool({"small": 0.75, "large": 0.97}, 0.05))
    assert found["small"] == pytest.approx(0.159, abs=0.01)
    assert sum(found.values()) == pytest.approx(1.0)


def test_the_likeliest_is_first_and_the_same_every_time() -> None:
    known = pool({"small": 0.75, "middle": 0.82, "large": 0.9}, 0.06)
    found = likely(known).distribution
    assert [each.share for each in found] == sorted((each.share for each in found), reverse=True)
    assert likely(known, draw=0.01).distribution == found
    assert likely(known).distribution == found


def test_another_model_that_never_comes_first_changes_nothing() -> None:
    two = shares(pool({"small": 0.75, "large": 0.97}, 0.05))
    assert shares(pool({"small": 0.75, "middle": 0.05, "large": 0.97}, 0.05)) == two


def test_where_the_policy_draws_the_shares_are_its_weights() -> None:
    known = pool({"small": 0.9, "large": 0.95}, 0.0, weighted({"small": 3, "large": 1}))
    assert shares(known) == pytest.approx({"small": 0.75, "large": 0.25})


def test_a_fixed_order_is_not_moved_but_by_the_floor() -> None:
    assert shares(pool({"small": 0.95, "large": 0.85}, 0.01, fixed("small", "large"))) == {"small": 1.0}
    assert shares(pool({"small": 0.8, "large": 0.99}, 0.05, fixed("small", "large")))["small"] == pytest.approx(
        0.5, abs=0.02
    )


def test_a_model_that_is_asked_for_by_name_comes_first_however_uncertain() -> None:
    known = pool({"small": 0.5, "large": 0.9}, 0.2)
    assert shares(known, asked("qa", features=USUAL, model="small")) == {"small": 1.0}


def test_what_may_not_serve_has_no_share_and_where_nothing_may_there_are_none() -> None:
    known = pool({"small": 0.75, "large": 0.85}, 0.2)
    assert set(shares(known, asked("qa", constraints=insisting(excluded_models="small")))) == {"large"}
    nothing = likely(known, asked("qa", constraints=Constraints(max_cost_nanousd=1)))
    assert (nothing.targets, nothing.distribution, nothing.influences) == ((), (), ())


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.floats(0.3, 0.98), min_size=3, max_size=3),
    st.floats(0, 0.2),
    st.sampled_from(TaskType),
    st.sampled_from(Complexity),
    st.sampled_from([policy(), balanced(), fixed("middle", "small", "large"), weighted({"small": 1, "large": 2})]),
)
def test_shares_make_one_and_what_is_decided_has_one(
    qualities: list[float], deviation: float, task: TaskType, complexity: Complexity, way: Policy
) -> None:
    known = pool(dict(zip(PRICES, qualities, strict=True)), deviation, way)
    found = likely(known, asked(task, complexity))
    assert sum(each.share for each in found.distribution) == pytest.approx(1.0)
    assert all(0 < each.share <= 1 + 1e-9 for each in found.distribution)
    if deviation == 0 and not way.strategy.weights:
        assert found.targets[0].model in {each.model for each in found.distribution}
    assert all(-1 <= each.change <= 1 for each in found.influences)


@settings(max_examples=15, deadline=None)
@given(st.floats(0.4, 0.98), st.floats(0.4, 0.98), st.floats(0.001, 0.2), st.floats(1.0, 4.0))
def test_of_two_models_a_wider_interval_never_makes_it_surer(
    one: float, other: float, deviation: float, wider: float
) -> None:
    """Where all that counts is who is better."""
    best = balanced(1.0, 0.0, 0.0, quality_floors=MappingProxyType({}))
    narrow, wide = (
        max(shares(pool({"small": one, "large": other}, each, best)).values())
        for each in (deviation, deviation * wider)
    )
    assert wide <= narrow + 1 / DRAWS


def test_hardness_moves_all_models_together() -> None:
    """So two equally uncertain models change places less often than if each were drawn alone: control."""
    best = balanced(1.0, 0.0, 0.0, quality_floors=MappingProxyType({}))
    found = shares(pool({"small": 0.80, "large": 0.85}, 0.05, best))["small"]
    alone = 0.24  # 5 points in standard deviations of sqrt(2) * 5 points
    assert found == pytest.approx(0.159, abs=0.03)
    assert found < alone - 0.05


# --- influences --------------------------------------------------------------------------------------------


def moved(known: Catalog, request: Request) -> dict[str, tuple[str, float]]:
    return {each.signal: (str(each.model), round(each.change, 2)) for each in likely(known, request).influences}


def test_what_a_request_is_taken_for_moves_the_shares() -> None:
    """A complex request has a floor of 0.9: without that word the small model would do."""
    known = pool({"small": 0.65, "large": 0.95}, 0.0)
    assert moved(known, asked("chat", "complex", features=USUAL))["complexity=complex"] == ("large", 1.0)
    assert not moved(known, asked("chat", "moderate", features=USUAL))


def test_a_domain_that_an_override_looks_at_moves_them() -> None:
    careful = at_least(0.9, Selector(domains=frozenset({Domain.MEDICAL})))
    known = pool({"small": 0.65, "large": 0.95}, 0.0, policy(overrides=(careful,)))
    assert moved(known, asked("chat", domain="medical", features=USUAL)) == {"domain=medical": ("large", 1.0)}


def test_an_unsure_classifier_moves_them_to_the_better_model() -> None:
    known = pool({"small": 0.65, "large": 0.95}, 0.0, policy(low_confidence=0.6))
    assert moved(known, asked("chat", confidence=0.3, features=USUAL)) == {"confidence": ("large", 1.0)}


def test_length_moves_them_where_the_hard_is_long() -> None:
    known = pool({"small": 0.83, "large": 0.97}, 0.0)
    long = features(input_tokens=3_000, last_user_tokens=3_000, characters=12_000)
    assert moved(known, asked("qa", features=long))["length"][0] in ("small", "large")


def test_what_a_deployment_found_itself_moves_them() -> None:
    known = pool({"small": 0.3, "large": 0.95}, 0.0)
    assert known.learned is not None
    lived = {"||small": Experience(shift=200_000, spread=0, results=400)}
    own = replace(known, learned=replace(known.learned, experience=MappingProxyType(lived)))
    assert moved(own, asked("chat", features=USUAL))["experience"][1] == 1.0
    assert "experience" not in moved(known, asked("chat", features=USUAL))


def test_a_route_that_no_strategy_looks_at_moves_nothing() -> None:
    request = asked("chat", features=USUAL)
    near = Nearness(route="billing", similarity=0.9, threshold=0.5)
    on_route = replace(request, classification=replace(request.classification, nearest=near))
    assert not moved(pool({"small": 0.85, "large": 0.95}, 0.0), on_route)


def test_a_decision_pays_for_none_of_it() -> None:
    known = snapshot(pool({"small": 0.75, "large": 0.9}, 0.05))
    plain = explain(asked("qa"), known, now=NOW, draw=0.5)
    made = decide(asked("qa"), known, now=NOW, draw=0.5, indexed=index(known))
    assert (plain.distribution, plain.influences, made.distribution, made.influences) == ((), (), (), ())
    assert (
        replace(likely(pool({"small": 0.75, "large": 0.9}, 0.05), asked("qa")), distribution=(), influences=()) == plain
    )
