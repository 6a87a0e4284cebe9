"""`turnout demo`: everything is started, shown and stopped by one command."""

import asyncio
import json
import signal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from tests.support.commands import Result, begin, finished, turnout
from tests.support.stacks import MARK, environment, running_with
from turnout_cli.demo.prompts import PromptsInvalid, read_prompts


def of_kind(result: Result, kind: str) -> list[dict[str, Any]]:
    """The lines of one kind."""
    return [line for line in result.lines if line["kind"] == kind]


async def test_it_tells_of_every_prompt_every_drill_and_sums_up(tmp_path: Path) -> None:
    result = await turnout("demo", "--limit", "8", "--json", environment=environment(**{MARK: tmp_path.name}))
    assert result.code == 0, result.err
    rows, (summary,) = of_kind(result, "prompt"), of_kind(result, "summary")
    assert sorted(row["number"] for row in rows) == list(range(1, 9))
    for row in rows:
        assert not row["error"]
        assert row["model"]
        assert row["reason"]
        assert row["decision_id"]
        assert row["cost_nanousd"] > 0
    assert any("fails from now on" in note["text"] for note in of_kind(result, "note"))
    (kept,) = of_kind(result, "accounts")
    assert (kept["spent_nanousd"], kept["reserved_nanousd"]) == (kept["receipts_nanousd"], 0)
    assert (kept["log"]["sound"], kept["forged"]["sound"]) == (True, False)
    assert kept["log"]["replayed"] >= len(rows)
    refused = {line["attempt"]: line["reason"] for line in of_kind(result, "tampering")}
    assert sorted(refused.values()) == ["DECISION_REPLAYED", "DIGEST_MISMATCH", "SIGNATURE_INVALID"]
    assert summary["prompts"] == summary["answered"] == sum(summary["models"].values()) == 8
    assert summary["cost_nanousd"] == sum(row["cost_nanousd"] for row in rows)
    assert 0 < summary["cost_nanousd"] < summary["baseline_nanousd"]
    assert set(summary["decide_ms"]) == set(summary["execute_ms"]) == {"p50", "p99"}
    assert running_with(tmp_path.name) == []


async def test_ones_own_prompts_are_shown_to_people_without_colours_where_there_is_no_terminal(tmp_path: Path) -> None:
    asked = ["Is a turnout a switch?", "Write a haiku about a signal box.", "Sum 17 and 25."]
    parquet.write_table(pa.table({"id": [1, 2, 3], "prompt": asked}), tmp_path / "own.parquet")
    variables = environment(**{MARK: tmp_path.name})
    result = await turnout("demo", "--prompts", str(tmp_path / "own.parquet"), "--no-drills", environment=variables)
    assert result.code == 0, result.err
    for said in (*asked, "3 of 3 prompts answered", "One request as a trace", "DecideRoute", "turnout-worker"):
        assert said in result.out
    assert "\x1b" not in result.out + result.err
    assert "fails from now on" not in result.out
    assert running_with(tmp_path.name) == []


async def test_ctrl_c_in_the_middle_leaves_no_process_behind(tmp_path: Path) -> None:
    variables = environment(**{MARK: tmp_path.name})
    process = await begin("demo", "--json", "--no-drills", "--latency-scale", "50", environment=variables)
    assert process.stdout is not None
    note = json.loads(await asyncio.wait_for(process.stdout.readline(), 60))
    assert "are up" in note["text"]
    assert len(running_with(tmp_path.name)) == 7
    process.send_signal(signal.SIGINT)
    result = await finished(process)
    assert result.code == 130
    assert "Traceback" not in result.err
    assert running_with(tmp_path.name) == []


async def test_ctrl_c_before_anything_is_ready_leaves_no_process_behind(tmp_path: Path) -> None:
    variables = environment(**{MARK: tmp_path.name})
    process = await begin("demo", "--json", environment=variables)
    async with asyncio.timeout(60):
        while len(running_with(tmp_path.name)) < 2:  # noqa: ASYNC110 - the kernel tells nobody of new processes
            await asyncio.sleep(0)
    process.send_signal(signal.SIGINT)
    result = await finished(process)
    assert result.code == 130
    assert running_with(tmp_path.name) == []


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("own.txt", "Is it late?\n\n  Sum 17 and 25.  \n"),
        ("own.jsonl", '{"prompt": "Is it late?"}\n"  Sum 17 and 25.  "\n'),
        ("own.ndjson", '{"id": 4, "messages": [{"role": "user", "content": "Is it late?"}]}\n"  Sum 17 and 25.  "\n'),
    ],
)
def test_prompts_are_read_from_text_and_json_lines(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    assert [prompt.last for prompt in read_prompts(tmp_path / name)] == ["Is it late?", "  Sum 17 and 25.  "]


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("empty.txt", b"\n\n", "no prompts in it"),
        ("latin.txt", "Gr\u00fc\u00dfe".encode("latin-1"), "not UTF-8"),
        ("broken.jsonl", b'{"prompt": "one"}\n{"prompt": \n', "broken.jsonl:2: not JSON"),
        ("other.jsonl", b'{"question": "one"}\n', "other.jsonl:1: neither a string nor an object with `prompt`"),
        ("turns.jsonl", b'{"messages": [{"role": "user"}]}\n', "turns.jsonl:1: a message needs `role` and `content`"),
        ("broken.parquet", b"PAR1 and nothing more", "not a Parquet file"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_the_way_out(
    tmp_path: Path, name: str, content: bytes, told: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(PromptsInvalid) as refused:
        read_prompts(tmp_path / name)
    assert str(tmp_path / name) in str(refused.value)
    assert told in str(refused.value)


async def test_an_absent_file_ends_the_command_before_anything_is_started(tmp_path: Path) -> None:
    await refused(tmp_path / "absent.txt", "no such file; give a .txt, .jsonl or .parquet file of prompts")


async def test_a_parquet_file_without_the_column_names_those_that_it_has(tmp_path: Path) -> None:
    parquet.write_table(pa.table({"question": ["one"]}), tmp_path / "other.parquet")
    await refused(tmp_path / "other.parquet", "no column `prompt`; it has question")


async def refused(path: Path, told: str) -> None:
    """The demonstration does not begin, and says why."""
    result = await turnout("demo", "--prompts", str(path), environment=environment())
    assert result.code == 2
    assert result.out == ""
    assert f"{path}: {told}" in result.err
    assert "Traceback" not in result.err
