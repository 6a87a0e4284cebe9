"""The use cases of routing: remembered decisions, chosen rule sets, and what is put into a decision."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

import pytest

from controlplane.audit.model import Kind
from controlplane.budget.model import Account, Balance, Budget, BudgetName, Window
from controlplane.classification.ladder import Ladder
from controlplane.decision.index import index
from controlplane.decision.model import Constraints, Notice, Origin
from controlplane.policy.model import Durability, RuleSet, RuleSetName, Selector, StoreFailure
from controlplane.routing.commands import ClassifyRequest, ExplainRoute, Surroundings
from controlplane.routing.deciding import GRACE, LIFE, RETRY_STORE, ROUNDS, DecideRoute
from controlplane.routing.memory import DecisionMemory
from controlplane.routing.model import Ask, Given, IssuedDecision, NoEligibleTarget, NoRoom, Shown, SignedDecision, Told
from controlplane.routing.rules import rule_set_for
from controlplane.snapshot.model import Snapshot
from tests.support.books import MemoryJournal, books
from tests.support.catalogs import catalog, policy, snapshot, workload
from turnout_features.model import Conversation, Features, Speaker, Utterance
from turnout_wire.failure import Failure
from turnout_wire.signature import Signature

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


async def seal(issued: IssuedDecision) -> SignedDecision:
    return SignedDecision(
        decision_id=issued.decision_id,
        snapshot_version=issued.snapshot_version,
        expires_at=issued.expires_at,
        payload=issued.decision_id.encode(),
        signature=Signature(key_id="k", value=bytes(64)),
    )


def issued_of(given: Given) -> IssuedDecision:
    assert given.issued is not None, "the same decision was given again"
    return given.issued


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
        self.around = Surroundings(
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
        self.journal = MemoryJournal()
        self.decide = DecideRoute(self.around, seal, self.memory, books(self.journal))
        self.explain = ExplainRoute(self.around)
        self.classify = ClassifyRequest(self.around)

    def _read(self) -> Snapshot:
        self.reads += 1
        return self.snapshot

    def _draw(self) -> float:
        self.draws += 1
        return 0.5


def with_rules(**more: Any) -> Any:
    return replace(catalog(**more), rule_sets=MappingProxyType({RULES.name: RULES}))


async def test_a_decision_says_who_for_whom_until_when_and_on_what() -> None:
    bench = Bench()
    issued = issued_of(await bench.decide(ask(pool="batch", max_runs=3, request_id="r", traceparent="t")))
    assert (issued.issuer, issued.tenant, issued.presenter, issued.audiences) == ("turnout", "acme", "app", ("batch",))
    assert (issued.issued_at, issued.expires_at) == (NOW, NOW + LIFE)
    assert issued.request_digest == b"d" * 32
    assert (issued.snapshot_version, issued.snapshot_digest) == (1, bench.snapshot.digest)
    assert (issued.max_runs, issued.request_id, issued.traceparent) == (3, "r", "t")
    assert issued.plan.targets


async def test_nothing_eligible_is_no_decision_and_comes_with_every_candidate() -> None:
    bench = Bench()
    with pytest.raises(Failure) as refused:
        await bench.decide(ask(constraints=Constraints(max_cost_nanousd=1)))
    cause = refused.value.__cause__
    assert isinstance(cause, NoEligibleTarget)
    assert len(cause.plan.candidates) == 6
    assert cause.decided_at == NOW


async def test_explaining_nothing_eligible_is_an_answer() -> None:
    plan, _ = await Bench().explain(ask(constraints=Constraints(max_cost_nanousd=1)))
    assert plan.targets == ()
    assert len(plan.candidates) == 6


async def test_many_are_decided_on_the_snapshot_that_is_given() -> None:
    bench = Bench()
    other = replace(bench.snapshot, version=9)
    assert issued_of(await bench.decide(ask(), other)).snapshot_version == 9
    assert bench.reads == 0


async def test_a_text_is_only_read_when_it_is_needed() -> None:
    """A repeated request is known by its fingerprint, and parsed no more."""
    bench, reads = Bench(), []

    def read() -> Conversation:
        reads.append(1)
        return Conversation(utterances=(Utterance(speaker=Speaker.USER, text="Hello"),))

    shown = Shown(request_digest=b"d" * 32, read=read)
    for _ in range(3):
        await bench.decide(ask(content=shown, request_id="r", fingerprint=b"f"))
    assert len(reads) == 1


@pytest.mark.parametrize("digest", [b"", b"x" * 32])
async def test_features_of_another_rule_set_are_refused_by_every_use_case(digest: bytes) -> None:
    bench = Bench()
    stale = ask(content=Told(features=Features(rule_set_digest=digest), request_digest=b"d" * 32))
    for use in (bench.explain, bench.classify):
        with pytest.raises(Failure, match="GetRuleSet") as refused:
            await use(stale)
        assert refused.value.reason == "RULE_SET_OUTDATED"
    with pytest.raises(Failure, match="GetRuleSet"):
        await bench.decide(stale)


# --- memory ------------------------------------------------------------------------------------------------


def known(request_id: str = "r", fingerprint: bytes = b"f", **more: Any) -> Ask:
    return ask(request_id=request_id, fingerprint=fingerprint, **more)


async def test_the_same_request_gives_the_same_decision_until_it_expires() -> None:
    bench = Bench()
    first = await bench.decide(known())
    bench.clock.now += LIFE - timedelta(seconds=1)
    assert (await bench.decide(known())).signed is first.signed
    assert bench.draws == 1
    bench.clock.now += timedelta(seconds=1)
    again = await bench.decide(known())
    assert again.signed.decision_id != first.signed.decision_id
    assert (await bench.decide(known())).signed is again.signed


async def test_another_request_under_the_same_id_is_refused() -> None:
    bench = Bench()
    first = await bench.decide(known())
    with pytest.raises(Failure, match="came with another request") as refused:
        await bench.decide(known(fingerprint=b"g"))
    assert (refused.value.reason, refused.value.field) == ("REQUEST_ID_REUSED", "request_id")
    assert (await bench.decide(known())).signed is first.signed


async def test_without_a_request_id_nothing_is_remembered() -> None:
    bench = Bench()
    first, second = await bench.decide(ask()), await bench.decide(ask())
    assert first.signed.decision_id != second.signed.decision_id


@pytest.mark.parametrize("other", [{"tenant": "umbrella"}, {"presenter": "clerk"}, {"request_id": "s"}])
async def test_a_request_id_belongs_to_its_caller(other: Mapping[str, str]) -> None:
    bench = Bench()
    first = await bench.decide(known())
    asked: Any = replace(known(fingerprint=b"g"), **other)  # type: ignore[arg-type]  # names of fields
    assert (await bench.decide(asked)).signed is not first.signed


async def test_a_refused_request_is_not_remembered() -> None:
    bench = Bench()
    with pytest.raises(Failure, match="deployments may serve"):
        await bench.decide(known(constraints=Constraints(max_cost_nanousd=1)))
    assert issued_of(await bench.decide(known(fingerprint=b"mended"))).plan.targets


async def test_the_memory_is_bounded_and_forgets_the_oldest() -> None:
    memory, bench = DecisionMemory(size=2), Bench()
    decided = {name: (await bench.decide(known(name))).signed for name in "abc"}
    for name, decision in decided.items():
        memory.keep(known(name), decision)
    assert [memory.recall(known(name), NOW) is decided[name] for name in "abc"] == [False, True, True]
    assert (memory.hits, memory.misses, memory.cached) == (2, 1, 2)


async def test_only_requests_that_have_an_id_count_as_hits_or_misses() -> None:
    bench = Bench()
    await bench.decide(ask())
    assert (bench.memory.hits, bench.memory.misses) == (0, 0)
    await bench.decide(known())
    await bench.decide(known())
    assert (bench.memory.hits, bench.memory.misses) == (1, 1)
    bench.clock.now += LIFE
    await bench.decide(known())
    assert (bench.memory.hits, bench.memory.misses, bench.memory.cached) == (1, 2, 1)


# --- what is written down ----------------------------------------------------------------------------------


def policies(**changes: Any) -> Snapshot:
    """A snapshot whose one policy is changed."""
    return snapshot(replace(with_rules(policies=(replace(policy("default"), **changes),))))


DAILY = Budget(name=BudgetName("daily"), limit=10_000_000_000, window=Window.DAY)


def budgeted(*budgets: Budget, **changes: Any) -> Snapshot:
    made = with_rules(policies=(replace(policy("default"), **changes),))
    return snapshot(replace(made, budgets=budgets))


async def test_a_decision_is_written_before_it_is_given() -> None:
    bench = Bench()
    given = await bench.decide(ask())
    assert [(one.kind, one.ref) for one in bench.journal.writer.entries] == [(Kind.DECISION, given.signed.decision_id)]
    assert not bench.journal.kept


async def test_a_policy_may_have_it_written_just_after() -> None:
    bench = Bench(policies(durability=Durability.ASYNC))
    await bench.decide(ask())
    assert len(bench.journal.kept) == 1


async def test_a_decision_that_holds_money_is_written_before_it_is_given_whatever_the_policy_says() -> None:
    bench = Bench(budgeted(DAILY, durability=Durability.ASYNC))
    given = await bench.decide(ask(max_runs=2))
    held = bench.journal.writer.reservations[given.signed.decision_id]
    assert not bench.journal.kept
    assert held.runs_left == 2
    assert held.expires_at == NOW + LIFE + GRACE
    (balance,) = bench.journal.writer.balances.values()
    assert balance.reserved == 2 * held.holds[0].amount > 0


async def test_a_refusal_is_written_down_too() -> None:
    bench = Bench()
    with pytest.raises(Failure):
        await bench.decide(ask(constraints=Constraints(max_cost_nanousd=1)))
    await bench.journal.write_posted()
    assert [(one.kind, one.body) for one in bench.journal.writer.entries] == [(Kind.REFUSAL, b"NO_ELIGIBLE_TARGET")]


async def test_without_a_store_there_is_no_decision() -> None:
    bench = Bench()
    bench.journal.writer.failing = True
    with pytest.raises(Failure, match="cannot be recorded") as refused:
        await bench.decide(known())
    assert (refused.value.reason, refused.value.retry_after) == ("STORE_UNAVAILABLE", RETRY_STORE)
    bench.journal.writer.failing = False
    assert issued_of(await bench.decide(known())).plan.targets


async def test_a_policy_may_go_on_without_a_store_and_says_so_and_holds_nothing() -> None:
    bench = Bench(budgeted(DAILY, when_store_fails=StoreFailure.GO_ON))
    bench.journal.writer.failing = True
    plan = issued_of(await bench.decide(ask())).plan
    assert Notice.UNRECORDED in plan.notices
    assert (plan.holds, plan.reserved_nanousd) == ((), None)
    bench.journal.writer.failing = False
    await bench.journal.write_posted()
    assert [one.kind for one in bench.journal.writer.entries] == [Kind.DECISION], "recorded when the store is back"
    assert not bench.journal.writer.reservations


async def test_another_replica_that_decided_the_same_request_has_the_word() -> None:
    """Two control planes over one store: the second has forgotten nothing, it never knew."""
    first, second = Bench(), Bench()
    shared = books(first.journal)
    second.decide = DecideRoute(second.around, seal, DecisionMemory(), shared)
    one = await first.decide(known())
    other = await second.decide(known())
    assert other.signed == one.signed
    assert other.issued is None
    with pytest.raises(Failure, match="came with another request"):
        await DecideRoute(second.around, seal, DecisionMemory(), shared)(known(fingerprint=b"g"))


async def test_money_that_others_took_meanwhile_is_noticed_and_the_decision_made_again() -> None:
    """The view of balances is old: the store refuses, and tells what it met."""
    bench = Bench(budgeted(DAILY))
    await bench.decide(ask())
    (account,) = bench.journal.writer.balances
    bench.journal.writer.balances[account] = Balance(spent=DAILY.limit)
    tried = len(bench.journal.writer.groups)
    bench.decide = DecideRoute(
        bench.around, seal, bench.memory, replace(books(bench.journal), balances=dict[Account, Balance])
    )
    with pytest.raises(Failure, match="no room") as refused:
        await bench.decide(ask())
    cause = refused.value.__cause__
    assert isinstance(cause, NoRoom)
    assert [short.balance.spent for short in cause.plan.shortages] == [DAILY.limit]
    assert len(bench.journal.writer.groups) - tried == ROUNDS
    assert len(bench.journal.writer.reservations) == 1, "nothing more is held"


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


async def test_an_unknown_name_is_refused_by_the_decision_and_not_by_the_rules() -> None:
    bench: Bench = Bench(snapshot(sets()))
    cases: list[tuple[Callable[[], Ask], str]] = [
        (lambda: ask(policy="unknown"), "POLICY_UNKNOWN"),
        (lambda: ask(origin=Origin(workload="unknown")), "WORKLOAD_UNKNOWN"),
    ]
    for make, reason in cases:
        with pytest.raises(Failure) as refused:
            await bench.decide(make())
        assert refused.value.reason == reason
