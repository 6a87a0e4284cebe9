"""Why this model, why not that one, and how it came about."""

from dataclasses import replace

import pytest

from controlplane.catalog.model import DeploymentName, ModelName
from controlplane.decision.contrast import why_not
from controlplane.decision.explanation import LONGEST_REASON
from controlplane.decision.model import Decision, Exclusion, Notice, ReasonCode
from controlplane.policy.model import Access, Policy
from controlplane.snapshot.model import HealthState
from tests.support.catalogs import catalog, deployment, model, policy, price, workload
from tests.support.decisions import (
    asked,
    balanced,
    candidate,
    decided,
    explained,
    features,
    fixed,
    health,
    insisting,
    pin,
    valued,
    weighted,
)


def reason_under(under: Policy, complexity: str = "moderate") -> str:
    """The reason text for a chat."""
    return decided(asked("chat", complexity), catalog(policies=[under])).reason_text


@pytest.mark.parametrize(
    ("under", "text"),
    [
        (policy(), "cheapest of 5 that reach 0.80 for moderate chat: $0.00014 vs $0.0022 for gpt-4o"),
        (
            fixed("gpt-4o", "gpt-4o-mini"),
            "first in the policy's order of 2 that reach 0.80 for moderate chat: quality 0.95, $0.0022, 1.1 s",
        ),
        (
            weighted({"gpt-4o": 1}),
            "drawn by the policy's weights, with a chance of 100.0%, from 1 that reaches 0.80 for moderate chat: quality 0.95",
        ),
        (
            policy(overrides=(pin("gpt-4o"),)),
            "the override pinned names gpt-4o for this moderate chat request: quality 0.95, $0.0022, 1.1 s",
        ),
    ],
)
def test_a_reason_is_a_sentence_with_figures(under: Policy, text: str) -> None:
    assert reason_under(under).startswith(text)


def test_the_reason_of_a_balance_shows_its_terms() -> None:
    text = reason_under(balanced())
    assert text.startswith(
        "best balance of 5 that reach 0.80 for moderate chat: utility 0.13 (quality +0.31, cost -0.11,"
    )


def test_the_reason_of_the_best_there_is_shows_by_how_little_it_misses() -> None:
    text = decided(asked("chat", constraints=insisting(min_quality=0.951))).reason_text
    assert text.startswith(
        "best of 6 for moderate chat: 0.95, and none reaches the 0.951 that the request wants; quality"
    )


def test_a_cost_is_told_beside_the_next_one_where_the_baseline_itself_is_chosen() -> None:
    of_mini = catalog(workloads=[workload(baseline=ModelName("gpt-4o-mini"))])
    text = decided(asked("chat", "moderate"), of_mini).reason_text
    assert text == "cheapest of 5 that reach 0.80 for moderate chat: $0.00014 vs $0.00088 for claude-3-5-haiku"


def test_a_cost_stands_alone_where_there_is_nothing_beside_it() -> None:
    text = decided(asked("chat", "moderate"), catalog(models=[model()])).reason_text
    assert text == "cheapest of 1 that reaches 0.80 for moderate chat: $0.0022"


def test_a_baseline_that_the_catalog_has_no_more_is_none() -> None:
    decision = decided(of=catalog(workloads=[workload(baseline=ModelName("gone"))]))
    assert decision.baseline is None
    assert decision.targets


def test_no_reason_is_longer_than_a_signed_decision_takes() -> None:
    long_name = "m" * 290
    known = catalog(models=[model(long_name)], policies=[policy(overrides=(pin(long_name),))])
    text = decided(of=known).reason_text
    assert len(text) == LONGEST_REASON < 512
    assert text.endswith("…")


def test_the_steps_tell_what_matched_what_set_the_floor_and_what_gave_way() -> None:
    known = catalog(policies=[policy(overrides=(pin("gpt-4o"),))])
    request = asked("chat", "moderate", constraints=insisting(excluded_models="gpt-4o", min_quality=0.99))
    assert explained(request, known).steps == (
        "workload default: it takes what no other matches",
        "policy default: the workload's",
        "override pinned: asks for the model gpt-4o",
        "floor 0.99: the request asks for it",
        "override pinned: gpt-4o may not serve this request, so the strategy decides",
        "floor 0.99: nothing that may serve reaches it, so the best there is is taken",
    )


