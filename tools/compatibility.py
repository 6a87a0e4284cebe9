"""Writes docs/compatibility.md from the table that the tests of the matrix hold to (`python -m tools.compatibility`)."""

import argparse
import sys
from collections.abc import Iterator

from tools import protoc
from tools.compatibility_errors import CLIENTS, CUT, ERRORS
from tools.compatibility_table import TABLE, Cell, Client, Kind, Row

PAGE = protoc.ROOT / "docs" / "compatibility.md"
HEADINGS = {
    Kind.OPENAI: "OpenAI",
    Kind.COMPATIBLE: "compatible (vLLM)",
    Kind.AZURE: "Azure OpenAI",
    Kind.MISTRAL: "Mistral",
    Kind.GROQ: "Groq (Llama 3.3)",
    Kind.DEEPSEEK: "DeepSeek",
    Kind.OPENROUTER: "OpenRouter",
    Kind.TOGETHER: "Together",
    Kind.OLLAMA: "Ollama",
    Kind.ANTHROPIC: "Anthropic",
    Kind.GEMINI: "Gemini",
    Kind.BEDROCK: "Bedrock (Claude)",
}
INTRODUCTION = """\
<!-- Made by `python -m tools.compatibility`; change tools/compatibility_table.py, and the tests that hold to it. -->

# What works with which SDK and which provider

The official SDKs, unmodified but for address and key, before [the gateway](gateway.md), and every kind of provider behind it. Each cell
is a test (tests/integration/gateway/matrix): the SDK asks for a model by name, and what it gets is checked as well as what the provider
was told. The providers are the sandbox's, which speaks their protocols over real connections; a cell that turns out otherwise fails.

- **yes**: it works, and the provider was told what the caller said. Where both speak the same protocol, the request goes through as it
  was written.
- **without …**: it works, but that part of the request cannot be said there; `x-turnout-warning` tells it.
- **no**: it is refused before a provider is called, with an error that says so. Free routing (`auto`) takes another model instead.
"""


def page() -> str:
    """The whole page."""
    return "\n".join((INTRODUCTION, *_sections(), *_holes(), *_errors())) + "\n"


def _sections() -> Iterator[str]:
    for client in Client:
        rows = [row for row in TABLE if row.client is client]
        if rows:
            yield from (f"## {client}", "", f"| | {' | '.join(HEADINGS.values())} |", f"| --- |{' --- |' * len(Kind)}")
            yield from (_row(row) for row in rows)
            yield ""


def _row(row: Row) -> str:
    return f"| {row.feature} | {' | '.join(_cell(row.at(kind)) for kind in Kind)} |"


def _cell(cell: Cell) -> str:
    if cell.reason:
        return "no"
    if cell.dropped:
        names = (name.rpartition(".")[2] for name in cell.dropped)
        return "without " + ", ".join(f"`{name}`" for name in names)
    return f"yes; {cell.why}" if cell.why else "yes"


def _holes() -> Iterator[str]:
    yield from ("## Why not", "", "| what | where | why | `x-turnout-error` |", "| --- | --- | --- | --- |")
    for row in TABLE:
        for cell in dict.fromkeys(row.at(kind) for kind in Kind if row.at(kind).reason):
            where = ", ".join(HEADINGS[kind] for kind in Kind if row.at(kind) == cell)
            yield f"| {row.client}, {row.feature} | {where} | {cell.why} | `{cell.reason}` |"


def _errors() -> Iterator[str]:
    yield from ("", "## What is raised", "", f"| | {' | '.join(CLIENTS)} | `x-turnout-error` |")
    yield f"| --- |{' --- |' * len(CLIENTS)} --- |"
    for wrong in ERRORS:
        yield _raised(wrong.what, [wrong.raised(client) for client in CLIENTS], f"`{wrong.reason}`")
    yield _raised("a stream that breaks off, in its iterator", [CUT[client] for client in CLIENTS], "in the stream")


def _raised(what: str, names: list[str], reason: str) -> str:
    return f"| {what} | {' | '.join(f'`{name}`' for name in names)} | {reason} |"


def main() -> int:
    """Write, or with --check only compare; 1 if that finds a difference."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; fail if the page is not current")
    check, wanted = parser.parse_args().check, page()
    current = PAGE.exists() and PAGE.read_text(encoding="utf-8") == wanted
    if not check:
        PAGE.write_text(wanted, encoding="utf-8")
    print("the page is current" if current else f"the page {'differs' if check else 'was brought up to date'}")
    return int(check and not current)


if __name__ == "__main__":
    sys.exit(main())
