"""Whether what a store holds fits together."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from controlplane.budget.model import Account
from controlplane.store import rows
from controlplane.store.address import Address
from controlplane.store.schema import REVISION, demand
from controlplane.store.snapshot import Snapshot, revision_of, snapshot

_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What was looked at, and what is wrong with it: nothing if all is well."""

    name: str
    problems: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether all is well."""
        return not self.problems


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rule:
    """A count that must be 0."""

    name: str
    wrong: str
    sql: str


_RULES = (
    _Rule(
        name="every entry has a place in the log or waits for one",
        wrong="entries are neither in the log nor wait for it",
        sql="SELECT COUNT(*) FROM entry e LEFT JOIN leaf l ON l.seq = e.seq LEFT JOIN pending p ON p.seq = e.seq "
        "WHERE l.seq IS NULL AND p.seq IS NULL",
    ),
    _Rule(
        name="nothing that has a place waits for one",
        wrong="entries are in the log and wait for it as well",
        sql="SELECT COUNT(*) FROM leaf l JOIN pending p ON p.seq = l.seq",
    ),
    _Rule(
        name="every leaf has its entry",
        wrong="leaves without an entry",
        sql="SELECT COUNT(*) FROM leaf l LEFT JOIN entry e ON e.seq = l.seq WHERE e.seq IS NULL",
    ),
    _Rule(
        name="all that waits is an entry",
        wrong="what waits for the log is no entry",
        sql="SELECT COUNT(*) FROM pending p LEFT JOIN entry e ON e.seq = p.seq WHERE e.seq IS NULL",
    ),
    _Rule(
        name="the places in the log have no gaps",
        wrong="places in the log are missing",
        sql="SELECT COALESCE(MAX(idx) + 1, 0) - COUNT(*) FROM leaf",
    ),
    _Rule(
        name="the newest checkpoint states the whole log",
        wrong="leaves lie between the newest checkpoint and the end of the log",
        sql="SELECT ABS((SELECT COUNT(*) FROM leaf) - (SELECT COALESCE(MAX(size), 0) FROM checkpoint))",
    ),
    _Rule(
        name="every reservation is of a decision that is recorded",
        wrong="reservations are of decisions that are not recorded",
        sql="SELECT COUNT(*) FROM reservation r LEFT JOIN entry e ON e.kind = 'decision' AND e.ref = r.decision_id "
        "WHERE e.seq IS NULL",
    ),
    _Rule(
        name="every request id leads to a decision that is recorded",
        wrong="request ids lead to decisions that are not recorded",
        sql="SELECT COUNT(*) FROM request r LEFT JOIN entry e ON e.kind = 'decision' AND e.ref = r.decision_id "
        "WHERE e.seq IS NULL",
    ),
)


async def check(place: Address) -> list[Finding]:
    """All that was looked at, of one moment; control planes may go on meanwhile. Raises StoreUnavailable, SchemaMismatch."""
    async with snapshot(place) as taken:
        demand(await revision_of(taken))
        found = [
            Finding(name=f"the schema is that of revision {REVISION}"),
            Finding(name="the database finds its files whole", problems=tuple((await taken.damage())[:_SHOWN])),
        ]
        found += [await _counted(taken, rule) for rule in _RULES]
        return [*found, await _reserved(taken)]


async def _counted(taken: Snapshot, rule: _Rule) -> Finding:
    count = int((await taken.fetch(rule.sql))[0][0] or 0)
    return Finding(name=rule.name, problems=(f"{count} {rule.wrong}",) if count else ())


async def _reserved(taken: Snapshot) -> Finding:
    """What every balance says is reserved is what open reservations hold of it, and none is below 0."""
    held = await _held(taken)
    stated: dict[Account, int] = {}
    async for page in taken.batches(f"SELECT {rows.BALANCE} FROM balance"):
        stated.update((account, one.reserved) for account, one in map(rows.balance, page))
    wrong = [account for account in sorted({*stated, *held}) if stated.get(account, 0) != held[account]]
    return Finding(
        name="what is reserved is what open reservations hold",
        problems=tuple(_difference(account, stated.get(account, 0), held[account]) for account in wrong[:_SHOWN])
        + _more(len(wrong)),
    )


async def _held(taken: Snapshot) -> Counter[Account]:
    held: Counter[Account] = Counter()
    async for page in taken.batches(f"SELECT {rows.RESERVATION} FROM reservation WHERE state = 'open'"):
        for one in map(rows.reservation, page):
            for hold in one.holds:
                held[hold.account] += hold.amount * one.runs_left
    return held


def _difference(account: Account, stated: int, held: int) -> str:
    return f"{account.id} from {account.window_start}: {stated} reserved, and open reservations hold {held}"


def _more(count: int) -> tuple[str, ...]:
    return (f"and {count - _SHOWN} more accounts",) if count > _SHOWN else ()


def whole(findings: Sequence[Finding]) -> bool:
    """Whether nothing is wrong."""
    return all(finding.ok for finding in findings)
