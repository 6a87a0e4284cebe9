"""Every reason why a deployment may not serve, their order, and the sentence behind each."""

from collections.abc import Set
from dataclasses import replace
from datetime import timedelta

import pytest

from controlplane.budget.model import Account, AccountId, Balance, Budget, BudgetName, Window
from controlplane.catalog.model import Capability, Deployment, Model, WireProtocol
from controlplane.decision.model import Constraints, Decision, Exclusion
from controlplane.policy.model import Access, ExecutionLimits, NearEnd, NearEndAction
from controlplane.snapshot.model import Headroom, Health, HealthState, Live, Room
from tests.support.catalogs import EVERYTHING, NOW, catalog, deployment, model, policy, price
from tests.support.decisions import asked, candidate, explained, features, fixed, health, weighted, with_headroom
from turnout_features.model import OutputFormat

ODD = "odd/odd"
DEGRADING = NearEnd(action=NearEndAction.DEGRADE)
ORDER = list(Exclusion)

SENTENCES = {
    Exclusion.DISABLED: "the catalog has it disabled",
    Exclusion.NO_CREDENTIAL: "no worker has its credential: ODD_KEY is not set",
    Exclusion.POLICY_DENIES: "the policy default denies the model odd",
    Exclusion.MODEL_NOT_ASKED: "the request excludes the model odd",
    Exclusion.TIER: "its model is of the tier tiny, the request allows only flagship",
    Exclusion.PROTOCOL: "speaks gemini, the request can only be said in openai",
    Exclusion.RATE_LIMIT: "its provider's rate limit has 0 of 60 requests left until 2026-11-21T12:00:20+00:00",
    Exclusion.PROVIDER_NOT_ASKED: "the request excludes the provider odd",
    Exclusion.REGION: "runs in us, the request allows only eu",
    Exclusion.CAPABILITY: "its model lacks code, which code needs",
    Exclusion.CONTEXT_WINDOW: "needs 2,102 tokens of context, has 1,000",
    Exclusion.OUTPUT_LIMIT: "asked for answers of 2,000 tokens, writes at most 1,000",
    Exclusion.UNHEALTHY: "its breaker is open until 2026-11-21T12:00:30+00:00: 5 of 10 calls failed",
    Exclusion.COST: "expected to cost $1.00, the request allows $0.010",
    Exclusion.LATENCY: "expected to take 67.00 s, the request allows 10.00 s",
    Exclusion.QUALITY: "reaches quality 0.10 for code, the policy wants 0.80",
    Exclusion.BUDGET: "odd has $0.0012 of $1.00 left ($1.00 spent, $0.00080 held), and $0.0027 may be needed",
}

ODD_BUDGET = Budget(name=BudgetName("odd"), limit=1_000_000_000, window=Window.TOTAL, models=frozenset({"odd"}))
ODD_ACCOUNT = Account(id=AccountId("odd"), window_start=0)
NEARLY_USED = Balance(spent=998_000_000, reserved=800_000)


def odd_model(faults: Set[Exclusion]) -> Model:
    """A cheap, quick and good model, but for its faults."""
    return model(
        "odd",
        provider="odd",
        tier="tiny" if Exclusion.TIER in faults else "flagship",
        quality=0.1 if Exclusion.QUALITY in faults else 0.9,
        price=price(10_000, 0) if Exclusion.COST in faults else price(1, 1),
        latency=timedelta(seconds=60 if Exclusion.LATENCY in faults else 1),
        context_window=1_000 if Exclusion.CONTEXT_WINDOW in faults else 100_000,
        max_output_tokens=1_000 if Exclusion.OUTPUT_LIMIT in faults else 10_000,
        capabilities=frozenset() if Exclusion.CAPABILITY in faults else frozenset({Capability.CODE}),
    )


def odd_deployment(faults: Set[Exclusion]) -> Deployment:
    """Its deployment."""
    region = "us" if Exclusion.REGION in faults else "eu"
    protocol = WireProtocol.GEMINI if Exclusion.PROTOCOL in faults else WireProtocol.OPENAI
    return deployment(odd_model(faults), region=region, protocol=protocol, disabled=Exclusion.DISABLED in faults)


def odd_live(faults: Set[Exclusion]) -> Live:
    """What workers say of it and its provider's limits."""
    empty = Room(limit=60, remaining=0, reset_at=NOW + timedelta(seconds=20))
    rooms = {ODD: Headroom(as_of=NOW, requests=empty)} if Exclusion.RATE_LIMIT in faults else {}
    return with_headroom(rooms, health(odd_health(faults)))


def odd_health(faults: Set[Exclusion]) -> dict[str, Health]:
    """What workers say of it."""
    if Exclusion.NO_CREDENTIAL in faults:
        return {ODD: Health(state=HealthState.NO_CREDENTIAL, cause="ODD_KEY is not set")}
    if Exclusion.UNHEALTHY in faults:
        until = NOW + timedelta(seconds=30)
        return {ODD: Health(state=HealthState.OPEN, until=until, cause="5 of 10 calls failed")}
    return {}


