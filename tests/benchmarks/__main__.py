"""`make bench`: measures, prints tables, and keeps them in docs/benchmarks.md."""

import asyncio
import os
import platform
from datetime import UTC, datetime
from pathlib import Path

from tests.benchmarks import audit, hot_budget, insight, planes, recording

DOCUMENT = Path("docs/benchmarks.md")
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


def table(header: planes.Row, rows: list[planes.Row]) -> str:
    """A Markdown table, figures to the right."""
    rule = ["---", *["---:"] * (len(header) - 1)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (header, rule, *rows))


def main() -> None:
    """Measure and write."""
    tables: dict[str, tuple[planes.Row, list[planes.Row]]] = {
        **asyncio.run(planes.run()),
        "Writing down": asyncio.run(recording.run()),
        "Budgets": asyncio.run(hot_budget.run_all()),
        "Audit log": asyncio.run(audit.run_all()),
        "Figures": asyncio.run(insight.run_all()),
    }
    made = f"Made by `make bench` on {datetime.now(UTC):%Y-%m-%d}, Python {platform.python_version()}, {os.cpu_count()} cores."
    text = "\n\n".join([made, *(f"### {name}\n\n{table(*parts)}" for name, parts in tables.items())])
    print(text)
    if DOCUMENT.exists():
        before, _, rest = DOCUMENT.read_text(encoding="utf-8").partition(BEGIN)
        DOCUMENT.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{rest.partition(END)[2]}", encoding="utf-8")


if __name__ == "__main__":
    main()
