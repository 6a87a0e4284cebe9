"""`turnout audit`, on a store and on a file."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from typer.testing import CliRunner, Result

from controlplane.audit.log_key import PUBLIC
from controlplane.store.open import open_store
from controlplane.store.protocols import Statement
from tests.support.audit import log_key
from tests.support.recorded_log import written_log
from turnout_cli.__main__ import app


@pytest_asyncio.fixture
async def state(tmp_path: Path) -> AsyncIterator[Path]:
    """A state folder with a log of 40 decisions, and the log's verifier key."""
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / PUBLIC).write_text(f"{log_key().key}\n")
    store = await open_store(f"sqlite:{tmp_path / 'turnout.db'}")
    await written_log(store)
    await store.close()
    yield tmp_path


@pytest.fixture
def runner(state: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.setenv("TURNOUT_STATE", str(state))
    monkeypatch.delenv("TURNOUT_STORE", raising=False)
    return CliRunner()


def ask(runner: CliRunner, *arguments: str) -> Result:
    return runner.invoke(app, ["audit", *arguments])


async def spoil(state: Path) -> None:
    store = await open_store(f"sqlite:{state / 'turnout.db'}")
    await store.database.write([Statement(sql="UPDATE entry SET body = ? WHERE seq = 8", rows=[(b"x",)])])
    await store.close()


def test_a_sound_log_is_said_to_be_sound(runner: CliRunner) -> None:
    found = ask(runner, "verify")
    assert found.exit_code == 0, found.output
    assert "62 leaves, 2 checkpoints, 40 signatures, 40 decisions made again, byte for byte" in found.output
    assert "sound" in found.output


@pytest.mark.parametrize("more", [[], ["--no-replay"]])
async def test_a_fault_is_told_with_its_place_and_exits_with_1(runner: CliRunner, state: Path, more: list[str]) -> None:
    await spoil(state)
    found = await asyncio.to_thread(ask, runner, "verify", *more)
    assert found.exit_code == 1
    assert "leaf 7, decision" in found.output
    told = await asyncio.to_thread(ask, runner, "verify", "--json", *more)
    assert json.loads(told.stdout)["faults"][0]["index"] == 7


def test_a_kept_checkpoint_and_an_exported_log_are_verified_without_the_store(runner: CliRunner, state: Path) -> None:
    kept = state / "kept.txt"
    kept.write_text(ask(runner, "checkpoint").stdout)
    assert ask(runner, "export", str(state / "log.jsonl")).exit_code == 0
    (state / "turnout.db").unlink()
    key = ask(runner, "key").stdout.strip()
    found = ask(runner, "verify", "--export", str(state / "log.jsonl"), "--key", key, "--from", str(kept), "--json")
    assert found.exit_code == 0, found.output
    assert json.loads(found.stdout)["sound"] is True


def test_another_key_believes_nothing(runner: CliRunner) -> None:
    found = ask(runner, "verify", "--key", str(log_key(9).key), "--no-replay")
    assert found.exit_code == 1
    assert "no known key signed it" in found.output


def test_without_a_key_the_way_out_is_told(runner: CliRunner, state: Path) -> None:
    (state / "keys" / PUBLIC).unlink()
    found = ask(runner, "verify")
    assert found.exit_code == 2
    assert "give the log's verifier key with --key" in found.output


def test_reconciling_tells_what_was_never_executed(runner: CliRunner) -> None:
    found = ask(runner, "reconcile", "--json")
    assert found.exit_code == 0
    document = json.loads(found.stdout)
    assert (document["decisions"], document["receipts"]) == (40, 20)
    table = ask(runner, "reconcile")
    assert "40 decisions, 20 receipts" in table.output


def test_a_missing_file_is_told_in_one_line(runner: CliRunner, state: Path) -> None:
    found = ask(runner, "verify", "--export", str(state / "nothing"))
    assert found.exit_code == 2
    assert "No such file" in found.output
