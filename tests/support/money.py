"""Long stories of operations, the same for the same seed."""

from datetime import timedelta
from random import Random

from controlplane.audit.model import Document, Kind
from controlplane.budget.model import Account, AccountId, Measure
from controlplane.journal.model import Operation
from tests.support.journal import DAILY, LIFE, NOON, append, expire, hold, issue, request, settle, start

RUNS = Account(id=AccountId("runs{tenant=acme}"), window_start=60)
LIMITS = {DAILY: 400, RUNS: 30}


def story(seed: int, length: int = 200) -> list[Operation]:
    """Operations of every kind on few decisions, so that they meet: repeated, late, unknown, refused and beyond the limits."""
    random = Random(seed)  # noqa: S311 - a story, not a secret
    return [_operation(random) for _ in range(length)]


def groups(seed: int, operations: list[Operation]) -> list[list[Operation]]:
    """The same operations in groups of 1 to 12."""
    random, left, parts = Random(seed), list(operations), []  # noqa: S311 - a story, not a secret
    while left:
        size = random.randint(1, 12)
        parts.append(left[:size])
        left = left[size:]
    return parts


def _operation(random: Random) -> Operation:
    name = f"d{random.randrange(40):02d}"
    run = f"{name}/{random.randrange(3)}"
    match random.randrange(8):
        case 0 | 1 | 2:
            return _issue(random, name)
        case 3 | 4:
            return settle(name, run, random.randrange(40), holds=(hold(10, limit=LIMITS[DAILY]),))
        case 5:
            return start(name, run, NOON + timedelta(seconds=random.randrange(300)))
        case 6:
            return expire(name, NOON + timedelta(seconds=random.randrange(400)))
        case _:
            document = Document(digest=bytes([random.randrange(5)]) * 32, kind="catalog", body=b"{}")
            return append(Kind.SNAPSHOT, f"v{random.randrange(20)}", document)


def _issue(random: Random, name: str) -> Operation:
    at = NOON + timedelta(seconds=random.randrange(100))
    holds = [hold(random.randrange(1, 60), limit=LIMITS[DAILY], estimate=random.randrange(20))]
    if random.random() < 0.5:
        holds.append(hold(1, account=RUNS, limit=LIMITS[RUNS], estimate=1, measure=Measure.REQUESTS))
    asked = request(f"q{random.randrange(30)}", name, fingerprint=random.choice([b"a", b"b"]), expires_at=at + LIFE)
    return issue(name, *holds, runs=random.randint(1, 3), asked=asked if random.random() < 0.7 else None, at=at)
