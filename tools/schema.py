"""Writes the schema as SQL text from the steps of alembic, or checks that the text is current."""

import argparse
import sys
from pathlib import Path
from typing import get_args

from controlplane.store.migrate import rendered
from controlplane.store.schema import Dialect

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "controlplane" / "store" / "schema"


def current() -> dict[Path, str]:
    """What each file must hold."""
    return {FOLDER / f"{dialect}.sql": rendered(dialect) for dialect in get_args(Dialect)}


def main() -> int:
    """0 if the files are current now."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; exit with 1 if a file is out of date")
    if not parser.parse_args().check:
        for path, text in current().items():
            path.write_text(text, encoding="utf-8")
        return 0
    stale = [path for path, text in current().items() if not path.is_file() or path.read_text(encoding="utf-8") != text]
    for path in stale:
        print(f"out of date: {path.relative_to(ROOT)}; run `python -m tools.schema`")
    return int(bool(stale))


if __name__ == "__main__":
    sys.exit(main())
