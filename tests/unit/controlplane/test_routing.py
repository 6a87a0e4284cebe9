"""The use cases of routing: remembered decisions, chosen rule sets, and what is put into a decision."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

import pytest

from controlplane.classification.ladder import Ladder
from controlplane.decision.index import index
from controlplane.decision.model import Constraints, Origin
from controlplane.policy.model import RuleSet, RuleSetName, Selector
from controlplane.routing.commands import LIFE, ClassifyRequest, DecideRoute, ExplainRoute, Surroundings
from controlplane.routing.memory import DecisionMemory
from controlplane.routing.model import Ask, IssuedDecision, NoEligibleTarget, Shown, SignedDecision, Told
from controlplane.routing.rules import rule_set_for
from controlplane.snapshot.model import Snapshot
from tests.support.catalogs import catalog, policy, snapshot, workload
from turnout_features.model import Conversation, Features, Speaker, Utterance
from turnout_wire.failure import Failure

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
RULES = RuleSet(
    name=RuleSetName("default"),
    digest=b"r" * 32,
    patterns=(),
    conditions=(),
    priors=(),
)


class Clock:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


class NoPatterns:
    """Matches nothing."""

    digest = RULES.digest

    def match(self, text: str) -> tuple[str, ...]:  # noqa: ARG002 - see Patterns
        return ()


def seal(issued: IssuedDecision) -> SignedDecision:
    return SignedDecision(issued=issued, payload=issued.decision_id.encode(), key_id="k", signature=bytes(64))


def told(**features: Any) -> Told:
    return Told(features=Features(rule_set_digest=RULES.digest, **features), request_digest=b"d" * 32)


def ask(**changes: Any) -> Ask:
    return Ask(**{"content": told(input_tokens=10), "tenant": "acme", "presenter": "app", **changes})


class Bench:
    """The use cases over a snapshot of six models, and what they took from outside."""

    def __init__(self, shown: Snapshot | None = None) -> None:
        self.clock = Clock()
        self.snapshot = shown or snapshot(with_rules())
        self.reads = 0
        self.draws = 0
        ids = iter(range(1000))
        around = Surroundings(
            snapshot=self._read,
            index=index,
            patterns=lambda _: NoPatterns(),
            classify=Ladder(),
            clock=self.clock,
            draw=self._draw,
            new_id=lambda _: f"d-{next(ids)}",
            issuer="turnout",
        )
        self.memory = DecisionMemory()
        self.decide = DecideRoute(around, seal, self.memory)
        self.explain = ExplainRoute(around)
        self.classify = ClassifyRequest(around)

    def _read(self) -> Snapshot:
        self.reads += 1
        return self.snapshot

    def _draw(self) -> float:
        self.draws += 1
        return 0.5


def with_rules(**more: Any) -> Any:
    return replace(catalog(**more), rule_sets=MappingProxyType({RULES.name: RULES}))


def test_a_decision_says_who_for_whom_until_when_and_on_what() -> None:
    bench = Bench()
    issued = bench.decide(ask(pool="batch", max_runs=3, request_id="r", traceparent="t")).issued
    assert (issued.issuer, issued.tenant, issued.presenter, issued.audiences) == ("turnout", "acme", "app", ("batch",))
    assert (issued.issued_at, issued.expires_at) == (NOW, NOW + LIFE)
    assert issued.request_digest == b"d" * 32
    assert (issued.snapshot_version, issued.snapshot_digest) == (1, bench.snapshot.digest)
    assert (issued.max_runs, issued.request_id, issued.traceparent) == (3, "r", "t")
    assert issued.plan.targets


def test_nothing_eligible_is_no_decision_and_comes_with_every_candidate() -> None:
    bench = Bench()
    with pytest.raises(NoEligibleTarget) as refused:
        bench.decide(ask(constraints=Constraints(max_cost_nanousd=1)))
    assert len(refused.value.plan.candidates) == 6
    assert refused.value.decided_at == NOW


def test_explaining_nothing_eligible_is_an_answer() -> None:
    plan, _ = Bench().explain(ask(constraints=Constraints(max_cost_nanousd=1)))
    assert plan.targets == ()
    assert len(plan.candidates) == 6


def test_many_are_decided_on_the_snapshot_that_is_given() -> None:
    bench = Bench()
    other = replace(bench.snapshot, version=9)
    assert bench.decide(ask(), other).issued.snapshot_version == 9
    assert bench.reads == 0


def test_a_text_is_only_read_when_it_is_needed() -> None:
    """A repeated request is known by its fingerprint, and parsed no more."""
    bench, reads = Bench(), []

    def read() -> Conversation:
        reads.append(1)
        return Conversation(utterances=(Utterance(speaker=Speaker.USER, text="Hello"),))

    shown = Shown(request_digest=b"d" * 32, read=read)
    for _ in range(3):
        bench.decide(ask(content=shown, request_id="r", fingerprint=b"f"))
    assert len(reads) == 1


@pytest.mark.parametrize("digest", [b"", b"x" * 32])
def test_features_of_another_rule_set_are_refused_by_every_use_case(digest: bytes) -> None:
    bench = Bench()
    stale = ask(content=Told(features=Features(rule_set_digest=digest), request_digest=b"d" * 32))
    for use in (bench.decide, bench.explain, bench.classify):
        with pytest.raises(Failure, match="GetRuleSet") as refused:
            use(stale)
        assert refused.value.reason == "RULE_SET_OUTDATED"


# --- memory ------------------------------------------------------------------------------------------------


def known(request_id: str = "r", fingerprint: bytes = b"f", **more: Any) -> Ask:
    return ask(request_id=request_id, fingerprint=fingerprint, **more)


def test_the_same_request_gives_the_same_decision_until_it_expires() -> None:
    bench = Bench()
    first = bench.decide(known())
    bench.clock.now += LIFE - timedelta(seconds=1)
    assert bench.decide(known()) is first
    assert bench.draws == 1
    bench.clock.now += timedelta(seconds=1)
    again = bench.decide(known())
    assert again.issued.decision_id != first.issued.decision_id
    assert bench.decide(known()) is again


def test_another_request_under_the_same_id_is_refused() -> None:
    bench = Bench()
    first = bench.decide(known())
    with pytest.raises(Failure, match="came with another request") as refused:
        bench.decide(known(fingerprint=b"g"))
    assert (refused.value.reason, refused.value.field) == ("REQUEST_ID_REUSED", "request_id")
    assert bench.decide(known()) is first


def test_without_a_request_id_nothing_is_remembered() -> None:
    bench = Bench()
    assert bench.decide(ask()).issued.decision_id != bench.decide(ask()).issued.decision_id


@pytest.mark.parametrize("other", [{"tenant": "umbrella"}, {"presenter": "clerk"}, {"request_id": "s"}])
def test_a_request_id_belongs_to_its_caller(other: Mapping[str, str]) -> None:
    bench = Bench()
    first = bench.decide(known())
    assert bench.decide(replace(known(fingerprint=b"g"), **other)) is not first  # type: ignore[arg-type]  # names of fields


def test_a_refused_request_is_not_remembered() -> None:
    bench = Bench()
    with pytest.raises(NoEligibleTarget):
        bench.decide(known(constraints=Constraints(max_cost_nanousd=1)))
    assert bench.decide(known(fingerprint=b"mended")).issued.plan.targets


def test_the_memory_is_bounded_and_forgets_the_oldest() -> None:
    memory, bench = DecisionMemory(size=2), Bench()
    decided = {name: bench.decide(known(name)) for name in "abc"}
    for name, decision in decided.items():
        memory.keep(known(name), decision)
    assert [memory.recall(known(name), NOW) is decided[name] for name in "abc"] == [False, True, True]


# --- rule sets ---------------------------------------------------------------------------------------------


def named(name: str) -> RuleSet:
    return replace(RULES, name=RuleSetName(name))


SEARCH = workload("search", policy="fine", when=Selector(features=("search*",)))


def sets() -> Any:
    made = catalog(
        policies=(policy("default"), policy("fine", rule_set=RuleSetName("fine"))), workloads=(SEARCH, workload())
    )
    return replace(made, rule_sets=MappingProxyType({each.name: each for each in (named("default"), named("fine"))}))


@pytest.mark.parametrize(
    ("origin", "of_policy", "expected"),
    [
        (Origin(), "", "default"),
        (Origin(feature="search-box"), "", "fine"),
        (Origin(workload="search"), "", "fine"),
        (Origin(workload="search", feature="other"), "", "fine"),
        (Origin(feature="search-box"), "default", "default"),
        (Origin(), "fine", "fine"),
        (Origin(workload="unknown"), "", "default"),
        (Origin(), "unknown", "default"),
    ],
)
def test_a_request_is_read_with_the_rules_of_the_policy_that_it_will_meet(
    origin: Origin, of_policy: str, expected: str
) -> None:
    assert rule_set_for(origin, of_policy, sets()).name == expected


def test_an_unknown_name_is_refused_by_the_decision_and_not_by_the_rules() -> None:
    bench: Bench = Bench(snapshot(sets()))
    cases: list[tuple[Callable[[], Ask], str]] = [
        (lambda: ask(policy="unknown"), "POLICY_UNKNOWN"),
        (lambda: ask(origin=Origin(workload="unknown")), "WORKLOAD_UNKNOWN"),
    ]
    for make, reason in cases:
        with pytest.raises(Failure) as refused:
            bench.decide(make())
        assert refused.value.reason == reason