def test_a_decision_is_explained_only_if_that_was_asked_for_or_nothing_may_serve() -> None:
    assert (decided().candidates, decided().steps) == ((), ())
    assert explained().candidates
    nothing = asked(constraints=insisting(max_cost_nanousd=1))
    assert decided(nothing) == explained(nothing)


def test_the_table_has_every_deployment_by_name() -> None:
    names = [each.deployment for each in explained().candidates]
    assert names == sorted(each.name for each in catalog().deployments)


def test_a_candidate_has_a_score_that_is_the_sum_of_its_terms_or_a_reason() -> None:
    for each in explained(asked("chat", "complex"), catalog(policies=[balanced()])).candidates:
        assert (each.exclusion is None) != bool(each.detail and not each.score_terms)
        assert each.score == sum(term.value for term in each.score_terms)


def test_what_is_excluded_has_its_estimate_all_the_same() -> None:
    found = candidate(explained(asked("chat", "expert")), "google/gemini-1.5-flash")
    assert found.exclusion is Exclusion.QUALITY
    assert (found.estimate.quality, found.estimate.cost_nanousd) == (0.78, 187_500)


# --- the last resort -------------------------------------------------------------------------------------------------

RESORT = policy(last_resort=DeploymentName("anthropic/claude-3-5-sonnet"))


def of_last_resort(**on: object) -> Decision:
    """The decision on a complex chat where sonnet is the last resort, but openai alone is allowed."""
    allowed = replace(RESORT, access=Access(allow_providers=frozenset({"openai"})))
    live = health({"openai/gpt-4o": HealthState.MISCONFIGURED, "openai/gpt-4o-mini": HealthState.NO_CREDENTIAL})
    return explained(asked("chat", "complex", constraints=insisting(**on)), catalog(policies=[allowed]), live)


def test_a_last_resort_serves_alone_and_says_what_it_is() -> None:
    decision = of_last_resort()
    assert [target.deployment for target in decision.targets] == ["anthropic/claude-3-5-sonnet"]
    assert (decision.reason_code, decision.propensity) == (ReasonCode.LAST_RESORT, 1.0)
    assert decision.notices == (Notice.NO_FALLBACK, Notice.LAST_RESORT)
    assert decision.reason_text.startswith("nothing else may serve this complex chat request: the policy's last resort")
    assert decision.steps[-1] == "last resort: nothing else may serve, and the policy names anthropic/claude-3-5-sonnet"
    found = candidate(decision, "anthropic/claude-3-5-sonnet")
    assert (found.exclusion, found.rank) == (None, 1)
    assert found.detail.startswith(
        "the last resort of the policy, otherwise excluded: the policy default does not list"
    )


@pytest.mark.parametrize(
    "on",
    [
        {"max_cost_nanousd": 1_000_000},
        {"excluded_models": "claude-3-5-sonnet"},
        {"excluded_providers": "anthropic"},
        {"providers": "openai google"},
    ],
)
def test_what_the_caller_insists_on_holds_for_the_last_resort_too(on: dict[str, object]) -> None:
    decision = of_last_resort(**on)
    assert decision.targets == ()
    assert decision.reason_code is None


def test_a_last_resort_stays_in_its_region() -> None:
    of = model("far", price=price(1, 1))
    residency = policy(access=Access(regions=frozenset({"eu"})), last_resort=DeploymentName("far-us"))
    known = catalog(models=[of], deployments=[deployment(of, name="far-us", region="us")], policies=[residency])
    assert not decided(asked(), known).targets


def test_a_last_resort_need_not_have_what_the_kind_of_work_wants_but_what_the_request_needs() -> None:
    lame = model("lame", capabilities=frozenset())
    known = catalog(models=[lame], policies=[policy(last_resort=DeploymentName("openai/lame"))])
    assert decided(asked("code"), known).reason_code is ReasonCode.LAST_RESORT
    assert decided(asked("code", features=features(images=1)), known).reason_code is None


# --- why not that one ------------------------------------------------------------------------------------------------


def against(name: str, under: Policy, complexity: str = "moderate") -> str:
    """Why not the model `name` for a chat."""
    return why_not(explained(asked("chat", complexity), catalog(policies=[under])), name)


