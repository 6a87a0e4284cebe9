"""`turnout db`, `turnout backup` and `turnout restore` as a person runs them."""

import asyncio
import json
import sqlite3
from pathlib import Path

import pytest
from typer.testing import CliRunner

from controlplane.store.open import open_store
from controlplane.store.schema import REVISION
from tests.support.journal import DAILY, hold, issue
from turnout_cli.__main__ import app


async def write(url: str) -> None:
    store = await open_store(url)
    await store.writer.run([issue("d", hold(10))])
    await store.close()


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state folder with a store in it."""
    asyncio.run(write(f"sqlite:{tmp_path / 'state' / 'turnout.db'}"))
    return tmp_path / "state"


def run(*arguments: object, code: int = 0, **environment: str) -> str:
    """What a command prints, errors too."""
    done = CliRunner().invoke(app, [str(one) for one in arguments], env=environment)
    assert done.exit_code == code, done.output
    return done.output


def change(state: Path, sql: str) -> None:
    connection = sqlite3.connect(state / "turnout.db")
    connection.execute(sql)
    connection.commit()
    connection.close()


def test_a_store_is_checked(state: Path) -> None:
    text = run("db", "check", "--state", state)
    assert "ok     what is reserved is what open reservations hold" in text
    assert "wrong" not in text


def test_a_broken_store_is_told_and_ends_with_1(state: Path) -> None:
    change(state, "UPDATE balance SET reserved = 11")
    text = run("db", "check", "--state", state, code=1)
    assert f"{DAILY.id} from {DAILY.window_start}: 11 reserved, and open reservations hold 10" in text
    told = json.loads(run("db", "check", "--state", state, "--json", code=1))
    assert told["ok"] is False
    assert [one["ok"] for one in told["findings"]].count(False) == 1


def test_a_store_is_backed_up_and_restored(state: Path, tmp_path: Path) -> None:
    file = tmp_path / "copy.zip"
    assert f"tables in {file}" in run("backup", file, "--state", state)
    told = json.loads(run("restore", file, "--store", f"sqlite:{tmp_path / 'new.db'}", "--json"))
    assert (told["revision"], told["rows"]["entry"], told["rows"]["balance"]) == (REVISION, 1, 1)
    run("db", "check", "--store", f"sqlite:{tmp_path / 'new.db'}")


def test_the_store_of_the_environment_is_taken_where_none_is_named(state: Path, tmp_path: Path) -> None:
    named = f"sqlite:{state / 'turnout.db'}"
    assert json.loads(run("backup", tmp_path / "1.zip", "--json", TURNOUT_STORE=named))["rows"]["entry"] == 1
    assert json.loads(run("backup", tmp_path / "2.zip", "--json", TURNOUT_STATE=str(state)))["rows"]["entry"] == 1


def test_restoring_over_something_is_refused(state: Path, tmp_path: Path) -> None:
    run("backup", tmp_path / "copy.zip", "--state", state)
    assert "not empty" in run("restore", tmp_path / "copy.zip", "--state", state, code=1).replace("\n", " ")


def test_a_schema_is_made_and_found_current(tmp_path: Path) -> None:
    assert f"schema made: revision {REVISION}" in run("db", "migrate", "--state", tmp_path)
    assert f"schema at revision {REVISION} already" in run("db", "migrate", "--state", tmp_path)
    assert json.loads(run("db", "migrate", "--state", tmp_path, "--json")) == {"before": REVISION, "after": REVISION}


def test_a_newer_schema_is_told(state: Path) -> None:
    change(state, "UPDATE alembic_version SET version_num = '9999'")
    for command in (("db", "migrate"), ("db", "check"), ("backup", state / "copy.zip")):
        assert "run the newer software" in " ".join(run(*command, "--state", state, code=1).split())


def test_a_store_that_is_not_there_is_told(tmp_path: Path) -> None:
    assert "No such file" in run("db", "check", "--state", tmp_path / "none", code=1)


def test_an_address_that_is_none_is_a_wrong_usage(tmp_path: Path) -> None:
    text = run("backup", tmp_path / "copy.zip", "--store", "mysql://root:secret@host/x", code=2)
    assert "no address of a store" in text.replace("\n", " ")
    assert "secret" not in text
