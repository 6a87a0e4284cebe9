"""What a running stack keeps: decisions that outlive it, books that fit, and no word of anybody's prompt."""

import asyncio
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from controlplane.store.open import open_store
from tests.support.asking import invoked
from tests.support.commands import Result
from tests.support.stacks import PATIENCE, Site, site
from turnout_client import Client, InvalidRequest, NoEligibleTarget, RouteOptions, TurnoutError

pytestmark = pytest.mark.asyncio(loop_scope="module")

CANARY = "zanzibarquokka"
"""In every prompt, and in no word of ours."""
MARK = "mauritiusdodo"
"""In comments and features, which are kept: a search that does not find this finds nothing."""
BUDGETS = [
    {"name": "all", "limit_usd": 100, "window": "total"},
    {"name": "runs", "limit_requests": 10_000, "window": "day"},
]
EVERYWHERE: dict[str, Any] = {
    "system": f"You are {CANARY}.",
    "tools": [
        {"name": f"find_{CANARY}", "description": CANARY, "parameters": {"type": "object", "properties": {CANARY: {}}}}
    ],
    "stop": [CANARY],
    "metadata": {"user": CANARY},
}
SCHEMA = {"schema": {"type": "object", "properties": {CANARY: {"type": "string"}}, "title": CANARY}, "name": CANARY}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    folder = tmp_path_factory.mktemp("kept")
    async with site(folder, log_level="debug", more={"budgets": BUDGETS}) as started, started.client() as client:
        await traffic(started, client)
        yield started


async def traffic(running: Site, client: Client) -> None:
    """Prompts that are answered, streamed, described, explained, refused and failed."""
    answer = await client.chat(f"Explain {CANARY} in one sentence.", feature=MARK)
    await client.feedback(answer, quality=0.8, label="accepted", comment=MARK)
    history = [
        {"role": "user", "content": f"What is {CANARY}?"},
        {"role": "assistant", "content": f"{CANARY} is a bird."},
        {"role": "user", "content": f"Is {CANARY} a bird, step by step? ```python\nprint('{CANARY}')\n```"},
    ]
    await client.chat(history, **EVERYWHERE)
    await client.chat(f"Give me {CANARY} as JSON.", response_format=SCHEMA)
    await client.chat(f"Describe {CANARY} to me.", describe=True)
    async for _ in client.chat_stream(f"Stream {CANARY}."):
        pass
    await client.explain(f"Explain {CANARY}.")
    await client.classify(f"Classify {CANARY}.")
    await client.decide(f"Never run {CANARY}.")
    with pytest.raises(NoEligibleTarget):
        await client.decide(f"Refuse {CANARY}.", max_latency=0.000001)
    with pytest.raises(InvalidRequest):
        await client.chat(f"Mistake {CANARY}.", tools=[{"name": f"{CANARY} has blanks", "parameters": {}}])
    await running.faults({"kind": "status", "status": 400})
    with pytest.raises(TurnoutError):
        await client.chat(f"Fail {CANARY}.")
    await running.faults({"kind": "malformed"})
    with pytest.raises(TurnoutError):
        await client.chat(f"Fail {CANARY} otherwise.")
    await running.faults()


def invoke(running: Site, *arguments: str) -> Result:
    return invoked(arguments, {**running.settings.environment, "TURNOUT_STATE": str(running.settings.state)})


async def ask(running: Site, *arguments: str) -> Result:
    """A command on the state folder of the stack."""
    return await asyncio.to_thread(invoke, running, *arguments)


async def all_counted(running: Site) -> dict[str, Any]:
    """The report, as soon as everything is in it."""
    async with asyncio.timeout(PATIENCE):
        while True:
            found: dict[str, Any] = (await ask(running, "report", "--json")).json
            if found["progress"]["behind"] == 0 and found["totals"]["executed"] == 7 and found["totals"]["refused"]:
                return found


