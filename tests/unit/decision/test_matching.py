"""Which workload, policy and overrides hold for a request."""

import pytest

from controlplane.catalog.model import Complexity, Domain, TaskType
from controlplane.decision.matching import selects, selects_origin
from controlplane.decision.model import Decision, Origin, ReasonCode
from controlplane.policy.model import Access, Override, PolicyName, Selector
from tests.support.catalogs import catalog, policy, workload
from tests.support.decisions import asked, at_least, candidate, exclusions, explained, models, pin
from turnout_wire.failure import Failure

ORIGIN = Origin(feature="search", endpoint="/v1/ask/now", labels={"tier": "gold", "team": "a"})


def under(*overrides: Override, origin: Origin = ORIGIN, **of: str) -> Decision:
    """The decision on a moderate question from ORIGIN under these overrides."""
    request = asked("qa", of.get("complexity", "moderate"), domain=of.get("domain", ""), origin=origin)
    return explained(request, catalog(policies=[policy(overrides=overrides)]))


@pytest.mark.parametrize(
    ("selector", "holds"),
    [
        (Selector(), True),
        (Selector(features=("search",)), True),
        (Selector(features=("other", "search")), True),
        (Selector(features=("sea*",)), True),
        (Selector(features=("*",)), True),
        (Selector(features=("searching",)), False),
        (Selector(features=("sea",)), False),
        (Selector(endpoints=("/v1/ask/*",)), True),
        (Selector(endpoints=("/v1/ask",)), False),
        (Selector(labels=(("tier", "gold"),)), True),
        (Selector(labels=(("tier", "gold"), ("team", "a"))), True),
        (Selector(labels=(("tier", "gold"), ("team", "b"))), False),
        (Selector(labels=(("tier", "gold*"),)), False),
        (Selector(labels=(("unknown", ""),)), False),
        (Selector(task_types=frozenset({TaskType.QA})), True),
        (Selector(task_types=frozenset({TaskType.CHAT, TaskType.CODE})), False),
        (Selector(complexities=frozenset({Complexity.MODERATE})), True),
        (Selector(complexities=frozenset({Complexity.EXPERT})), False),
        (Selector(domains=frozenset({Domain.MEDICAL})), False),
        (Selector(features=("search",), task_types=frozenset({TaskType.CODE})), False),
        (Selector(features=("search",), endpoints=("/v1/*",), task_types=frozenset({TaskType.QA})), True),
    ],
)
def test_every_part_of_a_selector_that_is_set_must_hold(selector: Selector, holds: bool) -> None:
    assert selects(selector, asked("qa", "moderate", origin=ORIGIN)) is holds


def test_before_a_request_is_classified_only_its_origin_is_judged() -> None:
    selector = Selector(features=("search",), task_types=frozenset({TaskType.CODE}))
    assert selects_origin(selector, ORIGIN)
    assert not selects_origin(selector, Origin())


@pytest.mark.parametrize(
    "when", [Selector(features=("search",)), Selector(endpoints=("/v1/ask/*",)), Selector(labels=(("tier", "gold"),))]
)
def test_an_override_by_feature_endpoint_or_label_names_the_model(when: Selector) -> None:
    decision = under(pin("gpt-4o", when))
    assert (models(decision)[0], decision.reason_code) == ("gpt-4o", ReasonCode.OVERRIDE)
    assert decision.reason_text.startswith(
        "the override pinned names gpt-4o for this moderate qa request: quality 0.95"
    )
    assert "override pinned: asks for the model gpt-4o" in decision.steps
    other = under(pin("gpt-4o", when), origin=Origin(feature="chat"))
    assert (models(other)[0], other.reason_code) == ("gpt-4o-mini", ReasonCode.CHEAPEST)


def test_the_first_override_that_names_a_model_wins() -> None:
    nobody = Selector(features=("nobody",))
    assert models(under(pin("gpt-4o", nobody, "a"), pin("gemini-1.5-pro", name="b"), pin("gpt-4o", name="c")))[0] == (
        "gemini-1.5-pro"
    )


def test_the_highest_floor_of_all_overrides_that_match_holds() -> None:
    decision = under(at_least(0.9, name="a"), at_least(0.94, name="b"), at_least(0.92, name="c"))
    assert (decision.floor.quality, decision.floor.source) == (0.94, "override")
    assert models(decision)[0] == "gpt-4o"
    assert "override b: asks for quality of at least 0.94" in decision.steps


