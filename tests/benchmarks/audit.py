"""Appending to the audit log, proofs and verification on SQLite: `python -m tests.benchmarks.audit [URL]`."""

import asyncio
import sys
import tempfile
import time
from pathlib import Path

from controlplane.audit.export import ExportSource, export_log
from controlplane.audit.model import Entry, Kind
from controlplane.audit.proofs import Proofs
from controlplane.audit.source import Source, StoreSource
from controlplane.audit.verify import Trust, verify_log
from controlplane.journal.model import Append
from controlplane.rpc.contents import RecordContents
from controlplane.rpc.replay import Replay
from controlplane.store.open import open_store
from controlplane.store.protocols import Store
from tests.support.audit import NOW, log_key
from tests.support.recorded_log import Written

ENTRIES, DECISIONS, PROOFS, GROUP = 100_000, 3_000, 500, 500
Row = tuple[str, ...]
HEADER: Row = ("audit log", "per second", "µs each")


def row(name: str, count: int, seconds: float) -> Row:
    """A line of the table."""
    return name, f"{count / seconds:,.0f}", f"{seconds / count * 1e6:,.1f}"


async def appended(store: Store, count: int) -> tuple[Row, Row]:
    """Entries of the size of a receipt, in groups as a busy journal writes them; then their places in the log."""
    body = bytes(400)
    began = time.perf_counter()
    for start in range(0, count, GROUP):
        entries = [
            Entry(
                kind=Kind.FEEDBACK, ref=f"entry-{number}", decision_id="", at=NOW, salt=number.to_bytes(16, "big"),
                body=body,
            )
            for number in range(start, start + GROUP)
        ]  # fmt: skip
        await store.writer.run([Append(entry=entry) for entry in entries])
    recorded = time.perf_counter() - began
    log = Written(store)
    began = time.perf_counter()
    await log.sequencer.catch_up()
    return row("record an entry", count, recorded), row("sequence an entry", count, time.perf_counter() - began)


async def proven(store: Store, size: int) -> tuple[Row, Row]:
    """Proofs of leaves all over the log."""
    proofs = Proofs(store.tree)
    began = time.perf_counter()
    for number in range(PROOFS):
        await proofs.inclusion(number * size // PROOFS, size)
    inclusion = time.perf_counter() - began
    began = time.perf_counter()
    for number in range(PROOFS):
        await proofs.consistency(1 + number * (size - 1) // PROOFS, size)
    return row("prove inclusion", PROOFS, inclusion), row("prove consistency", PROOFS, time.perf_counter() - began)


async def verified(name: str, source: Source, count: int, *, replay: bool = False) -> Row:
    """A whole verification."""
    contents = RecordContents(Replay(source.documents) if replay else None)
    began = time.perf_counter()
    found = await verify_log(source, Trust(keys=log_key().known), contents, lambda _, __: None)
    seconds = time.perf_counter() - began
    assert found.sound, found.faults
    return row(name, count, seconds)


async def run_all(url: str = "") -> tuple[Row, list[Row]]:
    """The header and the rows."""
    with tempfile.TemporaryDirectory() as folder:
        store = await open_store(url or f"sqlite:{folder}/plain.db")
        rows = [*await appended(store, ENTRIES), *await proven(store, ENTRIES)]
        rows.append(await verified("verify an entry", StoreSource(store), ENTRIES))
        path = Path(folder) / "log.jsonl"
        began = time.perf_counter()
        await export_log(store, path, lambda _, __: None)
        rows.append(row("export an entry", ENTRIES, time.perf_counter() - began))
        rows.append(await verified("verify an exported entry", ExportSource(path), ENTRIES))
        await store.close()
        rows += await _decisions(f"sqlite:{folder}/decisions.db")
    return HEADER, rows


async def _decisions(url: str) -> list[Row]:
    store = await open_store(url)
    log = Written(store)
    await log.start()
    await log.decisions(DECISIONS)
    await log.sequence()
    source = StoreSource(store)
    rows = [
        await verified("verify a signed decision", source, DECISIONS),
        await verified("the same, and make it again", source, DECISIONS, replay=True),
    ]
    await store.close()
    return rows


def main() -> None:
    """Print the table."""
    header, rows = asyncio.run(run_all(*sys.argv[1:]))
    for name, *cells in (header, *rows):
        print(f"{name:<30}" + "".join(f"{cell:>14}" for cell in cells))


if __name__ == "__main__":
    main()
