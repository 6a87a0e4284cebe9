"""Reads tables of prompts that somebody labelled with what they are."""

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from controlplane.catalog.model import Complexity, Domain, TaskType
from turnout_cli.evaluation.tables import SUFFIXES, TableInvalid
from turnout_features import Conversation, Speaker, Utterance

Word = TypeVar("Word", TaskType, Complexity, Domain)

TEXTS = ("prompt", "text", "messages")
"""Columns that may hold what is asked; the first that is there counts."""

UNKNOWN = "unknown"
"""The domain where nobody can say; an empty one is none."""

NONE = frozenset({"", "-", "none"})
OUT_OF_SCOPE = frozenset({"oos", "out_of_scope"})


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledRow:
    """A prompt and what it is; None where the table does not say. `part` is what figures are told apart by."""

    conversation: Conversation
    task_type: TaskType | None
    also: frozenset[TaskType]
    complexity: Complexity | None
    domain: Domain | None
    domain_known: bool
    language: str
    out_of_scope: bool | None
    part: str


def labelled_rows(path: Path, by: str = "") -> list[LabelledRow]:
    """The rows of a table (.parquet, .csv, .jsonl). Raises TableInvalid naming the row and the column."""
    rows = list(_rows(path))
    if not rows:
        raise TableInvalid(f"{path}: has no rows")
    text = next((name for name in TEXTS if name in rows[0]), None)
    if text is None:
        raise TableInvalid(f"{path}: has none of the columns {', '.join(TEXTS)}; it has {', '.join(rows[0])}")
    if by and by not in rows[0]:
        raise TableInvalid(f"{path}: has no column `{by}` to tell figures apart by; it has {', '.join(rows[0])}")
    found = [_row(path, number, row, text, by) for number, row in enumerate(rows, start=1)]
    if not any(row.task_type or row.complexity or row.language or row.out_of_scope is not None for row in found):
        told = "task_type, complexity, language, intent and out_of_scope"
        raise TableInvalid(f"{path}: nothing is labelled; the columns {told} are empty or not there")
    return found


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    if path.suffix not in SUFFIXES:
        raise TableInvalid(f"{path}: not one of {', '.join(SUFFIXES)}")
    try:
        if path.suffix == ".parquet":
            yield from _parquet(path)
        elif path.suffix == ".csv":
            with path.open(encoding="utf-8", newline="") as file:
                yield from csv.DictReader(file)
        else:
            for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1):
                yield _json(path, number, line)
    except (OSError, UnicodeDecodeError) as error:
        raise TableInvalid(f"{path}: cannot be read: {error}") from error


def _parquet(path: Path) -> Iterator[dict[str, Any]]:
    try:
        from pyarrow import ArrowInvalid, parquet
    except ImportError:
        raise TableInvalid(f"{path}: reading Parquet needs pyarrow; install turnout[parquet]") from None
    try:
        names = [name for name in parquet.read_schema(path).names if "|" not in name]
        rows: list[dict[str, Any]] = parquet.read_table(path, columns=names).to_pylist()
    except ArrowInvalid as error:
        raise TableInvalid(f"{path}: is no Parquet file: {error}") from error
    yield from rows


def _json(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise TableInvalid(f"{path}, row {number}: is no JSON: {error}") from error
    if not isinstance(row, dict):
        raise TableInvalid(f"{path}, row {number}: is not an object with columns")
    return row


def _row(path: Path, number: int, row: Mapping[str, Any], text: str, by: str) -> LabelledRow:
    where = f"{path}, row {number}"
    intent = str(row.get("intent") or "")
    # Where there are intents, `domain` is what they are about, such as banking: no high-stakes domain of ours.
    told_domain = UNKNOWN if "intent" in row or "domain" not in row else str(row["domain"] or "")
    return LabelledRow(
        conversation=_conversation(where, text, row.get(text)),
        task_type=_word(where, "task_type", TaskType, str(row.get("task_type") or "")),
        also=frozenset(
            word for one in str(row.get("also") or "").split() if (word := _word(where, "also", TaskType, one))
        ),
        complexity=_word(where, "complexity", Complexity, str(row.get("complexity") or "")),
        domain=None if told_domain == UNKNOWN else _word(where, "domain", Domain, told_domain),
        domain_known=told_domain != UNKNOWN,
        language=str(row.get("language") or ""),
        out_of_scope=_out_of_scope(where, row, intent),
        part=str(row[by]) if by else "",
    )


def _out_of_scope(where: str, row: Mapping[str, Any], intent: str) -> bool | None:
    if "out_of_scope" not in row:
        return intent in OUT_OF_SCOPE if "intent" in row else None
    told = str(row["out_of_scope"]).lower()
    if told not in {"true", "false", "1", "0"}:
        raise TableInvalid(f"{where}: out_of_scope: `{told[:40]}` is neither true nor false")
    return told in {"true", "1"}


def _word(where: str, column: str, kind: type[Word], told: str) -> Word | None:
    if told.lower() in NONE:
        return None
    try:
        return kind(told.lower())
    except ValueError:
        raise TableInvalid(f"{where}: {column}: `{told[:40]}` is none of {', '.join(kind)}") from None


def _conversation(where: str, column: str, told: object) -> Conversation:
    if column != "messages":
        if not isinstance(told, str):
            raise TableInvalid(f"{where}: {column}: is not text")
        return Conversation(utterances=(Utterance(speaker=Speaker.USER, text=told),))
    try:
        messages = json.loads(told) if isinstance(told, str) else told
        said = [Utterance(speaker=Speaker(one["role"]), text=str(one["content"])) for one in messages]  # type: ignore[union-attr]
    except (TypeError, KeyError, ValueError) as error:
        raise TableInvalid(f"{where}: messages: not a list of objects with `role` and `content`") from error
    return Conversation(utterances=tuple(said))
