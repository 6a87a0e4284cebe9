"""What a group of operations changes: a function of the operations and of what was read, the same for every store.

Money follows three rules. A reservation is taken whole or not at all. A run is booked once, whichever comes first:
its receipt, or the end of its time. What is booked in the end does not depend on the order in which receipts and ends of
time arrive: a receipt that comes late puts its own figure in the place of the estimate.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from controlplane.audit.model import Document, Entry, Kind
from controlplane.budget.model import (
    Account,
    Balance,
    Hold,
    Measure,
    Reservation,
    ReservationState,
    Run,
    RunState,
    Shortage,
    Used,
)
from controlplane.journal.model import (
    AlreadyDecided,
    Append,
    Changes,
    Expire,
    Found,
    Issue,
    KnownRequest,
    Needs,
    Operation,
    Outcome,
    Recorded,
    Refused,
    RequestKey,
    Result,
    Settle,
    Start,
)


def needs(operations: Iterable[Operation]) -> Needs:
    """What must be read, and locked, before `apply`."""
    requests: set[RequestKey] = set()
    refs: set[tuple[str, str]] = set()
    reservations: set[str] = set()
    accounts: set[Account] = set()
    for operation in operations:
        match operation:
            case Issue():
                refs.add(_ref(operation.entry))
                if operation.request is not None:
                    requests.add(operation.request.key)
                if operation.reservation is not None:
                    accounts.update(hold.account for hold in operation.reservation.holds)
            case Settle():
                refs.update((_ref(operation.entry), _ref(operation.decision)))
                reservations.add(operation.decision.decision_id)
                accounts.update(hold.account for hold in operation.holds)
            case Start() | Expire():
                reservations.add(operation.decision_id)
            case Append():
                refs.add(_ref(operation.entry))
    return Needs(
        requests=frozenset(requests),
        refs=frozenset(refs),
        reservations=frozenset(reservations),
        accounts=frozenset(accounts),
    )


def accounts_of(needed: Needs, reservations: Iterable[Reservation]) -> list[Account]:
    """The accounts whose balances must be read, in the order in which everybody locks them."""
    held = (hold.account for reservation in reservations for hold in reservation.holds)
    return sorted(needed.accounts.union(held))


def apply(operations: Sequence[Operation], found: Found) -> tuple[Changes, Outcome]:
    """What must be written, and what each operation comes to. Each sees what those before it did."""
    group = _Group(found)
    results = [group.take(operation) for operation in operations]
    return group.changes(), Outcome(results=results, balances=group.balances)


def _ref(entry: Entry) -> tuple[str, str]:
    return entry.kind.value, entry.ref


class _Group:
    def __init__(self, found: Found) -> None:
        self._found = found
        self.balances: dict[Account, Balance] = dict(found.balances)
        self._refs = set(found.refs)
        self._requests: dict[RequestKey, AlreadyDecided] = dict(found.requests)
        self._reservations: dict[str, Reservation] = dict(found.reservations)
        self._entries: list[Entry] = []
        self._documents: dict[bytes, Document] = {}
        self._new_requests: dict[RequestKey, KnownRequest] = {}
        self._changed: dict[str, Reservation] = {}

    def take(self, operation: Operation) -> Result:
        match operation:
            case Issue():
                return self._issue(operation)
            case Settle():
                return self._settle(operation)
            case Start():
                return self._start(operation)
            case Expire():
                return self._expire(operation)
            case Append():
                return self._append(operation)

    def changes(self) -> Changes:
        touched = {
            account: balance
            for account, balance in self.balances.items()
            if balance != self._found.balances.get(account, Balance())
        }
        return Changes(
            entries=self._entries,
            documents=list(self._documents.values()),
            requests=list(self._new_requests.values()),
            reservations=list(self._changed.values()),
            balances=touched,
        )

    def _issue(self, issue: Issue) -> Result:
        asked = issue.request
        known = self._requests.get(asked.key) if asked is not None else None
        if asked is not None and known is not None and _stands(known.known, asked, issue.entry.at):
            return known
        if _ref(issue.entry) in self._refs:
            return Recorded(fresh=False)
        if issue.reservation is not None:
            if shortages := self._shortages(issue.reservation):
                return Refused(shortages=shortages)
            self._hold(issue.reservation)
        self._record(issue.entry, issue.documents)
        if asked is not None:
            self._new_requests[asked.key] = asked
            self._requests[asked.key] = AlreadyDecided(known=asked, body=issue.entry.body)
        return Recorded()

    def _shortages(self, reservation: Reservation) -> tuple[Shortage, ...]:
        """Holds without room; several on one account count together."""
        wanted: dict[Account, int] = {}
        short = []
        for hold in reservation.holds:
            total = wanted[hold.account] = wanted.get(hold.account, 0) + hold.amount * reservation.runs_left
            balance = self._balance(hold.account)
            if balance.spent + balance.reserved + total > hold.limit:
                short.append(Shortage(hold=replace(hold, amount=total), balance=balance))
        return tuple(short)

    def _hold(self, reservation: Reservation) -> None:
        for hold in reservation.holds:
            self._move(hold.account, reserved=hold.amount * reservation.runs_left)
        self._keep(reservation)

    def _settle(self, settle: Settle) -> Result:
        if _ref(settle.entry) in self._refs:
            return Recorded(fresh=False)
        adopted = _ref(settle.decision) not in self._refs
        if adopted:
            self._record(settle.decision, ())
        self._record(settle.entry, ())
        reservation = self._reservations.get(settle.decision.decision_id)
        if reservation is None:
            if adopted and settle.holds:
                self._adopt(settle)
            return Recorded(adopted=adopted)
        late = self._settle_run(reservation, settle.entry.ref, settle.used)
        return Recorded(late=late, adopted=adopted)

    def _adopt(self, settle: Settle) -> None:
        """Book the run, and keep to which accounts, for further runs of the decision."""
        self._book(settle.holds, settle.used)
        self._keep(
            Reservation(
                decision_id=settle.decision.decision_id,
                holds=settle.holds,
                runs_left=0,
                expires_at=settle.entry.at,
                state=ReservationState.SETTLED,
                runs=(Run(run_id=settle.entry.ref, state=RunState.SETTLED),),
            )
        )

    def _settle_run(self, reservation: Reservation, run_id: str, used: Sequence[Used]) -> bool:
        """Whether it came too late for its reservation, or beyond the runs that this was for."""
        known = next((run for run in reservation.runs if run.run_id == run_id), None)
        estimated = known is not None and known.state is RunState.ESTIMATED
        due = reservation.state is ReservationState.OPEN and reservation.runs_left > 0
        for hold in reservation.holds:
            spent = booked(hold, used) - (hold.estimate if estimated else 0)
            self._move(hold.account, spent=spent, reserved=-hold.amount if due else 0)
        left = reservation.runs_left - due
        self._keep(
            Reservation(
                decision_id=reservation.decision_id,
                holds=reservation.holds,
                runs_left=left,
                expires_at=reservation.expires_at,
                state=ReservationState.SETTLED if due and left == 0 else reservation.state,
                runs=_with_run(reservation.runs, Run(run_id=run_id, state=RunState.SETTLED)),
            )
        )
        return not due

    def _start(self, start: Start) -> Result:
        reservation = self._reservations.get(start.decision_id)
        known = reservation is None or any(run.run_id == start.run_id for run in reservation.runs)
        if reservation is None or known or reservation.state is not ReservationState.OPEN:
            return Recorded(fresh=False)
        self._keep(
            replace(
                reservation,
                expires_at=max(reservation.expires_at, start.until),
                runs=(*reservation.runs, Run(run_id=start.run_id, state=RunState.STARTED)),
            )
        )
        return Recorded()

    def _expire(self, expire: Expire) -> Result:
        reservation = self._reservations.get(expire.decision_id)
        open_still = reservation is not None and reservation.state is ReservationState.OPEN
        if reservation is None or not open_still or reservation.expires_at > expire.now:
            return Recorded(fresh=False)
        begun = min(sum(run.state is RunState.STARTED for run in reservation.runs), reservation.runs_left)
        self._release(reservation, reservation.runs_left)
        for hold in reservation.holds:
            self._move(hold.account, spent=hold.estimate * begun)
        ended = replace(
            reservation, state=ReservationState.EXPIRED, runs_left=0, runs=_estimated(reservation.runs, begun)
        )
        self._keep(ended)
        self._record(_expiry(expire, reservation, begun), ())
        return Recorded()

    def _append(self, append: Append) -> Result:
        if _ref(append.entry) in self._refs:
            return Recorded(fresh=False)
        self._record(append.entry, append.documents)
        return Recorded()

    def _release(self, reservation: Reservation, runs: int) -> None:
        for hold in reservation.holds:
            self._move(hold.account, reserved=-hold.amount * runs)

    def _book(self, holds: Iterable[Hold], used: Sequence[Used]) -> None:
        for hold in holds:
            self._move(hold.account, spent=booked(hold, used))

    def _move(self, account: Account, *, spent: int = 0, reserved: int = 0) -> None:
        balance = self._balance(account)
        self.balances[account] = Balance(spent=balance.spent + spent, reserved=balance.reserved + reserved)

    def _balance(self, account: Account) -> Balance:
        return self.balances.get(account) or Balance()

    def _record(self, entry: Entry, documents: Iterable[Document]) -> None:
        self._refs.add(_ref(entry))
        self._entries.append(entry)
        self._documents.update((document.digest, document) for document in documents)

    def _keep(self, reservation: Reservation) -> None:
        self._reservations[reservation.decision_id] = self._changed[reservation.decision_id] = reservation


def _stands(known: KnownRequest, asked: KnownRequest, now: datetime) -> bool:
    """Whether the earlier decision answers: it holds still, or the same id came with another request, which is refused."""
    return known.expires_at > now or known.fingerprint != asked.fingerprint


def booked(hold: Hold, used: Iterable[Used]) -> int:
    """What a run that used `used` takes from the account of `hold`; a limit on one model's requests counts runs that called it."""
    of_model = [one for one in used if hold.model in ("", one.model)]
    if hold.measure is Measure.REQUESTS:
        return int(not hold.model or bool(of_model))
    return sum(one.cost_nanousd if hold.measure is Measure.COST else one.tokens for one in of_model)


