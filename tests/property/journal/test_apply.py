"""The rules for money hold for every sequence of operations."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from controlplane.budget.model import Account, AccountId, Balance, Measure, ReservationState
from controlplane.journal.model import Expire, Operation, Recorded, Refused, Settle, Start
from tests.support.journal import DAILY, LIFE, NOON, MemoryJournal, expire, hold, issue, request, settle, start

LIMIT = 100
MONTHLY = Account(id=AccountId("monthly"), window_start=0)
COUNTED = Account(id=AccountId("runs"), window_start=60)
LIMITS = {DAILY: LIMIT, MONTHLY: 2 * LIMIT, COUNTED: 12}
amounts = st.integers(0, 40)


class Money(RuleBasedStateMachine):
    """Decisions are made, run, reported in time or not at all, and end, in any order. Runs stay within what was held."""

    def __init__(self) -> None:
        super().__init__()
        self.journal = MemoryJournal()
        self.now = NOON
        self.made = 0
        self.amount: dict[str, int] = {}

    @rule(amount=amounts, estimate=amounts, runs=st.integers(1, 3), both=st.booleans())
    def decide(self, amount: int, estimate: int, runs: int, both: bool) -> None:
        self.made += 1
        name = f"d{self.made}"
        accounts = (DAILY, MONTHLY) if both else (DAILY,)
        holds = [hold(amount, account=to, limit=LIMITS[to], estimate=min(estimate, amount)) for to in accounts]
        counted = hold(1, account=COUNTED, limit=LIMITS[COUNTED], estimate=1, measure=Measure.REQUESTS)
        before = dict(self.journal.balances)
        asked = request(name, name, expires_at=self.now + LIFE)
        (result,) = self.journal.run([issue(name, *holds, counted, runs=runs, at=self.now, asked=asked)]).results
        if isinstance(result, Refused):
            assert self.journal.balances == before
            assert name not in self.journal.reservations
        else:
            self.amount[name] = amount

    @precondition(lambda self: self.amount)
    @rule(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.amount)))
        run = data.draw(st.integers(1, 4))
        self.journal.run([start(name, f"{name}/{run}", self.now + LIFE)])

    @precondition(lambda self: self.amount)
    @rule(data=st.data())
    def report(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.amount)))
        reservation = self.journal.reservations[name]
        if reservation.state is ReservationState.OPEN:
            run = data.draw(st.integers(1, 4))
            used = data.draw(st.integers(0, self.amount[name]))
            self.journal.run([settle(name, f"{name}/{run}", used)])

    @rule(seconds=st.integers(1, 200))
    def wait(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @rule()
    def sweep(self) -> None:
        self.journal.run([expire(name, self.now) for name in self.journal.reservations])

    @invariant()
    def nothing_is_overspent(self) -> None:
        assert all(one.spent + one.reserved <= LIMITS[account] for account, one in self.journal.balances.items())
        assert all(one.spent >= 0 and one.reserved >= 0 for one in self.journal.balances.values())

    @invariant()
    def what_is_reserved_is_what_open_reservations_hold(self) -> None:
        sums = self.journal.open_sums()
        assert all(one.reserved == sums.get(account, 0) for account, one in self.journal.balances.items())

    def teardown(self) -> None:
        """However it went, in the end nothing is held."""
        later = self.now + timedelta(days=1)
        self.journal.run([expire(name, later) for name in self.journal.reservations])
        assert all(one.state is not ReservationState.OPEN for one in self.journal.reservations.values())
        assert all(one.runs_left == 0 for one in self.journal.reservations.values())
        assert all(one.reserved == 0 for one in self.journal.balances.values())


TestMoney = Money.TestCase


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """All that is ever told of one decision, in one order; receipts of all runs come."""

    runs: int
    operations: tuple[Operation, ...]


@st.composite
def stories(draw: st.DrawFn) -> tuple[Story, Story]:
    """One story in two orders."""
    runs = draw(st.integers(1, 3))
    used = draw(st.lists(st.integers(0, 50), min_size=1, max_size=4))
    receipts: list[Settle] = [settle("d", f"r{number}", cost) for number, cost in enumerate(used)]
    starts: list[Start] = [start("d", one.entry.ref) for one in receipts if draw(st.booleans())]
    ends: list[Expire] = [expire("d")] * draw(st.integers(0, 2))
    repeated = draw(st.sampled_from([[], receipts]))
    told: list[Operation] = [*receipts, *starts, *ends, *repeated]
    orders = [tuple(draw(st.permutations(told))) for _ in range(2)]
    first, second = (Story(runs=runs, operations=order) for order in orders)
    return first, second


def told(story: Story) -> MemoryJournal:
    """What is there after the story, and after the end of its time."""
    journal = MemoryJournal()
    journal.run(
        [
            issue(
                "d",
                hold(20, estimate=7),
                hold(1, account=COUNTED, estimate=1, measure=Measure.REQUESTS),
                runs=story.runs,
            )
        ]
    )
    for operation in story.operations:
        journal.run([operation])
    journal.run([expire("d")])
    return journal


def used(journal: MemoryJournal) -> MemoryJournal:
    """Without balances of nothing: a group that takes and gives back need not write them."""
    return replace(journal, balances={key: one for key, one in journal.balances.items() if one != Balance()})


@given(both=stories())
def test_receipts_starts_and_ends_of_time_commute_in_the_final_balances(both: tuple[Story, Story]) -> None:
    first, second = (told(story) for story in both)
    assert first.balances == second.balances
    receipts = {one.entry.ref: one.used[0].cost_nanousd for one in both[0].operations if isinstance(one, Settle)}
    assert first.balances[DAILY] == Balance(spent=sum(receipts.values()), reserved=0)
    assert first.balances[COUNTED] == Balance(spent=len(receipts), reserved=0)


@given(both=stories(), cuts=st.lists(st.integers(0, 12), max_size=4))
def test_groups_come_to_the_same_as_one_operation_after_the_other(both: tuple[Story, Story], cuts: list[int]) -> None:
    story = both[0]
    alone, grouped = MemoryJournal(), MemoryJournal()
    operations: Sequence[Operation] = [
        issue("d", hold(20, estimate=7), runs=story.runs),
        *story.operations,
        expire("d"),
    ]
    results = [result for operation in operations for result in alone.run([operation]).results]
    edges = [0, *sorted(cuts), len(operations)]
    parts = [operations[begin:end] for begin, end in pairwise(edges)]
    together = [result for part in parts for result in grouped.run(part).results]
    assert together == results
    assert used(grouped) == used(alone)


@given(
    spent=st.integers(0, LIMIT),
    amounts=st.lists(st.integers(1, LIMIT), min_size=2, max_size=8),
)
def test_a_group_takes_what_there_is_room_for_and_no_more(spent: int, amounts: list[int]) -> None:
    journal = MemoryJournal(balances={DAILY: Balance(spent=spent)})
    outcome = journal.run([issue(f"d{n}", hold(amount, limit=LIMIT)) for n, amount in enumerate(amounts)])
    taken = [amount for amount, result in zip(amounts, outcome.results, strict=True) if isinstance(result, Recorded)]
    assert journal.balances[DAILY].reserved == sum(taken) <= LIMIT - spent


@given(amounts=st.lists(st.integers(LIMIT // 2 + 1, LIMIT), min_size=2, max_size=6))
def test_control_checking_first_and_adding_later_overspends(amounts: list[int]) -> None:
    """Callers who each look at the balance before any of them adds to it: what the journal's transaction forbids."""
    balance = Balance()
    seen = [balance] * len(amounts)
    for amount, looked_at in zip(amounts, seen, strict=True):
        if looked_at.spent + amount <= LIMIT:
            balance = replace(balance, spent=balance.spent + amount)
    assert balance.spent > LIMIT