async def test_the_books_fit_after_a_run(running: Site) -> None:
    found = await all_counted(running)
    assert found["totals"]["labels"] == {"accepted": 1}
    checked = await ask(running, "db", "check")
    assert checked.code == 0, checked.out
    verified = await ask(running, "audit", "verify", "--json")
    assert verified.code == 0, verified.out
    assert verified.json["replayed"] >= 8
    reconciled = await ask(running, "audit", "reconcile", "--json")
    assert reconciled.code == 0, reconciled.out
    assert (reconciled.json["receipts"], reconciled.json["discovered"]) == (7, [])
    (money, runs) = (await ask(running, "budget", "--json")).json["budgets"]
    assert money["spent"] == found["totals"]["cost_nanousd"] == reconciled.json["stated_nanousd"]
    assert (runs["spent"], runs["reserved"]) == (7, 1), "one was never run"


def texts(folder: Path) -> dict[str, bytes]:
    """Every file below `folder`, and what is in archives."""
    found = {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    for path in folder.rglob("*.zip"):
        with zipfile.ZipFile(path) as archive:
            found |= {f"{path}!{name}": archive.read(name) for name in archive.namelist()}
    return found


def having(word: str, folder: Path) -> set[str]:
    """The files that have the word in them, in whatever case."""
    return {name for name, text in texts(folder).items() if word.encode() in text.lower()}


async def test_no_prompt_is_in_any_file_report_export_or_backup(running: Site, tmp_path: Path) -> None:
    await all_counted(running)
    out = tmp_path / "out"
    out.mkdir()
    decisions = (await ask(running, "decisions", "--json")).json["decisions"]
    for name, arguments in {
        "export": ["audit", "export", str(out / "log.jsonl")],
        "backup": ["backup", str(out / "copy.zip")],
        "html": ["report", "--html", str(out / "report.html")],
        "report": ["report", "--by", "workload,model,feature", "--json"],
        "csv": ["report", "--by", "feature", "--csv"],
        "decisions": ["decisions", "--json"],
        **{one["decision_id"]: ["decision", one["decision_id"], "--json"] for one in decisions},
    }.items():
        done = await ask(running, *arguments)
        assert done.code == 0, done.err
        (out / f"{name}.txt").write_text(done.out)
    (out / "bodies.txt").write_bytes(await every_body(running))
    assert having(CANARY, running.settings.state) | having(CANARY, out) == set()
    seen = {Path(name).name for name in having(MARK, out)}
    assert seen >= {"bodies.txt", "report.txt", "csv.txt"}
    assert having(MARK, running.settings.state), "where the store keeps it"
    assert (running.log("worker-1").stat().st_size, running.log("control-plane").stat().st_size) > (0, 0)


async def every_body(running: Site) -> bytes:
    """What the log's entries say, and the documents that they refer to, as they are read."""
    store = await open_store(f"sqlite:{running.settings.state / 'turnout.db'}", read_only=True)
    try:
        log = await store.entries.in_order(0, 1000)
        digests = [digest for (digest,) in await store.database.fetch("SELECT digest FROM document")]
        documents = await store.entries.documents([digest for digest in digests if isinstance(digest, bytes)])
    finally:
        await store.close()
    assert len(log) > 15
    return b"\n".join([*(entry.body or b"" for entry in log), *(document.body for document in documents.values())])


async def test_asking_again_after_a_kill_gives_the_same_decision(running: Site) -> None:
    asked: RouteOptions = {"request_id": "again", "labels": {"b": "2", "a": "1", "c": "3"}, "max_cost_usd": "0.01"}
    async with running.client(rounds=50) as client:
        first = await client.decide("Is the sky blue?", **asked)
        running.stack.control.kill()
        assert await running.stack.control.wait() == -9
        asking = asyncio.create_task(client.decide("Is the sky blue?", **asked))
        await running.restart_control()
        again = await asking
        assert again.envelope.SerializeToString() == first.envelope.SerializeToString()
        with pytest.raises(InvalidRequest) as reused:
            await client.decide("Is the sky green?", **asked)
        assert reused.value.reason == "REQUEST_ID_REUSED"
        assert (await client.generate(again)).text
    assert (await ask(running, "db", "check")).code == 0
