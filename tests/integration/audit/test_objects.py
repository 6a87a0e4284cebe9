"""A log in a bucket, over HTTP, is worth as much as the log in the store, and is only ever added to."""

import asyncio
import gzip
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from controlplane.audit.bucket import Bucket, BucketUnavailable, open_bucket
from controlplane.audit.export_lines import ExportInvalid
from controlplane.audit.export_objects import Exported, export_objects
from controlplane.audit.model import Entry, Kind
from controlplane.audit.objects_source import open_objects
from controlplane.audit.source import StoreSource
from controlplane.audit.verify import Findings
from controlplane.journal.model import Append
from controlplane.store.protocols import Statement
from tests.integration.audit.test_export import verified
from tests.support.recorded_log import Written
from tests.support.s3 import S3
from turnout.audit.v1 import record_pb2

MOST = 20
"""Entries in an object, so that a log of 62 has several; its checkpoints are of 22 and 62."""


BOTH_STORES = pytest.mark.parametrize("url", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A store of SQLite, unless a test is about both."""
    if getattr(request, "param", "sqlite") == "postgresql":
        return str(request.getfixturevalue("empty_postgres"))
    return f"sqlite:{tmp_path / 'turnout.db'}"


class Interrupted(Exception):
    """The process was ended."""


class Ending:
    """A bucket whose client is ended when it has written `count` objects."""

    def __init__(self, bucket: Bucket, count: int) -> None:
        self._bucket = bucket
        self._left = count

    async def names(self) -> Sequence[str]:
        return await self._bucket.names()

    async def get(self, name: str, most: int = 0) -> bytes | None:
        return await self._bucket.get(name, most)

    async def create(self, name: str, data: bytes) -> bool:
        self._left -= 1
        if self._left < 0:
            raise Interrupted
        return await self._bucket.create(name, data)


@pytest.fixture
def prefix(bucket: str) -> Bucket:
    return open_bucket(f"s3://{bucket}/audit logs/eu")


async def export(log: Written, into: Bucket, most: int = MOST) -> Exported:
    return await export_objects(log.store, into, lambda _, __: None, most)


async def read(bucket: Bucket) -> Findings:
    return await verified(await open_objects(bucket))


def told(found: Findings) -> str:
    return "\n".join(map(str, found.faults))


async def contents(bucket: Bucket) -> dict[str, bytes | None]:
    return {name: await bucket.get(name) for name in await bucket.names()}


def replace(s3: S3, bucket: str, name: str, data: bytes) -> None:
    """As somebody does who may write into the bucket."""
    s3.request("PUT", f"{bucket}/audit%20logs/eu/{name}", data)


def remove(s3: S3, bucket: str, name: str) -> None:
    s3.request("DELETE", f"{bucket}/audit%20logs/eu/{name}")


@BOTH_STORES
async def test_an_exported_log_is_verified_like_the_store(log: Written, prefix: Bucket) -> None:
    seen: list[tuple[int, int]] = []
    done = await export_objects(log.store, prefix, lambda *told: seen.append(told), MOST)
    assert (done.entries, done.added, done.holding_erased) == (62, 62, [])
    assert seen == [(20, 62), (22, 62), (42, 62), (62, 62)]
    found, stored = await read(prefix), await verified(StoreSource(log.store))
    assert found.sound, told(found)
    assert found == stored
    assert [name for name in await prefix.names() if not name.startswith("document/")] == [
        "checkpoint/000000000022.json",
        "checkpoint/000000000062.json",
        "entries/000000000000-000000000019.jsonl.gz",
        "entries/000000000020-000000000021.jsonl.gz",
        "entries/000000000022-000000000041.jsonl.gz",
        "entries/000000000042-000000000061.jsonl.gz",
    ]
    assert len(await prefix.names()) == done.objects


@BOTH_STORES
async def test_a_second_run_only_adds(log: Written, prefix: Bucket) -> None:
    await export(log, prefix)
    before = await contents(prefix)
    assert (await export(log, prefix)).objects == 0
    await log.decisions(5)
    await log.sequence()
    done = await export(log, prefix)
    assert (done.entries, done.added, done.objects) == (67, 5, 2)
    after = await contents(prefix)
    assert {name: after[name] for name in before} == before
    assert (await read(prefix)).sound


async def test_an_export_goes_on_where_it_was_interrupted_at_any_object(log: Written, bucket: str) -> None:
    whole = open_bucket(f"s3://{bucket}/whole")
    objects = (await export(log, whole)).objects
    for count in range(objects):
        into = open_bucket(f"s3://{bucket}/ended-{count}")
        with pytest.raises(Interrupted):
            await export(log, Ending(into, count))
        before = await contents(into)
        await export(log, into)
        assert await contents(into) == await contents(whole)
        assert before.items() <= (await contents(into)).items()
    assert (await read(whole)).sound


async def test_what_an_interrupted_export_left_says_so_when_it_is_verified(log: Written, prefix: Bucket) -> None:
    with pytest.raises(Interrupted):
        await export(log, Ending(prefix, 6))
    found = await read(prefix)
    assert "20 entries are beyond the newest checkpoint: an export was interrupted" in told(found)
    assert found.size == 22


async def test_two_exports_at_the_same_time_write_nothing_twice(log: Written, prefix: Bucket) -> None:
    one, other = await asyncio.gather(export(log, prefix), export(log, prefix))
    assert one.objects + other.objects == len(await prefix.names())
    assert one.added + other.added == 62
    assert (await read(prefix)).sound


async def test_a_store_without_conditional_puts_is_written_once_too(
    log: Written, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_CONDITIONAL_PUT", "disabled")
    into = open_bucket(f"s3://{bucket}/old")
    await export(log, into)
    assert await into.create("entries/000000000000-000000000019.jsonl.gz", b"other") is False
    assert (await export(log, into)).objects == 0
    assert (await read(into)).sound


async def test_what_is_there_is_never_overwritten(prefix: Bucket) -> None:
    assert await prefix.create("one", b"first") is True
    assert await prefix.create("one", b"second") is False
    assert await prefix.get("one") == b"first"


async def test_another_log_is_not_added_to(log: Written, prefix: Bucket) -> None:
    await export(log, prefix)
    before = await contents(prefix)
    await log.store.database.write(
        [Statement(sql="UPDATE checkpoint SET root = ? WHERE size = 62", rows=[(bytes(32),)])]
    )
    await log.decisions(5)
    await log.sequence()
    with pytest.raises(ExportInvalid, match=r"62\.json is not of this log, or the log was altered"):
        await export(log, prefix)
    assert await contents(prefix) == before


async def test_a_store_that_was_taken_back_is_not_exported_over_what_it_was(log: Written, prefix: Bucket) -> None:
    await export(log, prefix)
    await log.store.database.write([Statement(sql="DELETE FROM checkpoint WHERE size = ?", rows=[(62,)])])
    with pytest.raises(ExportInvalid, match="62 entries are there, and the store has 22"):
        await export(log, prefix)


@BOTH_STORES
async def test_a_hole_in_the_store_is_not_exported(log: Written, prefix: Bucket) -> None:
    await log.store.database.write([Statement(sql="DELETE FROM entry WHERE seq = ?", rows=[(30,)])])
    with pytest.raises(ExportInvalid, match="the store has lost entry"):
        await export(log, prefix)


def lines(data: bytes) -> list[bytes]:
    return gzip.decompress(data).splitlines(keepends=True)


def body_changed(found: list[bytes]) -> list[bytes]:
    entry = json.loads(found[-1])
    entry["entry"]["body"] = "AAAA"
    return [*found[:-1], json.dumps(entry).encode()]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (body_changed, "leaf 61, receipt"),
        (body_changed, "its body is not the one that its leaf commits to"),
        (lambda found: found[:-1], "it was cut off"),
        (lambda found: [*found[:-2], found[-1]], "an entry is missing"),
        (lambda found: [found[0], *reversed(found[1:])], "an entry is missing"),
    ],
)
async def test_an_altered_object_is_found(
    log: Written, prefix: Bucket, s3: S3, bucket: str, change: Callable[[list[bytes]], list[bytes]], why: str
) -> None:
    await export(log, prefix)
    name = "entries/000000000042-000000000061.jsonl.gz"
    data = await prefix.get(name) or b""
    replace(s3, bucket, name, gzip.compress(b"".join(change(lines(data)))))
    found = await read(prefix)
    assert why in told(found)
    assert not found.sound


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda data: data[:-20], "061.jsonl.gz: it is damaged"),
        (lambda _: b"rubbish", "061.jsonl.gz: it is damaged"),
        (lambda _: gzip.compress(b""), "061.jsonl.gz, line 1: it is no line of an export"),
        (lambda _: gzip.compress(b'{"export":{"format":9}}'), "line 1: format 9, and 1 is read"),
        (lambda data: gzip.compress(lines(data)[0] + b'{"entry":{"index":5}}'), "line 2: it is no entry"),
        (
            lambda data: gzip.compress(b"".join(lines(data)).replace(b'"index":61', b'"index":62')),
            "line 21: entry 62 does not belong there",
        ),
    ],
)
async def test_what_is_no_export_is_refused_with_its_place(
    log: Written, prefix: Bucket, s3: S3, bucket: str, change: Callable[[bytes], bytes], why: str
) -> None:
    await export(log, prefix)
    name = "entries/000000000042-000000000061.jsonl.gz"
    replace(s3, bucket, name, change(await prefix.get(name) or b""))
    with pytest.raises(ExportInvalid, match=why):
        await read(prefix)


async def test_a_missing_object_is_found_and_written_again(log: Written, prefix: Bucket, s3: S3, bucket: str) -> None:
    await export(log, prefix)
    before = await contents(prefix)
    remove(s3, bucket, "entries/000000000022-000000000041.jsonl.gz")
    remove(s3, bucket, "checkpoint/000000000062.json")
    found = told(await read(prefix))
    assert "entries 22 to 41 have no object: export again" in found
    assert "40 entries are beyond the newest checkpoint" in found
    done = await export(log, prefix)
    assert (done.added, done.objects) == (20, 2)
    assert await contents(prefix) == before


async def test_an_object_that_repeats_others_is_told(log: Written, prefix: Bucket, s3: S3, bucket: str) -> None:
    await export(log, prefix)
    replace(s3, bucket, "entries/000000000030-000000000050.jsonl.gz", b"anything")
    replace(s3, bucket, "entries/last.txt", b"anything")
    found = told(await read(prefix))
    assert "000000000030-000000000050.jsonl.gz only repeats what others hold" in found
    assert "entries/last.txt is no object of an export" in found


async def test_overlapping_objects_are_read_once(log: Written, bucket: str) -> None:
    narrow, wide = open_bucket(f"s3://{bucket}/narrow"), open_bucket(f"s3://{bucket}/wide")
    await export(log, narrow, 12)
    await export(log, wide)
    name = "entries/000000000000-000000000019.jsonl.gz"
    await narrow.create(name, await wide.get(name) or b"")
    found = await read(narrow)
    assert (found.size, found.replayed) == (62, 40)
    assert [fault.problem for fault in found.faults] == [
        "entries/000000000000-000000000011.jsonl.gz only repeats what others hold, and was not read"
    ]


async def erase(log: Written, index: int) -> None:
    """What `turnout audit erase` does: say so in the log, and remove the body."""
    entry = (await log.store.entries.in_order(index, 1))[0]
    record = record_pb2.ErasureRecord(entries=[f"{entry.kind} {entry.ref}"], requested_by="operator", reason="asked")
    said = Entry(
        kind=Kind.ERASURE, ref=f"erasure-{index}", decision_id="", at=log.clock(), salt=bytes(16),
        body=record.SerializeToString(),
    )  # fmt: skip
    await log.submit(Append(entry=said))
    await log.store.entries.erase([entry.seq])
    await log.sequence()


async def test_what_was_erased_before_is_not_exported_and_breaks_nothing(log: Written, prefix: Bucket) -> None:
    await erase(log, 7)
    done = await export(log, prefix)
    assert done.holding_erased == []
    found = await read(prefix)
    assert (found.sound, found.erased, found.bodies) == (True, 1, 62)


@BOTH_STORES
async def test_objects_that_hold_what_was_erased_since_are_told_and_written_again_without(
    log: Written, prefix: Bucket, s3: S3, bucket: str
) -> None:
    await export(log, prefix)
    await erase(log, 7)
    held = "entries/000000000000-000000000019.jsonl.gz"
    assert (await export(log, prefix)).holding_erased == [held]
    assert (await read(prefix)).bodies == 63
    remove(s3, bucket, held)
    assert (await export(log, prefix)).holding_erased == []
    found = await read(prefix)
    assert (found.sound, found.erased, found.bodies) == (True, 1, 62)


async def test_nothing_is_no_export(prefix: Bucket) -> None:
    with pytest.raises(ExportInvalid, match="no log was exported there"):
        await open_objects(prefix)


async def test_a_bucket_that_is_not_there_is_told_by_every_step(bucket: str) -> None:
    nowhere = open_bucket("s3://nowhere-at-all/audit")
    for step in (nowhere.names(), nowhere.get("one"), nowhere.get("one", 5), nowhere.create("one", b"")):
        with pytest.raises(
            BucketUnavailable, match="s3://nowhere-at-all/audit: the bucket is not there: make it first"
        ):
            await step
