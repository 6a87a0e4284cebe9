"""Prompts to demonstrate with: the packaged ones or a user's own file."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

PACKAGED = Path(__file__).parents[1] / "data" / "demo_prompts.jsonl"
COLUMN = "prompt"


class PromptsInvalid(Exception):
    """A file of prompts cannot be used; the message names file, line and way out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """A conversation to be answered, as `role` and `content` pairs."""

    name: str
    messages: tuple[Mapping[str, str], ...]

    @property
    def last(self) -> str:
        """What the user said last."""
        return next((said["content"] for said in reversed(self.messages) if said["role"] == "user"), "")


def read_prompts(path: Path | None) -> list[Prompt]:
    """The prompts of a file: `.jsonl` (objects with `prompt` or `messages`, or strings), `.parquet` (a column `prompt`),
    anything else one prompt a line. None reads the packaged ones.

    Raises PromptsInvalid.
    """
    source = path or PACKAGED
    if not source.is_file():
        raise PromptsInvalid(f"{source}: no such file; give a .txt, .jsonl or .parquet file of prompts")
    readers = {".jsonl": _jsonl, ".ndjson": _jsonl, ".parquet": _parquet}
    prompts = list(readers.get(source.suffix.lower(), _lines)(source))
    if not prompts:
        raise PromptsInvalid(f"{source}: no prompts in it")
    return prompts


def _lines(path: Path) -> Iterator[Prompt]:
    for number, line in enumerate(_text(path).splitlines(), start=1):
        if line.strip():
            yield _single(f"{path.name}:{number}", line)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise PromptsInvalid(f"{path}: not UTF-8 text ({error}); save it as UTF-8, or as .jsonl or .parquet") from error


def _jsonl(path: Path) -> Iterator[Prompt]:
    for number, line in enumerate(_text(path).splitlines(), start=1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
        except ValueError as error:
            raise PromptsInvalid(f"{path}:{number}: not JSON ({error})") from error
        yield _entry(f"{path.name}:{number}", entry, f"{path}:{number}")


def _entry(name: str, entry: object, place: str) -> Prompt:
    if isinstance(entry, str):
        return _single(name, entry)
    if isinstance(entry, dict) and isinstance(entry.get(COLUMN), str):
        return _single(name, entry[COLUMN])
    if isinstance(entry, dict) and isinstance(entry.get("messages"), list):
        return Prompt(
            name=str(entry.get("id", name)), messages=tuple(_message(said, place) for said in entry["messages"])
        )
    raise PromptsInvalid(f"{place}: neither a string nor an object with `prompt` (text) or `messages` (a list)")


def _message(said: object, place: str) -> Mapping[str, str]:
    if isinstance(said, dict) and isinstance(said.get("content"), str) and isinstance(said.get("role"), str):
        return {"role": said["role"], "content": said["content"]}
    raise PromptsInvalid(f"{place}: a message needs `role` and `content`, both text")


def _parquet(path: Path) -> Iterator[Prompt]:
    try:
        from pyarrow import ArrowException, parquet
    except ImportError as error:
        raise PromptsInvalid(f"{path}: reading Parquet needs pyarrow; install turnout[parquet]") from error
    try:
        table = parquet.ParquetFile(path)
    except (ArrowException, OSError) as error:
        raise PromptsInvalid(f"{path}: not a Parquet file ({error})") from error
    if COLUMN not in table.schema_arrow.names:
        has: Sequence[str] = table.schema_arrow.names
        raise PromptsInvalid(f"{path}: no column `{COLUMN}`; it has {', '.join(has[:12])}")
    number = 0
    for batch in table.iter_batches(batch_size=512, columns=[COLUMN]):
        for value in batch.column(0).to_pylist():
            number += 1
            if value:
                yield _single(f"{path.name}:{number}", str(value))


def _single(name: str, text: str) -> Prompt:
    return Prompt(name=name, messages=({"role": "user", "content": text},))