def asking(faults: Set[Exclusion]) -> Constraints:
    """What the request insists on."""
    return Constraints(
        max_cost_nanousd=10_000_000,
        max_latency=timedelta(seconds=10),
        regions=frozenset({"eu"}),
        tiers=frozenset({"flagship"}),
        protocols=frozenset({WireProtocol.OPENAI}),
        excluded_models=frozenset({"odd"} if Exclusion.MODEL_NOT_ASKED in faults else ()),
        excluded_providers=frozenset({"odd"} if Exclusion.PROVIDER_NOT_ASKED in faults else ()),
    )


def with_faults(*faults: Exclusion) -> Decision:
    """The decision where the deployment `odd/odd` has these faults and no others, beside one that has none."""
    good, found = model("good"), frozenset(faults)
    denied = Access(deny_models=frozenset({"odd"} if Exclusion.POLICY_DENIES in found else ()))
    known = catalog(
        models=[good, odd_model(found)],
        deployments=[deployment(good, region="eu"), odd_deployment(found)],
        policies=[policy(access=denied, limits=ExecutionLimits(fallbacks=0), budget=DEGRADING)],
        budgets=[ODD_BUDGET],
    )
    request = asked("code", features=features(max_output_tokens=2_000), constraints=asking(found))
    balances = {ODD_ACCOUNT: NEARLY_USED} if Exclusion.BUDGET in found else {}
    return explained(request, known, odd_live(found), balances=balances)


def test_without_a_fault_it_serves() -> None:
    decision = with_faults()
    assert decision.targets[0].deployment == ODD
    assert candidate(decision, ODD).exclusion is None


@pytest.mark.parametrize("reason", Exclusion)
def test_each_fault_alone_keeps_it_out_for_its_own_reason(reason: Exclusion) -> None:
    decision = with_faults(reason)
    found = candidate(decision, ODD)
    assert (found.exclusion, found.detail) == (reason, SENTENCES[reason])
    assert [target.deployment for target in decision.targets] == ["openai/good"]


@pytest.mark.parametrize("reason", Exclusion)
def test_of_several_faults_the_first_in_the_order_of_the_contract_is_told(reason: Exclusion) -> None:
    """Mended one after the other, each fault makes room for the next."""
    faults = ORDER[ORDER.index(reason) :]
    assert candidate(with_faults(*faults), ODD).exclusion is reason


@pytest.mark.parametrize(
    ("access", "sentence"),
    [
        (Access(deny_models=frozenset({"gpt-4o"})), "the policy default denies the model gpt-4o"),
        (Access(deny_providers=frozenset({"openai"})), "the policy default denies the provider openai"),
        (
            Access(allow_models=frozenset({"gpt-4o-mini"})),
            "the policy default does not list the model gpt-4o among those it allows",
        ),
        (
            Access(allow_providers=frozenset({"google"})),
            "the policy default does not list the provider openai among those it allows",
        ),
        (
            Access(allow_models=frozenset({"gpt-4o"}), deny_providers=frozenset({"openai"})),
            "the policy default denies the provider openai",
        ),
    ],
)
def test_a_policy_says_which_of_its_lists_keeps_a_model_out(access: Access, sentence: str) -> None:
    """An empty allow list allows everything, and a deny list wins."""
    found = candidate(explained(asked(), catalog(policies=[policy(access=access)])), "openai/gpt-4o")
    assert (found.exclusion, found.detail) == (Exclusion.POLICY_DENIES, sentence)


def test_a_strategy_that_names_models_uses_no_others() -> None:
    for named in (fixed("gpt-4o-mini"), weighted({"gpt-4o-mini": 1})):
        found = candidate(explained(asked(), catalog(policies=[named])), "openai/gpt-4o")
        sentence = f"the {named.strategy.kind} strategy of the policy default does not name the model gpt-4o"
        assert (found.exclusion, found.detail) == (Exclusion.POLICY_DENIES, sentence)


def test_a_region_is_the_policys_or_the_requests() -> None:
    of = model()
    placed = [deployment(of, name=name, region=name) for name in ("eu", "us", "")]
    known = catalog(models=[of], deployments=placed, policies=[policy(access=Access(regions=frozenset({"eu", "us"})))])
    decision = explained(asked(constraints=Constraints(regions=frozenset({"eu"}))), known)
    assert candidate(decision, "eu").exclusion is None
    assert candidate(decision, "us").detail == "runs in us, the request allows only eu"
    assert candidate(decision, "").detail == "runs in no known region, the request allows only eu"
    loose = explained(asked(), known)
    assert candidate(loose, "us").exclusion is None
    assert candidate(loose, "").detail == "runs in no known region, the policy default allows only eu, us"