@pytest.mark.parametrize(
    ("name", "under", "clause"),
    [
        ("gpt-4o-mini", policy(), "openai/gpt-4o-mini is chosen: cheapest of 5 that"),
        (
            "gemini-1.5-flash",
            policy(),
            "may not serve (quality): reaches quality 0.78 for chat, the policy wants 0.80",
        ),
        ("gpt-4o", policy(), "may serve, but openai/gpt-4o-mini comes first: $0.00014 vs $0.0022"),
        ("claude-3-5-haiku", policy(), "is fallback 1, but openai/gpt-4o-mini comes first: $0.00014 vs $0.00088"),
        ("gpt-4o-mini", fixed("gpt-4o", "gpt-4o-mini"), "comes first: the policy's order has it before"),
        ("gpt-4o-mini", weighted({"gpt-4o": 9, "gpt-4o-mini": 1}), "it was drawn, with a chance of 90.0%"),
        ("gpt-4o-mini", policy(overrides=(pin("gpt-4o"),)), "comes first: an override names gpt-4o"),
        (
            "gpt-4o",
            balanced(),
            "comes first: utility 0.132 (quality +0.308, cost -0.109, latency -0.067) vs utility 0.116",
        ),
        ("gpt-4o", valued(0.01), "comes first: 10.0 points better is worth $0.0010, and it costs $0.0021 more"),
        ("gpt-4o-mini", valued(1), "comes first: 10.0 points worse loses $0.10, and it saves $0.0021"),
        ("claude-3-5-sonnet", valued(1), "comes first: it is 1.0 points worse, and costs $0.0010 more"),
        ("gpt-9", policy(), "gpt-9 has no deployment in the catalog"),
    ],
)
def test_it_is_told_why_another_model_is_not_first(name: str, under: Policy, clause: str) -> None:
    assert clause in against(name, under)


def test_a_value_is_told_with_what_it_was_weighed_against() -> None:
    told = explained(asked("chat", "moderate"), catalog(policies=[valued(1)])).reason_text
    assert told == (
        "best value of 5 that reach 0.80 for moderate chat at $1.00 a good answer: "
        "1.0 points better than claude-3-5-sonnet and $0.0010 cheaper"
    )


def test_why_not_between_deployments_of_one_model_is_a_matter_of_balancing() -> None:
    of = model()
    known = catalog(models=[of], deployments=[deployment(of, name=name) for name in ("a", "b")])
    text = why_not(explained(of=known, draw=0.1), "gpt-4o")
    assert text.startswith("a is chosen: ")
    assert text.endswith(
        "; b is fallback 1, but a comes first: between deployments of one model the policy's balancing decides"
    )


def test_why_not_of_a_tie_tells_what_breaks_it() -> None:
    known = catalog(models=[model("a"), model("b")])
    assert why_not(explained(of=known), "b").endswith(
        "$0.0022 vs $0.0022, and a tie goes to the better, the cheaper, the quicker, the first by name"
    )


def test_why_not_under_the_floor_is_a_matter_of_quality() -> None:
    decision = explained(asked("chat", constraints=insisting(min_quality=0.99)))
    clause = "is fallback 1, but openai/gpt-4o comes first: quality 0.95 vs 0.94"
    assert clause in why_not(decision, "claude-3-5-sonnet")


def test_why_not_where_both_have_the_same_fault_is_a_matter_of_the_strategy() -> None:
    every = health({each.name: HealthState.OPEN for each in catalog().deployments})
    assert why_not(explained(live=every), "gpt-4o").endswith("comes first: $0.00014 vs $0.0022")


def test_why_not_of_a_half_open_one_is_that_it_is() -> None:
    live = health({"openai/gpt-4o-mini": HealthState.HALF_OPEN})
    clause = "comes first: its breaker is half-open: it comes behind those that are ready"
    assert clause in why_not(explained(live=live), "gpt-4o-mini")


def test_why_not_needs_an_explained_decision() -> None:
    with pytest.raises(ValueError, match="make it with explain"):
        why_not(decided(), "gpt-4o")


def test_every_candidate_of_a_plan_without_targets_is_told_why() -> None:
    decision = explained(asked(constraints=insisting(max_cost_nanousd=1)))
    assert all(each.detail for each in decision.candidates)
    assert "may not serve (cost)" in why_not(decision, "gpt-4o")