def test_an_override_by_domain_protects_a_simple_question() -> None:
    medical = at_least(0.9, Selector(domains=frozenset({Domain.MEDICAL})))
    assert models(under(medical, complexity="simple", domain="medical"))[0] == "gemini-1.5-pro"
    assert models(under(medical, complexity="simple", domain="financial"))[0] == "gemini-1.5-flash"


def test_an_override_that_names_a_model_replaces_the_floor_by_complexity_and_no_other() -> None:
    """The operator's word stands against the ladder, not against a floor that an override or the request insists on."""
    cheap = pin("gemini-1.5-flash")
    assert models(under(cheap, complexity="expert"))[0] == "gemini-1.5-flash"
    decision = under(cheap, at_least(0.9), complexity="expert")
    assert models(decision)[0] == "gpt-4o"
    assert decision.reason_code is ReasonCode.CHEAPEST
    assert "override pinned: gemini-1.5-flash may not serve this request, so the strategy decides" in decision.steps


def test_the_floor_of_a_pinned_decision_is_the_one_that_it_was_held_to() -> None:
    assert under(pin("gpt-4o")).floor.quality == 0.0
    assert under(pin("gpt-4o"), at_least(0.9)).floor.quality == 0.9


def test_a_pinned_model_that_the_policy_denies_stays_denied() -> None:
    denying = policy(overrides=(pin("gpt-4o"),), access=Access(deny_models=frozenset({"gpt-4o"})))
    decision = explained(asked("qa"), catalog(policies=[denying]))
    assert exclusions(decision)["openai/gpt-4o"] == "policy_denies"
    assert candidate(decision, "openai/gpt-4o").detail == "the policy default denies the model gpt-4o"
    assert decision.reason_code is ReasonCode.CHEAPEST


TEAMS = [
    workload("search", policy=PolicyName("careful"), when=Selector(features=("search*",))),
    workload("code", policy=PolicyName("careful"), when=Selector(task_types=frozenset({TaskType.CODE}))),
    workload("rest"),
]
POLICIES = [policy(), policy("careful", overrides=(at_least(0.9),))]


def of_teams(origin: Origin, task_type: str = "chat", named: str = "") -> Decision:
    """The decision where three teams share an installation."""
    return explained(asked(task_type, origin=origin, policy=named), catalog(policies=POLICIES, workloads=TEAMS))


@pytest.mark.parametrize(
    ("origin", "task_type", "name", "step"),
    [
        (Origin(feature="search-box"), "chat", "search", "workload search: the first whose selector matches"),
        (Origin(feature="search-box"), "code", "search", "workload search: the first whose selector matches"),
        (Origin(feature="ide"), "code", "code", "workload code: the first whose selector matches"),
        (Origin(feature="ide"), "chat", "rest", "workload rest: it takes what no other matches"),
        (Origin(workload="code"), "chat", "code", "workload code: the request names it"),
    ],
)
def test_a_request_belongs_to_the_first_workload_that_fits_or_the_one_it_names(
    origin: Origin, task_type: str, name: str, step: str
) -> None:
    decision = of_teams(origin, task_type)
    assert decision.workload == name
    assert decision.steps[0] == step


def test_a_policy_is_the_workloads_unless_the_request_names_one() -> None:
    usual, named = of_teams(Origin(workload="code")), of_teams(Origin(workload="code"), named="default")
    assert (usual.policy, usual.steps[1]) == ("careful", "policy careful: the workload's")
    assert (named.policy, named.steps[1]) == ("default", "policy default: the request names it")
    assert usual.policy_digest == b"careful".ljust(32, b".")
    assert named.workload == "code"


def test_an_unknown_workload_is_refused_with_the_names_that_are_known() -> None:
    with pytest.raises(Failure) as refused:
        of_teams(Origin(workload="sea"))
    assert (refused.value.reason, refused.value.field) == ("WORKLOAD_UNKNOWN", "hints.workload")
    assert "give one of code, rest, search, or none to have it matched" in refused.value.message


def test_an_unknown_policy_is_refused_with_the_names_that_are_known() -> None:
    with pytest.raises(Failure) as refused:
        of_teams(Origin(), named="strict")
    assert (refused.value.reason, refused.value.field) == ("POLICY_UNKNOWN", "policy")
    assert "give one of careful, default, or none to use the policy of the workload" in refused.value.message
