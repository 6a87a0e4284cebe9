"""A worker's process is killed: what its run held is booked if anybody heard that it began, and given back if nobody did."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from controlplane.budget.model import ReservationState
from tests.support.asking import Balance, balances, begun
from tests.support.backbone import Control, document, replaced, start_control
from tests.support.provider import Held, Providers, providers
from tests.support.stacks import PATIENCE, environment
from turnout_cli.processes import Processes, Program, Running
from turnout_client import Answer, Client, Decision, Unavailable

BUDGETS = [{"name": "all", "limit_usd": 1, "window": "total"}]
DECISION_IS_VOID = timedelta(seconds=80)
RUN_IS_LOST = timedelta(seconds=100)


@dataclass(slots=True, kw_only=True)
class Halves:
    """A control plane in this process, whose time a test moves, and a worker as a process of its own."""

    control: Control
    worker: Running
    providers: Providers

    def client(self) -> Client:
        """The usual caller."""
        token = self.control.token("local")
        return Client(control=self.control.address, workers=self.worker.address, token=token, timeout=60)

    async def restart(self) -> None:
        """The control plane again, with the state that it had."""
        before = self.control
        self.control = await start_control(
            before.config.state, before.config.catalog, before.address, clock=before.clock
        )
        self.control.lines = before.lines

    async def in_mid_run(self, client: Client, decision: Decision) -> asyncio.Task[Answer]:
        """A run whose provider has been called and does not answer."""
        slow = Held()
        self.providers.then("first", slow)
        running = asyncio.create_task(client.generate(decision))
        async with asyncio.timeout(PATIENCE):
            await slow.came.wait()
        return running

    async def kill(self, running: asyncio.Task[Answer]) -> None:
        """End the worker as kill -9 does; its caller must not be told of success."""
        self.worker.kill()
        assert await self.worker.wait() == -9
        (failure,) = await asyncio.gather(running, return_exceptions=True)
        assert isinstance(failure, Unavailable)


@asynccontextmanager
async def halves(folder: Path) -> AsyncIterator[Halves]:
    async with providers() as obeying, Processes() as processes:
        catalog = replaced(folder / "turnout.yaml", document(obeying.address, budgets=BUDGETS))
        control = await start_control(folder / "state", catalog)
        told = ["--listen", "127.0.0.1:0", "--control", control.address, "--worker", "doomed"]
        told += ["--allow-network", "127.0.0.0/8"]
        program = Program(
            name="doomed",
            module="dataplane",
            arguments=[*told, "--token-file", str(folder / "state" / "tokens" / "worker")],
            log=folder / "doomed.log",
            environment=environment(),
        )
        running = Halves(control=control, providers=obeying, worker=await processes.start(program))
        try:
            yield running
        finally:
            await running.control.stop()


async def test_a_run_that_was_reported_is_held_until_its_deadline_and_then_booked_at_the_estimate(
    tmp_path: Path,
) -> None:
    async with halves(tmp_path) as planes, planes.client() as client:
        decision = await client.decide("Why is the sky blue?")
        running = await planes.in_mid_run(client, decision)
        await begun(planes.control, decision.decision_id)
        await planes.kill(running)
        await planes.control.pass_by(DECISION_IS_VOID)
        held = (await balances(planes.control))["all"]
        assert held.spent == 0
        assert held.reserved > decision.cost_nanousd > 0
        await planes.control.pass_by(RUN_IS_LOST - DECISION_IS_VOID)
        assert (await balances(planes.control))["all"] == Balance(spent=decision.cost_nanousd, reserved=0)


async def test_a_run_that_nobody_heard_of_is_given_back_when_its_decision_is_void(tmp_path: Path) -> None:
    async with halves(tmp_path) as planes, planes.client() as client:
        decision = await client.decide("Why is the sky blue?")
        await planes.control.go_down()
        await planes.kill(await planes.in_mid_run(client, decision))
        await planes.restart()
        assert (await balances(planes.control))["all"].reserved > 0
        await planes.control.pass_by(DECISION_IS_VOID)
        assert (await balances(planes.control))["all"] == Balance(spent=0, reserved=0)
        (kept,) = (await planes.control.store.ledger.reservations([decision.decision_id])).values()
        assert (kept.state, kept.runs) == (ReservationState.EXPIRED, ())
