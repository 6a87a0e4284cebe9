"""Changes of the file are taken while it runs, however they are made; bad ones are told and leave what holds."""

import asyncio
import logging
import os
from pathlib import Path

import pytest

from controlplane.catalog.store import CatalogStore
from controlplane.catalog.watch import INTERVAL_S, CatalogWatch
from controlplane.snapshot.model import Catalog
from tests.unit.catalog.documents import EXTENDED, SEARCH, store_of, write

BAD = EXTENDED + "policies: [{name: search, strategy: cheepest, rule_set: [a]}]\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write(tmp_path / "turnout.yaml", EXTENDED)


def workloads(store: CatalogStore) -> list[str]:
    return [str(workload.name) for workload in store.current.workloads]


def look_twice(watch: CatalogWatch) -> None:
    """A change counts once it is seen unchanged a second time."""
    watch.look()
    watch.look()


def test_a_replaced_file_is_taken(path: Path) -> None:
    store = store_of(path)
    watch = CatalogWatch(store)
    write(path, EXTENDED + SEARCH)
    look_twice(watch)
    assert workloads(store) == ["search", "default"]


def test_a_file_written_in_place_is_taken(path: Path) -> None:
    store = store_of(path)
    watch = CatalogWatch(store)
    path.write_text(EXTENDED + SEARCH, encoding="utf-8")
    look_twice(watch)
    assert workloads(store) == ["search", "default"]


def test_a_turned_link_is_taken(tmp_path: Path) -> None:
    """As Kubernetes mounts a ConfigMap: the file is a link into a folder that is a link, and the second one is turned."""
    for name, text in (("v1", EXTENDED), ("v2", EXTENDED + SEARCH)):
        (tmp_path / name).mkdir()
        write(tmp_path / name / "turnout.yaml", text)
    (tmp_path / "..data").symlink_to("v1")
    (tmp_path / "turnout.yaml").symlink_to("..data/turnout.yaml")
    store = store_of(tmp_path / "turnout.yaml")
    watch = CatalogWatch(store)
    (tmp_path / "..data_tmp").symlink_to("v2")
    (tmp_path / "..data_tmp").replace(tmp_path / "..data")
    look_twice(watch)
    assert workloads(store) == ["search", "default"]


SAME_SIZE = EXTENDED.replace("extends: default", "policies: [abc]\n"[:16])


def test_a_change_of_the_same_size_is_taken(path: Path) -> None:
    store = store_of(path)
    before = path.stat()
    path.write_text(SAME_SIZE, encoding="utf-8")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    assert path.stat().st_size == before.st_size
    look_twice(CatalogWatch(store))
    assert store.status.problems


def test_another_file_of_the_same_size_and_time_is_taken(path: Path) -> None:
    """As a tool leaves it that unpacks or syncs files and keeps their times."""
    store = store_of(path)
    before = path.stat()
    write(path, SAME_SIZE)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    look_twice(CatalogWatch(store))
    assert store.status.problems


def test_a_file_that_is_still_being_written_is_not_read(path: Path) -> None:
    store = store_of(path)
    watch = CatalogWatch(store)
    path.write_text(EXTENDED + SEARCH[: len(SEARCH) // 2], encoding="utf-8")
    watch.look()
    assert store.status.problems == ()
    path.write_text(EXTENDED + SEARCH, encoding="utf-8")
    watch.look()
    assert store.status.problems == ()
    watch.look()
    assert workloads(store) == ["search", "default"]


def test_a_file_that_is_absent_for_a_moment_is_no_problem(path: Path) -> None:
    store = store_of(path)
    watch = CatalogWatch(store)
    path.unlink()
    watch.look()
    write(path, EXTENDED + SEARCH)
    look_twice(watch)
    assert store.status.problems == ()
    assert workloads(store) == ["search", "default"]


def test_a_file_that_stays_away_is_told_once_and_leaves_the_catalog(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = store_of(path)
    watch = CatalogWatch(store)
    path.unlink()
    for _ in range(5):
        watch.look()
    assert len(caplog.records) == 1
    assert "cannot be read" in caplog.text
    assert workloads(store) == ["default"]


def test_every_problem_of_a_bad_file_is_logged_once(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = store_of(path)
    before = store.current
    watch = CatalogWatch(store)
    write(path, BAD)
    for _ in range(5):
        watch.look()
    assert [record.levelno for record in caplog.records] == [logging.ERROR] * 2
    assert "cheepest" in caplog.text
    assert f"{path}:3" in caplog.text
    assert store.current is before


def test_a_change_between_start_and_first_look_is_not_missed(path: Path) -> None:
    store = store_of(path)
    write(path, EXTENDED + SEARCH)
    watch = CatalogWatch(store)
    look_twice(watch)
    assert workloads(store) == ["search", "default"]


def test_a_signal_reloads_at_once_and_the_next_looks_do_not_again(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    store = store_of(path)
    watch = CatalogWatch(store)
    write(path, EXTENDED + SEARCH)
    watch.reload()
    assert workloads(store) == ["search", "default"]
    look_twice(watch)
    assert [record.getMessage() for record in caplog.records] == ["the catalog is taken"]


def test_a_signal_without_a_change_says_so(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    CatalogWatch(store_of(path)).reload()
    assert caplog.messages == ["the catalog is unchanged"]


async def test_the_watch_looks_twice_a_second_until_it_is_cancelled(path: Path) -> None:
    store = store_of(path)
    slept: list[float] = []
    changed = asyncio.Event()
    store.on_change(lambda _catalog: changed.set())

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 2:
            write(path, EXTENDED + SEARCH)
        await asyncio.sleep(0)

    running = asyncio.create_task(CatalogWatch(store, sleep=sleep).run())
    await changed.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert len(slept) >= 3
    assert set(slept) == {INTERVAL_S} == {0.5}


async def test_without_a_file_there_is_nothing_to_watch() -> None:
    await CatalogWatch(store_of()).run()


async def test_a_listener_that_cannot_keep_the_new_state_does_not_end_the_watch(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = store_of(path)
    told = asyncio.Event()
    turns = 0

    def fail(_catalog: Catalog) -> None:
        raise OSError(28, "No space left on device")

    async def sleep(_seconds: float) -> None:
        nonlocal turns
        turns += 1
        if turns == 1:
            write(path, EXTENDED + SEARCH)
        if turns > 4:
            told.set()
        await asyncio.sleep(0)

    store.on_change(fail)
    running = asyncio.create_task(CatalogWatch(store, sleep=sleep).run())
    await told.wait()
    assert not running.done()
    running.cancel()
    assert "could not be passed on" in caplog.text
