"""Writes docs/reference from the protos, the table of errors and the command line (`make docs`)."""

import argparse
import sys
from collections.abc import Iterator, Mapping
from itertools import groupby

from tools import command_pages, contract_pages, protoc
from turnout_client.errors import CLASSES
from turnout_wire.failure import CODES

FOLDER = protoc.ROOT / "docs" / "reference"
NOTE = "<!-- Made by `make docs`; change what it is made from. -->\n\n"


def pages() -> Mapping[str, str]:
    """Every page by its file name."""
    contract = sorted(contract_pages.contract(), key=_order)
    made: dict[str, str] = {}
    for package, files in groupby(contract, key=lambda source: source.file.package):
        made[f"{contract_pages.noun_of(package)}.md"] = contract_pages.page(package, files)
    errors = next(source for source in contract if source.file.package == "turnout.errors.v1")
    made["errors.md"] = "\n".join(_errors(errors)) + "\n"
    made["cli.md"] = command_pages.page()
    return {name: NOTE + text for name, text in made.items()}


def _order(source: contract_pages.Source) -> tuple[str, bool, str]:
    """By package; in it the files with services first, for they are what one looks for."""
    return source.file.package, not source.file.service, source.file.name


def _errors(source: contract_pages.Source) -> Iterator[str]:
    yield from ("# Errors", "")
    yield "Every error is a canonical status code with exactly one `google.rpc.ErrorInfo`: domain `turnout`, and one of these"
    yield "reasons. Decide by the reason, never by the message. `turnout_client` raises a class for each way out."
    yield "What to do about each is in [operations](../operations.md#what-an-error-means-and-what-to-do)."
    yield from ("", f"Source: [{source.file.name}](../../protos/{source.file.name})")
    yield from ("", "| reason | status | raised as | |", "| --- | --- | --- | --- |")
    for reason, told in contract_pages.reasons(source):
        meaning = told.removeprefix(f"{CODES[reason]}: ")
        yield f"| `{reason}` | {CODES[reason]} | `{CLASSES[reason].__name__}` | {meaning} |"


def differences() -> list[str]:
    """What `make docs` would change, by file name."""
    wanted = pages()
    there = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.md") if path.name != "README.md"}
    return sorted(name for name in wanted.keys() | there.keys() if wanted.get(name) != there.get(name))


def main() -> int:
    """Write, or with --check only compare; 1 if that finds a difference."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; fail if a page is not current")
    check = parser.parse_args().check
    found, wanted = differences(), pages()
    for name in [] if check else found:
        if name in wanted:
            FOLDER.mkdir(parents=True, exist_ok=True)
            (FOLDER / name).write_text(wanted[name], encoding="utf-8")
        else:
            (FOLDER / name).unlink()
    print(*found, f"{len(found)} pages {'differ' if check else 'brought up to date'}", sep="\n")
    return int(check and bool(found))


if __name__ == "__main__":
    sys.exit(main())