@pytest.mark.parametrize(
    ("wanted", "lacking"),
    [
        ({"images": 1}, Capability.VISION),
        ({"tools": 2}, Capability.TOOLS),
        ({"output_format": OutputFormat.JSON}, Capability.JSON),
        ({"output_format": OutputFormat.JSON_SCHEMA}, Capability.JSON_SCHEMA),
    ],
)
def test_what_the_request_holds_asks_for_a_capability(wanted: dict[str, object], lacking: Capability) -> None:
    known = catalog(models=[model("lame", capabilities=EVERYTHING - {lacking}), model("good")])
    decision = explained(asked("chat", features=features(**wanted)), known)
    found = candidate(decision, "openai/lame")
    assert (found.exclusion, found.detail) == (
        Exclusion.CAPABILITY,
        f"its model lacks {lacking}, which the request needs",
    )
    assert candidate(decision, "openai/good").exclusion is None


@pytest.mark.parametrize("capability", Capability)
def test_any_capability_can_be_insisted_on(capability: Capability) -> None:
    known = catalog(models=[model("lame", capabilities=EVERYTHING - {capability}), model("good")])
    decision = explained(asked("chat", constraints=Constraints(capabilities=frozenset({capability}))), known)
    assert candidate(decision, "openai/lame").exclusion is Exclusion.CAPABILITY
    assert [target.model for target in decision.targets] == (["good"] if capability in EVERYTHING else [])


def test_a_model_that_counts_our_tokens_may_be_filled_to_the_last_and_others_to_two_percent_less() -> None:
    """4,096 tokens of the answer are kept free beside 10,000 of input."""
    exact = model("exact", context_window=14_096)
    tight = model("tight", provider="other", context_window=14_295)
    roomy = model("roomy", provider="other", context_window=14_296)
    small = model("small", context_window=14_095)
    known = catalog(models=[exact, tight, roomy, small])
    decision = explained(asked(features=features(input_tokens=10_000)), known)
    assert candidate(decision, "openai/exact").exclusion is None
    assert candidate(decision, "other/roomy").exclusion is None
    assert candidate(decision, "other/tight").detail == "needs 14,296 tokens of context, has 14,295"
    assert candidate(decision, "openai/small").detail == "needs 14,096 tokens of context, has 14,095"


def test_room_is_kept_for_no_longer_answer_than_the_model_writes() -> None:
    known = catalog(models=[model("terse", context_window=1_200, max_output_tokens=1_000)])
    assert explained(asked(), known).targets


def test_a_cap_of_the_policy_and_one_of_the_request_hold_together() -> None:
    dear, cheap = model("dear", price=price(100, 0)), model("cheap", price=price(40, 0))
    capped = policy(limits=ExecutionLimits(max_cost_nanousd=5_000_000))
    known = catalog(models=[dear, cheap], policies=[capped])
    by_policy = explained(asked(), known)
    assert candidate(by_policy, "openai/dear").detail == "expected to cost $0.010, the policy default allows $0.0050"
    assert candidate(by_policy, "openai/cheap").exclusion is None
    tighter = explained(asked(constraints=Constraints(max_cost_nanousd=3_000_000)), known)
    assert candidate(tighter, "openai/cheap").detail == "expected to cost $0.0040, the request allows $0.0030"
    looser = explained(asked(constraints=Constraints(max_cost_nanousd=50_000_000)), known)
    assert candidate(looser, "openai/dear").detail == "expected to cost $0.010, the policy default allows $0.0050"


def test_what_costs_exactly_the_cap_and_takes_exactly_the_time_may_serve() -> None:
    of = model(price=price(10, 0), latency=timedelta(seconds=3))
    usual = explained(asked(), catalog(models=[of])).targets[0].estimate
    exact = Constraints(max_cost_nanousd=usual.cost_nanousd, max_latency=usual.latency)
    assert explained(asked(constraints=exact), catalog(models=[of])).targets
    less = Constraints(max_cost_nanousd=usual.cost_nanousd - 1)
    assert not explained(asked(constraints=less), catalog(models=[of])).targets
    sooner = Constraints(max_latency=usual.latency - timedelta(microseconds=1))
    assert not explained(asked(constraints=sooner), catalog(models=[of])).targets


def test_what_takes_exactly_the_time_serves_though_its_parts_do_not_add_up_exactly() -> None:
    """9 s to the first token and 300 tokens of 0.07 s are a little more than 30 s in floating point."""
    of = model(latency=timedelta(seconds=30))
    request = asked("summarization", "complex", constraints=Constraints(max_latency=timedelta(seconds=30)))
    (target,) = explained(replace(request, features=features(last_user_tokens=0)), catalog(models=[of])).targets
    assert target.estimate.latency == timedelta(seconds=30)


def test_figures_that_round_alike_are_told_with_digits_enough_to_differ() -> None:
    of = model(price=price(10, 0))
    decision = explained(asked(constraints=Constraints(max_cost_nanousd=999_999)), catalog(models=[of]))
    detail = candidate(decision, "openai/gpt-4o").detail
    assert detail == "expected to cost $0.00100000, the request allows $0.000999999"
