"""One budget that several processes want at the same time, driven to exhaustion, with one of them killed in between."""

import asyncio
import json
import multiprocessing
import random
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from multiprocessing.context import SpawnProcess
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier

import asyncpg
import uvloop

from controlplane.audit.model import Kind
from controlplane.budget.model import Account, AccountId, Balance
from controlplane.journal.journal import Journal
from controlplane.journal.model import Refused, Settle
from controlplane.store.open import open_store
from controlplane.store.protocols import Store, Value
from tests.support.journal import LIFE, NOON, entry, expire, hold, issue, settle, start

HOT = Account(id=AccountId("hot"), window_start=0)
HELD, LEAST, MOST = 1_000, 500, 1_000
"""What a decision holds, and the bounds of what its run costs then, in nano-dollars."""
_LOST, _LOST_STARTED = 50, 51
"""One of so many decisions is never run; another is begun and never reported."""
_TRIES = 20
"""How often in a row a client may be told to come again before it takes the rest for lost."""
_LOOK = "SELECT COALESCE(MAX(spent + reserved), 0) FROM balance, pg_sleep(0.01)"
_JOIN = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """`kill_at`: when so much is booked and held, the first process is killed and another one takes its place."""

    url: str
    limit: int
    processes: int = 4
    clients: int = 100
    kill_at: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What one process did. `pairs`: decisions with their receipts, both durable, in `seconds`."""

    pairs: int
    refused: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What was left. `highest` is the most that was ever seen booked and held together; `receipts` what the log says was used."""

    shares: Sequence[Share]
    limit: int
    balance: Balance
    highest: int
    receipts: int
    estimated: int
    open_sum: int

    @property
    def pairs_per_second(self) -> float:
        """Of those processes that lived to tell."""
        return sum(share.pairs for share in self.shares) / max(share.seconds for share in self.shares)


async def drive(load: Load) -> Verdict:
    """Exhaust the budget from `processes` processes, expire what was lost, and say what is there then."""
    context = multiprocessing.get_context("spawn")
    told: Queue[Share] = context.Queue()
    begin = context.Barrier(load.processes + 1)
    late = context.Barrier(1)
    started = [_process(load, number, told, begin) for number in range(load.processes)]
    await asyncio.to_thread(begin.wait, _JOIN)
    gauge = Gauge(load.kill_at)
    watching = asyncio.create_task(gauge.watch(load.url))
    if load.kill_at is not None:
        await gauge.reached.wait()
        _kill(started[0])
        started[0] = _process(load, load.processes, told, late)
    shares = [await asyncio.to_thread(told.get, timeout=_JOIN) for _ in started]
    for process in started:
        process.join(_JOIN)
    watching.cancel()
    await asyncio.wait([watching])
    return await _verdict(load, shares, gauge.highest)


class Gauge:
    """The most that was booked and held at one moment; `reached` when it is `mark`."""

    def __init__(self, mark: int | None) -> None:
        self.highest = 0
        self.reached = asyncio.Event()
        self._mark = mark

    async def watch(self, url: str) -> None:
        """Look every 10 ms until cancelled."""
        connection = await asyncpg.connect(url)
        try:
            while True:
                seen = await connection.fetchval(_LOOK)
                self.highest = max(self.highest, seen)
                if self._mark is not None and seen >= self._mark:
                    self.reached.set()
        finally:
            connection.terminate()


def _process(load: Load, number: int, told: "Queue[Share]", begin: Barrier) -> SpawnProcess:
    process = multiprocessing.get_context("spawn").Process(
        target=_replica, args=(load, number, told, begin), daemon=True
    )
    process.start()
    return process


def _kill(process: SpawnProcess) -> None:
    process.kill()
    process.join(_JOIN)
    assert process.exitcode == -signal.SIGKILL


def _replica(load: Load, number: int, told: "Queue[Share]", begin: Barrier) -> None:
    told.put(uvloop.run(_run(load, number, begin)))


