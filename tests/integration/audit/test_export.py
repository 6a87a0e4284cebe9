"""A log in a file is worth as much as the log in the store."""

import json
from pathlib import Path

import pytest

from controlplane.audit.export import ExportSource, export_log
from controlplane.audit.export_lines import ExportInvalid
from controlplane.audit.source import Source, StoreSource
from controlplane.audit.verify import Findings, Trust, verify_log
from controlplane.rpc.contents import RecordContents
from controlplane.rpc.replay import Replay
from tests.support.audit import log_key
from tests.support.recorded_log import Written


def files(folder: Path) -> list[str]:
    return [path.name for path in folder.glob("log*")]


async def verified(source: Source) -> Findings:
    contents = RecordContents(Replay(source.documents))
    return await verify_log(source, Trust(keys=log_key().known), contents, lambda _, __: None)


async def test_an_exported_log_is_verified_like_the_store(log: Written, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    assert await export_log(log.store, tmp_path / "log.jsonl", lambda *done: seen.append(done)) == 62
    found, stored = await verified(ExportSource(tmp_path / "log.jsonl")), await verified(StoreSource(log.store))
    assert found.sound
    assert found == stored
    assert seen[-1] == (62, 62)
    assert files(tmp_path) == ["log.jsonl"]


async def test_what_comes_after_the_newest_checkpoint_is_not_exported(log: Written, tmp_path: Path) -> None:
    await log.decisions(3)
    assert await export_log(log.store, tmp_path / "log.jsonl", lambda _, __: None) == 62


async def test_an_empty_log_is_exported(log: Written, tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text('{"export":{"format":1,"size":0}}\n')
    assert (await verified(ExportSource(path))).sound


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda lines: lines[:-1], "it was cut off"),
        (lambda lines: lines[:-2] + lines[-1:], "an entry is missing"),
        (lambda lines: [*lines[:-2], lines[-1], lines[-2]], "an entry is missing"),
        (lambda lines: [line for line in lines if '"checkpoint"' not in line[:15]], "beyond the newest checkpoint"),
        (lambda lines: [*lines[:-1], lines[-1].replace('"receipt"', '"refusal"')], "not those of its leaf"),
    ],
)
async def test_an_altered_file_is_found(log: Written, tmp_path: Path, change: object, why: str) -> None:
    path = tmp_path / "log.jsonl"
    await export_log(log.store, path, lambda _, __: None)
    lines = path.read_text().splitlines()
    path.write_text("\n".join(change(lines)) + "\n")  # type: ignore[operator]
    found = await verified(ExportSource(path))
    assert why in "\n".join(map(str, found.faults))
    assert not found.sound


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "line 1: it is no line of an export"),
        ("rubbish\n", "line 1: it is no line of an export"),
        ('{"entry":{}}\n', "line 1: 'entry' where 'export' is expected"),
        ('{"export":{"format":9}}\n', "line 1: format 9, and 1 is read"),
        ('{"export":{"format":1,"size":1}}\n{"checkpoint":{}}\n', "line 2: it is no checkpoint"),
        (
            '{"export":{"format":1,"size":1}}\n{"document":{"digest":"xyz"}}\n',
            "line 2: digest is missing or not in hex",
        ),
    ],
)
def test_what_is_no_export_is_refused_with_its_line(tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text(text)
    with pytest.raises(ExportInvalid, match=why):
        ExportSource(path)


async def test_a_line_that_is_no_entry_is_refused_with_its_number(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text('{"export":{"format":1,"size":1}}\n{"entry":{"index":0}}\n')
    with pytest.raises(ExportInvalid, match="line 2: it is no entry"):
        async for _ in ExportSource(path).entries(1):
            pass


async def test_a_failed_export_leaves_nothing_and_spoils_nothing(log: Written, tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text("before")

    def fail(_: int, __: int) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        await export_log(log.store, path, fail)
    assert path.read_text() == "before"
    assert files(tmp_path) == ["log.jsonl"]


async def test_lines_are_json_that_other_tools_read(log: Written, tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    await export_log(log.store, path, lambda _, __: None)
    kinds = [next(iter(json.loads(line))) for line in path.read_text().splitlines()]
    assert {kind: kinds.count(kind) for kind in kinds} == {"export": 1, "document": 2, "checkpoint": 2, "entry": 62}
