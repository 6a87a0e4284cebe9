"""The catalog that holds: changed as a whole or not at all, with listeners told after it."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from controlplane.catalog.document.problem import CatalogInvalid, ProblemKind
from controlplane.catalog.layer import Origin, read_layer
from controlplane.catalog.load import assemble, layers_of, load, packaged, read_file
from controlplane.catalog.model import ManagedBy
from controlplane.catalog.overlay import Overlay, OverlayFile, layer_of, overlay_of
from controlplane.snapshot.model import Catalog
from tests.unit.catalog.documents import (
    DEPLOYMENT,
    EXTENDED,
    MODEL,
    NOON,
    SEARCH,
    Clock,
    Memory,
    durable_store,
    store_of,
    write,
)
from turnout_wire.failure import Failure

BAD = EXTENDED + "policies: [{name: search, strategy: cheepest}]\n"
OURS = Overlay(models={"small": MODEL}, deployments={"local/small": DEPLOYMENT})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write(tmp_path / "turnout.yaml", EXTENDED + SEARCH)


def heard(store_listens: list[Catalog]) -> list[bytes]:
    return [catalog.digest for catalog in store_listens]


def test_without_a_file_the_packaged_catalog_holds() -> None:
    assert store_of().current.digest == load(None).digest


def test_a_bad_file_refuses_the_start(path: Path) -> None:
    write(path, BAD)
    with pytest.raises(CatalogInvalid):
        store_of(path)


def test_a_changed_file_holds_after_a_reload_and_listeners_hear_of_it(path: Path) -> None:
    clock = Clock()
    store = store_of(path, clock=clock)
    told: list[Catalog] = []
    store.on_change(told.append)
    write(path, EXTENDED)
    clock.advance(timedelta(minutes=1))
    status = store.reload()
    assert heard(told) == [store.current.digest] == [load(None).digest]
    assert status.taken_at == NOON + timedelta(minutes=1)


def test_a_change_of_comments_alone_is_no_new_catalog(path: Path) -> None:
    store = store_of(path)
    told: list[Catalog] = []
    store.on_change(told.append)
    write(path, "# hello\n" + EXTENDED + SEARCH)
    store.reload()
    assert told == []


def test_a_bad_file_leaves_the_old_catalog_and_says_so_since_when(path: Path) -> None:
    clock = Clock()
    store = store_of(path, clock=clock)
    before = store.current
    write(path, BAD)
    clock.advance(timedelta(minutes=1))
    store.reload()
    clock.advance(timedelta(minutes=1))
    status = store.reload()
    assert store.current is before
    assert status.taken_at == NOON
    assert status.failing_since == NOON + timedelta(minutes=1)
    assert [problem.kind for problem in status.problems] == [ProblemKind.UNKNOWN_WORD]


def test_a_mended_file_clears_the_status(path: Path) -> None:
    store = store_of(path)
    write(path, BAD)
    assert store.reload().problems
    write(path, EXTENDED)
    assert store.reload() == store.status
    assert store.status.problems == ()
    assert store.status.failing_since is None


async def test_what_the_service_keeps_outlives_a_reload(path: Path) -> None:
    store = store_of(path)
    await store.change(OURS)
    write(path, EXTENDED)
    store.reload()
    assert store.current.models[MODEL.name].managed_by is ManagedBy.API


async def test_what_the_service_keeps_outlives_a_restart(path: Path, tmp_path: Path) -> None:
    overlay = tmp_path / "state" / "overlay.json"
    before = durable_store(path, overlay)
    await before.change(OURS)
    after = durable_store(path, overlay)
    assert after.current.digest == before.current.digest
    assert after.current.models[MODEL.name] == replace(MODEL, managed_by=ManagedBy.API)
    assert not list(overlay.parent.glob("*.new"))


async def test_a_change_that_breaks_the_whole_is_refused_and_not_kept(path: Path) -> None:
    memory = Memory()
    store = store_of(path, memory=memory)
    before = store.current
    with pytest.raises(CatalogInvalid) as caught:
        await store.change(Overlay(deployments={"local/small": DEPLOYMENT}))
    assert [problem.kind for problem in caught.value.problems] == [ProblemKind.UNKNOWN_MODEL]
    assert store.current is before
    assert memory.saved == []


async def test_a_change_that_is_only_checked_changes_nothing(path: Path) -> None:
    memory = Memory()
    store = store_of(path, memory=memory)
    before = store.current
    await store.change(OURS, validate_only=True)
    assert store.current is before
    assert memory.saved == []


async def test_a_change_that_cannot_be_kept_does_not_hold(path: Path) -> None:
    memory = Memory()
    store = store_of(path, memory=memory)
    told: list[Catalog] = []
    store.on_change(told.append)
    memory.full = True
    with pytest.raises(Failure, match="No space left"):
        await store.change(OURS)
    assert MODEL.name not in store.current.models
    assert store.overlay == Overlay()
    assert told == []


async def test_a_file_that_needs_what_the_service_keeps_is_valid_with_it(path: Path) -> None:
    text = EXTENDED + "policies: [{name: ours, strategy: {kind: fixed, models: [small]}}]\n"
    store = store_of(path)
    await store.change(OURS)
    write(path, text)
    assert store.reload().problems == ()


async def test_an_entry_kept_by_file_and_service_is_refused_at_its_place_in_the_file(path: Path) -> None:
    store = store_of(path)
    await store.change(OURS)
    text = """models:
  - {name: small, provider: local, tier: small, as_of: 2026-11-21, free: true, context_window: 8192,
     max_output_tokens: 2048, latency: 800ms, quality: 0.6}
