"""`make bench`: measures, prints tables, and keeps them in docs/benchmarks.md."""

import asyncio
import os
import platform
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

from tests.benchmarks import audit, encoder, gateway, hot_budget, insight, planes, recording, rungs

DOCUMENT = Path("docs/benchmarks.md")
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


def table(header: planes.Row, rows: list[planes.Row]) -> str:
    """A Markdown table, figures to the right."""
    rule = ["---", *["---:"] * (len(header) - 1)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (header, rule, *rows))


async def measured() -> AsyncIterator[tuple[str, planes.Table]]:
    """Each table as soon as it is measured, under its name."""
    for name, found in (await planes.run()).items():
        yield name, found
    for name, found in zip(("Gateway", "Gateway, memory"), await gateway.run(), strict=True):
        yield name, found
    yield "Encoder", encoder.run()
    yield "Classifying", await rungs.run()
    yield "Writing down", await recording.run()
    yield "Budgets", await hot_budget.run_all()
    yield "Audit log", await audit.run_all()
    yield "Figures", await insight.run_all()


async def run() -> None:
    """Measure, print, and keep what is measured so far, so that what fails later loses nothing."""
    made = f"Made by `make bench` on {datetime.now(UTC):%Y-%m-%d}, Python {platform.python_version()}, {os.cpu_count()} cores."
    parts = [made]
    print(made)
    async for name, found in measured():
        parts.append(f"### {name}\n\n{table(*found)}")
        print(f"\n{parts[-1]}", flush=True)
        keep("\n\n".join(parts))


def keep(text: str) -> None:
    """Put it between the marks of the page."""
    if DOCUMENT.exists():
        before, _, rest = DOCUMENT.read_text(encoding="utf-8").partition(BEGIN)
        DOCUMENT.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{rest.partition(END)[2]}", encoding="utf-8")


def main() -> None:
    """Measure and write."""
    asyncio.run(run())


if __name__ == "__main__":
    main()
