"""Versions of snapshots, where they are kept, and how they are handed out."""

import asyncio
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from controlplane.snapshot.holder import SnapshotHolder, Version, snapshot_digest
from controlplane.snapshot.model import Live, Snapshot
from controlplane.snapshot.publication import Publication, Published
from controlplane.snapshot.version_file import VersionFile
from tests.support.catalogs import catalog
from tests.support.virtual_time import pause, run

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
ONE, TWO = b"1" * 32, b"2" * 32


def holder(path: Path) -> SnapshotHolder:
    return SnapshotHolder(VersionFile(path / "snapshot.json"), lambda: NOW)


def test_before_the_first_snapshot_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="no snapshot"):
        _ = holder(tmp_path).current


def test_a_change_makes_a_new_version_and_listeners_hear_of_it_when_it_holds(tmp_path: Path) -> None:
    held = holder(tmp_path)
    heard: list[tuple[int, bool]] = []

    def listener(snapshot: Snapshot) -> None:
        heard.append((snapshot.version, held.current is snapshot))

    held.on_publish(listener)
    for digest in (ONE, ONE, TWO, ONE):
        held.publish(catalog(), digest)
    assert heard == [(1, True), (2, True), (3, True)]


def test_versions_go_on_after_a_restart(tmp_path: Path) -> None:
    holder(tmp_path).publish(catalog(), ONE)
    assert holder(tmp_path).publish(catalog(), ONE).version == 1
    assert holder(tmp_path).publish(catalog(), TWO).version == 2


def test_a_version_is_kept_before_anybody_is_shown_it(tmp_path: Path) -> None:
    """Or a crash would give the same number to two contents."""
    held = SnapshotHolder(VersionFile(tmp_path / "nowhere" / "snapshot.json"), lambda: NOW)
    heard: list[Snapshot] = []
    held.on_publish(heard.append)
    with pytest.raises(OSError, match="nowhere"):
        held.publish(catalog(), ONE)
    assert heard == []
    with pytest.raises(RuntimeError):
        _ = held.current


def test_health_changes_under_the_same_version_and_outlives_a_new_one(tmp_path: Path) -> None:
    held = holder(tmp_path)
    held.publish(catalog(), ONE)
    heard: list[Snapshot] = []
    held.on_publish(heard.append)
    held.refresh(Live(revision=7))
    assert (held.current.version, held.current.live.revision, heard) == (1, 7, [])
    held.publish(catalog(), TWO)
    assert (held.current.version, held.current.live.revision) == (2, 7)


def test_the_digest_depends_on_catalog_keys_and_callers() -> None:
    usual = snapshot_digest(catalog(), ONE, ONE)
    other = replace(catalog(), digest=TWO)
    digests = {usual, snapshot_digest(catalog(), TWO, ONE), snapshot_digest(catalog(), ONE, TWO)}
    assert len(digests | {snapshot_digest(other, ONE, ONE)}) == 4
    assert len(usual) == 32


def test_a_version_file_comes_back_as_it_went(tmp_path: Path) -> None:
    file = VersionFile(tmp_path / "snapshot.json")
    assert file.load() is None
    file.save(Version(number=3, digest=ONE))
    file.save(Version(number=4, digest=TWO))
    assert file.load() == Version(number=4, digest=TWO)
    assert [path.name for path in tmp_path.iterdir()] == ["snapshot.json"]


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"version": "x", "digest": "00"}', '{"version": 1, "digest": "zz"}'])
def test_a_version_file_that_cannot_be_read_is_refused_with_the_way_out(tmp_path: Path, text: str) -> None:
    path = tmp_path / "snapshot.json"
    path.write_text(text)
    with pytest.raises(ValueError, match="restore it, or remove it") as refused:
        VersionFile(path).load()
    assert str(path) in str(refused.value)


# --- publication -------------------------------------------------------------------------------------------


def news(version: int) -> Published:
    return Published(version=version, digest=b"%d" % version, payload=b"")


def heard(publication: Publication, *, has: bytes = b"", at: dict[float, int]) -> list[tuple[float, int]]:
    """When a listener hears of which version, 0 for a heartbeat, while versions are published at the times of `at`."""

    async def main() -> list[tuple[float, int]]:
        found: list[tuple[float, int]] = []

        async def listen() -> None:
            async with aclosing(publication.listen(has)) as changes:
                async for newer in changes:
                    now = asyncio.get_running_loop().time()
                    found.append((now, newer.version if newer else 0))

        task = asyncio.create_task(listen())
        for moment, version in at.items():
            await pause(moment - asyncio.get_running_loop().time())
            publication.publish(news(version))
        await pause(5.5 - asyncio.get_running_loop().time())
        assert publication.listeners == 1
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert publication.listeners == 0, "whoever leaves gives back its place"
        return found

    return run(main())


def test_a_listener_hears_the_newest_at_once_then_each_change_and_heartbeats_between() -> None:
    publication = Publication(heartbeat=2.0)
    publication.publish(news(1))
    assert heard(publication, at={3.0: 2}) == [(0.0, 1), (2.0, 0), (3.0, 2), (5.0, 0)]


def test_a_listener_that_has_the_newest_hears_only_heartbeats() -> None:
    publication = Publication(heartbeat=2.0)
    publication.publish(news(1))
    assert heard(publication, has=b"1", at={}) == [(2.0, 0), (4.0, 0)]


def test_before_the_first_snapshot_there_are_heartbeats() -> None:
    assert heard(Publication(heartbeat=2.0), at={3.0: 1}) == [(2.0, 0), (3.0, 1), (5.0, 0)]


def test_publishing_the_same_again_is_no_news() -> None:
    publication = Publication(heartbeat=2.0)
    publication.publish(news(1))
    assert [version for _, version in heard(publication, at={1.0: 1, 1.5: 1})].count(1) == 1


def test_a_slow_listener_misses_those_between_and_never_the_newest() -> None:
    async def main() -> list[int]:
        publication = Publication(heartbeat=10.0)
        publication.publish(news(1))
        async with aclosing(publication.listen(b"")) as changes:
            first = await anext(changes)
            for version in range(2, 100):
                publication.publish(news(version))
            second = await anext(changes)
        return [one.version for one in (first, second) if one]

    assert run(main()) == [1, 99]