def _with_run(runs: Sequence[Run], run: Run) -> tuple[Run, ...]:
    return (*(other for other in runs if other.run_id != run.run_id), run)


def _estimated(runs: Sequence[Run], count: int) -> tuple[Run, ...]:
    """The first `count` runs that began are booked at the estimate now."""
    marked, left = [], count
    for run in runs:
        begun = run.state is RunState.STARTED and left > 0
        left -= begun
        marked.append(replace(run, state=RunState.ESTIMATED) if begun else run)
    return tuple(marked)


def _expiry(expire: Expire, reservation: Reservation, begun: int) -> Entry:
    """The entry of a reservation's end: which amounts were booked, and which were released, by account."""
    body: Mapping[str, object] = {
        "decision_id": reservation.decision_id,
        "runs_estimated": begun,
        "runs_released": reservation.runs_left - begun,
        "holds": [
            {
                "account": hold.account.id,
                "window_start": hold.account.window_start,
                "booked": hold.estimate * begun,
                "released": hold.amount * reservation.runs_left,
            }
            for hold in reservation.holds
        ],
    }
    return Entry(
        kind=Kind.EXPIRY,
        ref=reservation.decision_id,
        decision_id=reservation.decision_id,
        at=expire.now,
        salt=expire.salt,
        body=json.dumps(body, separators=(",", ":"), sort_keys=True).encode(),
    )
