"""Two minutes of kill -9 under load: whatever was acknowledged is there afterwards, to the last nano-dollar."""

import asyncio
import json
import os
import random
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from controlplane.audit.model import Kind
from controlplane.budget.model import ReservationState
from controlplane.store.open import open_store
from controlplane.store.protocols import Store, StoredEntry
from tests.support.postgres import running_postgres
from tests.support.stacks import Site, entries, site
from turnout.audit.v1 import record_pb2
from turnout_cli.processes import Program, Running
from turnout_client import TurnoutError

pytestmark = pytest.mark.slow

SECONDS = float(os.environ.get("TURNOUT_SOAK_SECONDS", "120"))
CLIENTS = 12
CONTROL, WORKERS = "control-plane", ("worker-a", "worker-b")
PAUSE = (1.5, 4.0)
"""Seconds between two kills in one plane; the planes are killed independently of each other, so at times both are gone."""
PATIENCE = 150
"""Seconds until nothing may be held any more: a decision's life, a run's deadline, and their margins."""
BUDGETS = [
    {"name": "all", "limit_usd": 1000, "window": "total"},
    {"name": "each", "limit_usd": 1000, "window": "total", "per": ["model", "key"]},
    {"name": "runs", "limit_requests": 100_000_000, "window": "total"},
]


@dataclass(slots=True)
class Told:
    """What callers were told and may rely on."""

    decisions: dict[str, bytes] = field(default_factory=dict)
    answered: dict[str, int] = field(default_factory=dict)
    failures: dict[str, int] = field(default_factory=dict)
    kills: dict[str, int] = field(default_factory=dict)

    def count(self, of: dict[str, int], name: str) -> None:
        """One more."""
        of[name] = of.get(name, 0) + 1


@asynccontextmanager
async def beside(*jobs: asyncio.Task[None]) -> AsyncIterator[None]:
    """Let jobs run, and see to it that none failed by itself."""
    try:
        yield
    finally:
        for job in jobs:
            job.cancel()
        for ended in await asyncio.gather(*jobs, return_exceptions=True):
            if isinstance(ended, Exception):
                raise ended


async def ask(running: Site, workers: list[str], told: Told, number: int) -> None:
    """One caller: decide, run, again."""
    async with running.client(workers=workers, timeout=5.0, rounds=2) as client:
        while True:
            try:
                decision = await client.decide(f"Is the number {random.randrange(10**6)} odd? Caller {number}.")  # noqa: S311 - load, no secret
                told.decisions[decision.decision_id] = decision.envelope.payload
                answer = await client.generate(decision)
                told.answered[answer.receipt.receipt_id] = answer.receipt.cost_nanousd
            except TurnoutError as error:
                told.count(told.failures, error.reason)
                await asyncio.sleep(0.05)


def fixed(running: Site, name: str, address: str) -> Program:
    """A worker at an address of its own, so that callers find it again."""
    program = running.worker(name)
    arguments = list(program.arguments)
    arguments[arguments.index("--listen") + 1] = address
    return Program(
        name=name, module=program.module, arguments=arguments, log=program.log, environment=program.environment
    )


async def kill_in_turn(names: list[str], running: Site, up: dict[str, Running], told: Told) -> None:
    """Kill one after the other, and start it again at its address: what was killed comes back, whenever this is cancelled."""
    while True:
        await asyncio.sleep(random.uniform(*PAUSE))  # noqa: S311
        name = random.choice(names)  # noqa: S311
        told.count(told.kills, name)
        coming_back = asyncio.create_task(kill_one(running, up, name))
        try:
            await asyncio.shield(coming_back)
        finally:
            await coming_back


async def kill_one(running: Site, up: dict[str, Running], name: str) -> None:
    """Kill one, and start it again."""
    up[name].kill()
    await up[name].wait()
    if name == CONTROL:
        up[name] = await running.restart_control()
    else:
        up[name] = await running.processes.start(fixed(running, name, up[name].address))


async def nothing_held(store: Store) -> dict[str, int]:
    """Wait until every reservation has ended; how many are still open, by state, if that does not come."""
    held = await store.ledger.open_sums()
    for _ in range(PATIENCE):
        if not held:
            break
        await asyncio.sleep(1.0)
        held = await store.ledger.open_sums()
    return {account.id: amount for account, amount in held.items()}


async def every_entry(store: Store) -> list[StoredEntry]:
    """The whole log, in order."""
    found: list[StoredEntry] = []
    while page := await store.entries.in_order(len(found), 2000):
        found.extend(page)
    return found


