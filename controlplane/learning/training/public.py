"""Reads public sets of prompts, labelled by the tables beside them; their texts are not part of this project."""

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from controlplane.catalog.model import Complexity, Domain, TaskType
from controlplane.learning.training.example import Example, Split, single

LABELS = Path(__file__).parent / "labels"
TEMPLATES_SET = "task_templates"

_PART: Mapping[str, str] = {
    "routellm_mmlu": "domain",
    "mmlu_pro": "category",
    "routellm_gsm8k": "dataset",
    "zeroeval": "dataset",
    "llmrouter_fusion": "dataset",
    "clinc150": "intent",
    TEMPLATES_SET: "template",
}
"""The column that says which part of its set a prompt belongs to."""

_TEXT: Mapping[str, str] = {"clinc150": "text"}
"""The column of the text, where it is not `prompt`."""


def public(data: Path, *, each: int) -> Iterator[Example]:
    """At most `each` prompts of every part of every set in `data`, spread evenly over it. Raises OSError if one is missing."""
    for name in _PART:
        parts: dict[str, list[str]] = {}
        for row in _rows(data / f"{name}.parquet", _PART[name], _TEXT.get(name, "prompt")):
            parts.setdefault(row[_PART[name]], []).append(row[_TEXT.get(name, "prompt")])
        labels = _labels(name)
        for part, texts in parts.items():
            label = labels[part]
            if label["split"] != Split.SKIP:
                step = max(1, -(-len(texts) // each))
                for text in texts[::step]:
                    yield _example(name, part, label, text)


def _labels(name: str) -> dict[str, dict[str, str]]:
    """The row of each part of the set `name`."""
    if name == TEMPLATES_SET:
        return {row["template"]: row for row in table("templates.tsv")}
    return {row["part"]: row for row in table("sets.tsv") if row["set"] == name}


def table(name: str) -> list[dict[str, str]]:
    """The rows of a table of labels."""
    with (LABELS / name).open(encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def _example(name: str, part: str, label: Mapping[str, str], text: str) -> Example:
    domain = label.get("domain", "")
    return Example(
        source=name,
        family=f"{name}/{label.get('family', part)}",
        split=Split(label["split"]),
        conversation=single(text),
        task_type=TaskType(label["task_type"]),
        also=frozenset(map(TaskType, label["also"].split())),
        complexity=Complexity(label["complexity"]) if label["complexity"] else None,
        domain=Domain(domain) if domain not in {"", "-"} else None,
        domain_known=bool(domain),
    )


def _rows(path: Path, *columns: str) -> Iterator[dict[str, Any]]:
    from pyarrow import parquet

    rows: list[dict[str, Any]] = parquet.read_table(path, columns=list(columns)).to_pylist()
    return iter(rows)