async def _run(load: Load, number: int, begin: Barrier) -> Share:
    store = await open_store(load.url)
    journal = Journal(store.writer, heard=lambda _: None, clock=time.monotonic)
    writing = asyncio.create_task(journal.run())
    begin.wait(_JOIN)
    since = time.monotonic()
    counts = await asyncio.gather(*(_client(journal, f"{number}-{name}", load.limit) for name in range(load.clients)))
    share = Share(
        pairs=sum(pairs for pairs, _ in counts),
        refused=sum(refused for _, refused in counts),
        seconds=time.monotonic() - since,
    )
    writing.cancel()
    await store.close()
    return share


async def _client(journal: Journal, name: str, limit: int) -> tuple[int, int]:
    """Decide and report until there is no room; how many pairs, and how many refusals."""
    chance = random.Random(name)  # noqa: S311 - repeatable
    pairs = refused = made = in_a_row = 0
    while in_a_row < _TRIES:
        made += 1
        decision_id = f"{name}-{made}"
        answer = await journal.submit(issue(decision_id, hold(HELD, account=HOT, limit=limit, estimate=LEAST)))
        if isinstance(answer, Refused):
            refused += 1
            in_a_row = in_a_row + 1 if answer.shortages[0].in_flight else _TRIES
            continue
        in_a_row = 0
        if made % _LOST_STARTED == 0:
            await journal.submit(start(decision_id, f"{decision_id}/1"))
        elif made % _LOST:
            await journal.submit(_settled(decision_id, chance.randint(LEAST, MOST)))
            pairs += 1
    return pairs, refused


def _settled(decision_id: str, cost: int) -> Settle:
    """A receipt whose body is its cost."""
    receipt = entry(Kind.RECEIPT, f"{decision_id}/1", decision_id=decision_id, body=str(cost).encode())
    return replace(settle(decision_id, f"{decision_id}/1", cost), entry=receipt)


async def _verdict(load: Load, shares: Sequence[Share], highest: int) -> Verdict:
    store = await open_store(load.url)
    try:
        await expire_all(store)
        receipts, estimated = await booked(store)
        return Verdict(
            shares=shares,
            limit=load.limit,
            balance=(await store.ledger.balances([HOT]))[HOT],
            highest=highest,
            receipts=receipts,
            estimated=estimated,
            open_sum=sum((await store.ledger.open_sums()).values()),
        )
    finally:
        await store.close()


async def expire_all(store: Store) -> None:
    """End every reservation that is open."""
    while due := await store.ledger.due(NOON + 10 * LIFE, 500):
        await store.writer.run([expire(decision_id) for decision_id in due])


async def booked(store: Store) -> tuple[int, int]:
    """What the receipts say was used, and what was booked by estimate, both from the log alone."""
    receipts = await store.database.fetch("SELECT body FROM entry WHERE kind = 'receipt'")
    expiries = await store.database.fetch("SELECT body FROM entry WHERE kind = 'expiry'")
    return sum(int(_bytes(body)) for (body,) in receipts), sum(_estimates(_bytes(body)) for (body,) in expiries)


def _bytes(value: Value) -> bytes:
    assert isinstance(value, bytes)
    return value


def _estimates(expiry: bytes) -> int:
    return sum(hold["booked"] for hold in json.loads(expiry)["holds"])


async def check_then_add(url: str, *, limit: int, clients: int, spent: int = 0) -> int:
    """The control: what is spent at the end if each client looks whether there is room, and then adds what it used.

    `spent` is what is spent before. All look once before the first of them adds, as it happens by chance at any time.
    """
    everyone = asyncio.Barrier(clients)
    pool = await asyncpg.create_pool(url, min_size=clients, max_size=clients)
    await pool.execute("CREATE TABLE naive (spent BIGINT NOT NULL)")
    await pool.execute("INSERT INTO naive VALUES ($1)", spent)

    async def client() -> None:
        first = True
        while True:
            async with pool.acquire() as connection:
                if await connection.fetchval("SELECT spent FROM naive") + HELD > limit:
                    return
                if first:
                    await everyone.wait()
                first = False
                await connection.execute("UPDATE naive SET spent = spent + $1", HELD)

    await asyncio.gather(*(client() for _ in range(clients)))
    found = int(await pool.fetchval("SELECT spent FROM naive"))
    await pool.close()
    return found
