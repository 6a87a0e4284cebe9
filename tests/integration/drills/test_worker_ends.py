"""Workers that are killed, and workers that are told to end, in mid stream; as processes."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
import pytest_asyncio
from openai import AsyncOpenAI

from tests.support.backbone import document
from tests.support.drills import BUDGETS, CHAT, Ground
from tests.support.line import Line
from tests.support.provider import Held, Providers, providers
from tests.support.stacks import environment, logged
from turnout.audit.v1 import audit_pb2
from turnout.budget.v1 import budget_pb2
from turnout_cli.processes import Processes, Program, Running
from turnout_cli.stack import Stack, StackSettings, start_stack

pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A control plane and workers as processes; the providers are here."""

    providers: Providers
    processes: Processes
    settings: StackSettings
    stack: Stack
    operator: Line
    workers: dict[str, Running] = field(default_factory=dict)

    async def start(self, **drains: str) -> None:
        """Start workers with gateways, each by its name with the seconds that it may drain."""
        await asyncio.gather(*(self._start(name, drain) for name, drain in drains.items()))

    async def _start(self, name: str, drain: str) -> None:
        self.workers[name] = await self.processes.start(
            Program(
                name=name,
                module="dataplane",
                arguments=[
                    *("--listen", "127.0.0.1:0", "--gateway", "127.0.0.1:0", "--control", self.stack.control.address),
                    *("--token-file", str(self.stack.state / "tokens" / "worker"), "--worker", name),
                    *("--allow-network", "127.0.0.0/8", "--drain", drain),
                ],
                log=self.log(name),
                environment=self.settings.environment,
            ),
            seconds=60,
        )

    def log(self, name: str) -> Path:
        """The log of one process."""
        return self.stack.state / "logs" / f"{name}.log"

    def client(self, worker: Running, **settings: Any) -> AsyncOpenAI:
        """The SDK before a worker's gateway."""
        token = (self.stack.state / "tokens" / "local").read_text(encoding="utf-8").strip()
        return AsyncOpenAI(
            base_url=f"http://{worker.facts['gateway']}/v1", api_key=token, **{"max_retries": 0, **settings}
        )

    async def decision(self, decision_id: str) -> audit_pb2.GetDecisionResponse:
        """What the control plane has of it."""
        found: audit_pb2.GetDecisionResponse = await self.operator(
            audit_pb2.GetDecisionRequest(decision_id=decision_id)
        )
        return found

    async def balance(self) -> tuple[int, int]:
        """What is spent, and what is held."""
        (status,) = (await self.operator(budget_pb2.ListBudgetsRequest())).statuses
        return status.spent, status.reserved


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    folder = tmp_path_factory.mktemp("ends")
    async with AsyncExitStack() as resources:
        obeying = await resources.enter_async_context(providers())
        processes = await resources.enter_async_context(Processes())
        catalog = folder / "turnout.yaml"
        catalog.write_text(json.dumps(document(obeying.address, budgets=BUDGETS)), encoding="utf-8")
        settings = StackSettings(state=folder / "state", catalog=catalog, environment=environment(), workers=0)
        stack = await start_stack(processes, settings)
        operator = Line(stack.control.address, (stack.state / "tokens" / "operator").read_text())
        resources.push_async_callback(operator.close)
        running = Place(providers=obeying, processes=processes, settings=settings, stack=stack, operator=operator)
        await running.start(doomed="20", ending="20", hasty="0")
        yield running


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A stream that has begun."""

    decision_id: str
    rest: AsyncIterator[Any]

    async def read(self) -> list[str]:
        """What is still to come: text and finish reasons."""
        choices = [chunk.choices[0] async for chunk in self.rest if chunk.choices]
        return [choice.delta.content or choice.finish_reason or "" for choice in choices]


async def begun(place: Place, client: AsyncOpenAI, slow: Held) -> Begun:
    """A stream of `slow` whose first piece was read; the control plane knows that it runs."""
    place.providers.then("first", slow)
    raw = await client.chat.completions.with_raw_response.create(model="auto", messages=CHAT, stream=True)
    decision_id, rest = raw.headers["x-turnout-decision-id"], aiter(raw.parse())
    assert (await anext(rest)).choices[0].delta.content == "Bl"
    async with asyncio.timeout(60):
        while not (await place.decision(decision_id)).reservation.runs:
            pass
    return Begun(decision_id=decision_id, rest=rest)


async def test_a_killed_worker_ends_the_stream_without_an_end_and_its_money_stays_held(place: Place) -> None:
    """Until the run's time is over; then it is booked at the estimate, which tests/integration/backbone/test_money.py shows."""
    doomed, other = place.workers["doomed"], place.workers["ending"]
    before, _ = await place.balance()
    async with place.client(doomed) as client, place.client(other) as elsewhere:
        slow = Held("Bl")
        stream = await begun(place, client, slow)
        doomed.kill()
        with pytest.raises(httpx.RemoteProtocolError):
            await stream.read()
        assert await doomed.wait() == -9
        await slow.gone.wait()
        spent, held = await place.balance()
        assert spent == before
        found = await place.decision(stream.decision_id)
        assert (found.reservation.state, len(found.receipts), held > 0) == ("open", 0, True)
        assert (await elsewhere.chat.completions.create(model="auto", messages=CHAT)).choices, "another takes over"


async def test_a_worker_that_is_told_to_end_finishes_streams_refuses_in_words_and_reports(place: Place) -> None:
    worker = place.workers["ending"]
    async with place.client(worker) as client, place.client(worker) as late:
        slow = Held("Bl")
        stream = await begun(place, client, slow)
        ending = asyncio.create_task(worker.stop())
        await logged(place.log("ending"), message="draining")
        with pytest.raises(openai.InternalServerError) as refused:
            await late.chat.completions.create(model="auto", messages=CHAT)
        headers = refused.value.response.headers
        assert (refused.value.status_code, headers["x-turnout-error"]) == (503, "DRAINING")
        assert (headers["x-should-retry"], headers["connection"]) == ("true", "close")
        assert not ending.done()
        slow.go.set()
        assert await stream.read() == ["stop"]
    assert await ending == 0
    (record,) = (await place.decision(stream.decision_id)).receipts
    assert Ground.stated(record.receipt) == "succeeded"
    assert Ground.calls(record.receipt) == ("first succeeded stated",)


async def test_without_time_to_drain_a_stream_is_cut_and_what_came_is_reported_and_billed(place: Place) -> None:
    """The control."""
    worker = place.workers["hasty"]
    async with place.client(worker) as client:
        stream = await begun(place, client, Held("Bl"))
        ending = asyncio.create_task(worker.stop())
        with pytest.raises(httpx.RemoteProtocolError):
            await stream.read()
    assert await ending == 0
    (record,) = (await place.decision(stream.decision_id)).receipts
    assert Ground.stated(record.receipt) == "cancelled CANCELLED"
    assert Ground.calls(record.receipt) == ("first ignored cancelled estimated",)
