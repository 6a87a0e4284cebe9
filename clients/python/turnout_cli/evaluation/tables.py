"""Reads tables of prompts with the scores, costs and lengths of answers of models."""

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Column = NDArray[np.float64]

SUFFIXES = (".parquet", ".csv", ".jsonl", ".ndjson")


class TableInvalid(ValueError):
    """A table cannot be used; says which, why, and the way out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Prompts with what is known of each. Figures are by model; NaN where a model has none.

    `labels` are the columns of text beside the prompt, such as `dataset` and `category`.
    """

    source: str
    prompts: tuple[str, ...]
    labels: Mapping[str, tuple[str, ...]]
    scores: Mapping[str, Column]
    costs: Mapping[str, Column]
    lengths: Mapping[str, Column]

    def __len__(self) -> int:
        return len(self.prompts)

    @property
    def models(self) -> tuple[str, ...]:
        """Those that have a score for some prompt, in the order of the file."""
        return tuple(name for name, column in self.scores.items() if not np.isnan(column).all())

    def take(self, rows: NDArray[np.int64]) -> "Table":
        """Only these rows, in this order."""
        places = rows.tolist()
        return Table(
            source=self.source,
            prompts=tuple(self.prompts[at] for at in places),
            labels={name: tuple(column[at] for at in places) for name, column in self.labels.items()},
            scores={name: column[rows] for name, column in self.scores.items()},
            costs={name: column[rows] for name, column in self.costs.items()},
            lengths={name: column[rows] for name, column in self.lengths.items()},
        )


def read(path: Path) -> Table:
    """The table in a Parquet, CSV or JSON-lines file. Raises TableInvalid."""
    if path.suffix not in SUFFIXES:
        raise TableInvalid(f"{path}: a table is a file that ends in {', '.join(SUFFIXES)}")
    if not path.is_file():
        raise TableInvalid(f"{path}: no such file")
    readers = {".parquet": _parquet, ".csv": _csv}
    return table(readers.get(path.suffix, _jsonl)(path), str(path))


def table(columns: Mapping[str, Sequence[object]], source: str) -> Table:
    """A table of named columns. Raises TableInvalid if there is no `prompt`, no `score|MODEL`, no row, or a figure is none."""
    if "prompt" not in columns:
        raise TableInvalid(f"{source}: has no column `prompt`; it has {_some(columns)}")
    prompts = tuple("" if text is None else str(text) for text in columns["prompt"])
    if not prompts:
        raise TableInvalid(f"{source}: has no rows")
    scores = _figures(columns, "score", source)
    if not scores:
        raise TableInvalid(f"{source}: has no column `score|MODEL`; it has {_some(columns)}")
    return Table(
        source=source,
        prompts=prompts,
        labels={
            name: tuple("" if value is None else str(value) for value in values)
            for name, values in columns.items()
            if name != "prompt" and "|" not in name
        },
        scores=scores,
        costs=_figures(columns, "cost_usd", source),
        lengths=_figures(columns, "out_tokens", source),
    )


def _figures(columns: Mapping[str, Sequence[object]], kind: str, source: str) -> dict[str, Column]:
    return {
        name.removeprefix(f"{kind}|"): _column(values, name, source)
        for name, values in columns.items()
        if name.startswith(f"{kind}|")
    }


def _column(values: Sequence[object], name: str, source: str) -> Column:
    found = np.empty(len(values))
    for at, value in enumerate(values):
        try:
            found[at] = np.nan if value is None or value == "" else float(str(value))
        except ValueError:
            raise TableInvalid(f"{source}: row {at + 1}, column `{name}`: {value!r:.40} is not a number") from None
    if kind_bounds(name) and ((found < 0) | (found > 1)).any():
        at = int(np.flatnonzero((found < 0) | (found > 1))[0])
        raise TableInvalid(f"{source}: row {at + 1}, column `{name}`: a score is from 0 to 1, this is {found[at]:g}")
    if (found < 0).any() or np.isinf(found).any():
        raise TableInvalid(f"{source}: column `{name}` has a negative or infinite figure")
    return found


def kind_bounds(name: str) -> bool:
    """Whether the figures of a column are shares."""
    return name.startswith("score|")


def _some(names: Iterable[str]) -> str:
    shown = list(names)
    return ", ".join(shown[:12]) + (f" and {len(shown) - 12} more" if len(shown) > 12 else "")


def _parquet(path: Path) -> dict[str, list[object]]:
    try:
        from pyarrow import ArrowException, parquet
    except ImportError as error:
        raise TableInvalid(f"{path}: reading Parquet needs pyarrow; install turnout[parquet]") from error
    try:
        found: dict[str, list[object]] = parquet.ParquetFile(path).read().to_pydict()
    except (ArrowException, OSError) as error:
        raise TableInvalid(f"{path}: not a Parquet file ({error})") from error
    return found


def _csv(path: Path) -> dict[str, list[object]]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            rows: list[dict[str, object]] = [dict(row) for row in reader]
            names = list(reader.fieldnames or ())
    except (csv.Error, UnicodeDecodeError) as error:
        raise TableInvalid(f"{path}: not CSV in UTF-8 ({error})") from error
    return {name: [row.get(name) for row in rows] for name in names}


def _jsonl(path: Path) -> dict[str, list[object]]:
    rows: list[dict[str, object]] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise TableInvalid(f"{path}: line {number} is not JSON ({error})") from error
        if not isinstance(row, dict):
            raise TableInvalid(f"{path}: line {number} is not a JSON object")
        rows.append(row)
    names = list(dict.fromkeys(name for row in rows for name in row))
    return {name: [row.get(name) for row in rows] for name in names}
