"""Two control planes and a worker as processes on one PostgreSQL: kill -9 of either is noticed by nobody who asks."""

import asyncio
from pathlib import Path

from controlplane.store.open import open_store
from tests.support.stacks import PATIENCE, Site, logged, site
from turnout_cli.processes import Program, Running
from turnout_client import Answer, Client

QUICK = "gemini-1.5-flash"
AT_ONCE = 8


def control_plane(running: Site, name: str, port: int = 0) -> Program:
    """One more control plane, with the same folder and the same store."""
    return Program(
        name=name,
        module="controlplane",
        arguments=[
            *("--listen", f"127.0.0.1:{port}", "--state", str(running.settings.state)),
            *("--catalog", str(running.settings.catalog)),
        ],
        log=running.log(name),
        environment=running.settings.environment,
    )


def asked(client: Client, first: int) -> list[asyncio.Task[Answer]]:
    """Some questions at the same time."""
    numbers = range(first, first + AT_ONCE)
    return [asyncio.create_task(client.chat(f"Is {number} odd?", models=[QUICK])) for number in numbers]


async def killed_meanwhile(client: Client, first: int, victim: Running) -> list[Answer]:
    """The answers to some questions; a control plane is killed when the first one is there."""
    answers = asked(client, first)
    await asyncio.wait(answers, return_when=asyncio.FIRST_COMPLETED)
    victim.kill()
    assert await victim.wait() == -9
    return await asyncio.gather(*answers)


async def test_either_control_plane_may_be_killed_at_any_moment(tmp_path: Path, empty_postgres: str) -> None:
    async with site(tmp_path, workers=0, variables={"TURNOUT_STORE": empty_postgres}) as running:
        one = running.stack.control
        two = await running.processes.start(control_plane(running, "control-plane-2"))
        both = [one.address, two.address]
        worker = await running.processes.start(running.worker("worker-1", ",".join(both)))
        token = running.stack.token_file.read_text(encoding="utf-8").strip()
        async with Client(control=both, workers=worker.address, token=token, timeout=PATIENCE) as client:
            answers = await asyncio.gather(*asked(client, 0))
            answers += await killed_meanwhile(client, 100, one)
            port = int(one.address.rpartition(":")[2])
            await running.processes.start(control_plane(running, "control-plane-3", port))
            answers += await asyncio.gather(*asked(client, 200))
            answers += await killed_meanwhile(client, 300, two)
            answers += await asyncio.gather(*asked(client, 400))
        last = await logged(
            running.log("control-plane-3"), message="receipt taken", decision_id=answers[-1].decision_id
        )
        assert last["receipt_id"] == answers[-1].receipt.receipt_id
        await worker.stop()
        await check(empty_postgres, answers)


async def check(url: str, answers: list[Answer]) -> None:
    """Everything that was answered is recorded: its decision, and once its receipt."""
    store = await open_store(url)
    for answer in answers:
        kinds = [entry.kind for entry in await store.entries.of_decision(answer.decision_id)]
        assert kinds == ["decision", "receipt"]
    await store.close()
