"""A measurement of classification, for people and as JSON."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table

from controlplane.catalog.model import Complexity, TaskType
from turnout_cli.evaluation.classify import Figures, Report

_COLUMNS: Mapping[str, str] = {
    "prompts": "prompts",
    "task_type": "task type",
    "task_type_or_as_right": "or as right",
    "task_type_f1": "F1",
    "complexity": "complexity",
    "complexity_within_one": "within one",
    "complexity_f1": "F1",
    "domain": "domain",
    "domain_f1": "F1",
    "language": "language",
    "calibration_error": "ECE",
    "out_of_scope_auc": "oos AUC",
}


def report_json(report: Report) -> dict[str, Any]:
    """All figures; null where nothing is labelled."""
    plain: dict[str, Any] = _without_nan(asdict(report))
    return plain


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nan(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def show(report: Report, console: Console) -> None:
    """Tables of figures, of the calibration, and of what was taken for what."""
    console.print(f"{report.source}, classified by {', '.join(report.classifiers)}", highlight=False)
    console.print(_figures([*report.parts, report.whole]))
    if report.calibration:
        console.print(_calibration(report))
    for title, words, counts in (
        ("task type", list(TaskType), report.task_types),
        ("complexity", list(Complexity), report.complexities),
    ):
        if counts:
            console.print(_confusion(title, [str(word) for word in words], counts))


def _figures(parts: Sequence[Figures]) -> Table:
    shown = [name for name in _COLUMNS if not all(math.isnan(getattr(part, name)) for part in parts)]
    table = Table(box=None, pad_edge=False)
    table.add_column("")
    for name in shown:
        table.add_column(_COLUMNS[name], justify="right")
    for part in parts:
        table.add_row(part.part, *(_number(getattr(part, name)) for name in shown))
    return table


def _number(value: float) -> str:
    return str(value) if isinstance(value, int) else "" if math.isnan(value) else f"{value:.3f}"


def _calibration(report: Report) -> Table:
    table = Table(title="confidence", title_justify="left", box=None, pad_edge=False)
    for name in ("mean confidence", "right", "prompts"):
        table.add_column(name, justify="right")
    for one in report.calibration:
        table.add_row(f"{one.confidence:.3f}", f"{one.right:.3f}", str(one.count))
    return table


def _confusion(title: str, words: Sequence[str], counts: Mapping[str, Mapping[str, int]]) -> Table:
    table = Table(title=f"{title}: labels down, answers across", title_justify="left", box=None, pad_edge=False)
    table.add_column("")
    for word in words:
        table.add_column(word[:9], justify="right")
    for label in words:
        if label in counts:
            table.add_row(label, *(str(counts[label].get(word, "")) or "." for word in words))
    return table