def recount(log: list[StoredEntry]) -> int:
    """What the budget for all must have booked, by reading the log: receipts, and estimates of runs that were never heard of."""
    receipts: dict[str, list[int]] = {}
    estimated: dict[str, int] = {}
    for entry in log:
        assert entry.body is not None
        if entry.kind == Kind.RECEIPT:
            receipt = record_pb2.ReceiptRecord.FromString(entry.body).receipt
            receipts.setdefault(entry.decision_id, []).append(receipt.cost_nanousd)
        elif entry.kind == Kind.EXPIRY:
            holds = json.loads(entry.body)["holds"]
            estimated[entry.decision_id] = next(hold["booked"] for hold in holds if hold["account"] == "all")
    lost = {decision: amount for decision, amount in estimated.items() if decision not in receipts}
    return sum(map(sum, receipts.values())) + sum(lost.values())


async def spent(store: Store) -> int:
    """What it has booked."""
    (balance,) = (await store.ledger.windows("all", 0)).values()
    return balance.spent


async def check(store: Store, told: Told, acknowledged: set[str]) -> None:
    """Nothing that anybody was told of is missing, and the money fits."""
    log = await every_entry(store)
    decided = {
        entry.ref: record_pb2.DecisionRecord.FromString(entry.body).decision.payload
        for entry in log
        if entry.kind == Kind.DECISION and entry.body is not None
    }
    missing = [decision for decision, payload in told.decisions.items() if decided.get(decision) != payload]
    assert not missing, f"{len(missing)} of {len(told.decisions)} acknowledged decisions are lost"
    taken = {entry.ref for entry in log if entry.kind == Kind.RECEIPT}
    assert acknowledged <= taken, f"{len(acknowledged - taken)} of {len(acknowledged)} acknowledged receipts are lost"
    assert await spent(store) == recount(log)
    reservations = await store.ledger.reservations(list(decided))
    assert {one.state for one in reservations.values()} <= {ReservationState.SETTLED, ReservationState.EXPIRED}


async def soak(folder: Path, address: str, tool: Callable[..., list[str]], variables: dict[str, str]) -> None:
    """Load and kills, then the account."""
    told, folder = Told(), folder / "stack"
    folder.mkdir()
    async with site(folder, workers=0, variables=variables, more={"budgets": BUDGETS}) as running:
        up = {name: await running.processes.start(running.worker(name)) for name in WORKERS}
        addresses = [worker.address for worker in up.values()]
        up[CONTROL] = running.stack.control
        callers = [asyncio.create_task(ask(running, addresses, told, number)) for number in range(CLIENTS)]
        killers = [asyncio.create_task(kill_in_turn(names, running, up, told)) for names in ([CONTROL], [*WORKERS])]
        async with beside(*callers), beside(*killers):
            await asyncio.sleep(SECONDS)
        with suppress(TurnoutError):
            async with running.client(workers=addresses) as client:
                await client.chat("Is everybody there again?")
        store = await open_store(address, read_only=True)
        try:
            assert not await nothing_held(store)
            log = running.log("control-plane")
            acknowledged = {str(line["receipt_id"]) for line in entries(log) if line.get("message") == "receipt taken"}
            await check(store, told, acknowledged)
        finally:
            await store.close()
    print(
        f"\nacknowledged: {len(told.decisions)} decisions, {len(acknowledged)} receipts; kills {told.kills}; {told.failures}"
    )
    for command in (["db", "check"], ["audit", "verify"]):
        process = await asyncio.create_subprocess_exec(*tool(*command, "--store", address))
        assert await process.wait() == 0, f"turnout {' '.join(command)}"
    assert sum(told.kills.values()) >= SECONDS / 10
    assert len(told.decisions) > SECONDS


def command(state: Path) -> Callable[..., list[str]]:
    """`turnout` on the files of a stack that has ended."""
    return lambda *words: [sys.executable, "-m", "turnout_cli", *words, "--state", str(state)]


async def test_nothing_that_was_acknowledged_is_lost_on_sqlite(tmp_path: Path) -> None:
    state = tmp_path / "stack" / "state"
    await soak(tmp_path, f"sqlite:{state / 'turnout.db'}", command(state), {})


async def test_nothing_that_was_acknowledged_is_lost_on_postgres(tmp_path: Path) -> None:
    with running_postgres(durable=True) as server:
        address = await server.database()
        await soak(tmp_path, address, command(tmp_path / "stack" / "state"), {"TURNOUT_STORE": address})