"""
    write(path, EXTENDED + text)
    (problem,) = store.reload().problems
    assert (problem.kind, problem.line, problem.source) == (ProblemKind.KEPT_TWICE, 4, str(path))


def test_the_service_may_keep_an_entry_that_the_package_brings_later(path: Path) -> None:
    """So that an update of the software with a model of the same name does not stop anybody's start."""
    ours = replace(MODEL, name=load(None).models["gpt-4o"].name)  # type: ignore[index]
    layers = layers_of(packaged(), None, layer_of(Overlay(models={"gpt-4o": ours}), "api"))
    assert assemble(layers).catalog.models[ours.name].provider == "local"


async def test_the_overlay_file_has_lines_when_it_is_damaged(tmp_path: Path) -> None:
    file = OverlayFile(tmp_path / "overlay.json")
    await file.save(OURS, since=0)
    text = (tmp_path / "overlay.json").read_text(encoding="utf-8")
    (tmp_path / "overlay.json").write_text(text.replace('"812.5ms"', '"soon"'), encoding="utf-8")
    layer = file.load()
    assert layer is not None
    (problem,) = layer.problems
    assert problem.line == text[: text.index("812.5ms")].count("\n") + 1


def test_an_overlay_keeps_only_models_and_deployments(tmp_path: Path) -> None:
    path = write(tmp_path / "overlay.json", '{"version": 1, "policies": [], "extends": "default"}')
    layer = read_file(path, Origin.API)
    assert [problem.kind for problem in layer.problems] == [ProblemKind.UNKNOWN_FIELD] * 2


async def test_an_overlay_comes_back_as_it_was_kept(tmp_path: Path) -> None:
    file = OverlayFile(tmp_path / "overlay.json")
    assert file.load() is None
    await file.save(OURS, since=0)
    layer = file.load()
    assert layer is not None
    kept = overlay_of(layer)
    assert kept.models == {"small": replace(MODEL, managed_by=ManagedBy.API)}
    assert kept.deployments == {"local/small": replace(DEPLOYMENT, managed_by=ManagedBy.API)}
    assert read_layer(layer.root, Origin.API).problems == ()


async def test_a_crash_while_writing_leaves_the_old_overlay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = OverlayFile(tmp_path / "overlay.json")
    await file.save(OURS, since=0)

    def crash(_descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("os.fsync", crash)
    with pytest.raises(OSError, match="Input/output"):
        await file.save(Overlay(), since=0)
    layer = file.load()
    assert layer is not None
    assert overlay_of(layer).models
