"""Labelled prompts to judge classification by: the demo's own, and public ones that this repository does not carry."""

import csv
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as parquet

from controlplane.catalog.model import Complexity, Domain, TaskType
from turnout_features import Conversation, Speaker, Utterance

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "clients" / "python" / "turnout_cli" / "data" / "demo_prompts.jsonl"
TEMPLATES = ROOT / "controlplane" / "learning" / "training" / "labels" / "templates.tsv"
REASONING_SUBJECTS = frozenset({"math", "physics", "chemistry", "engineering", "computer science"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """A prompt and what it is. `also`: task types that are right as well. None where nobody labelled it."""

    name: str
    conversation: Conversation
    task_type: TaskType
    also: frozenset[TaskType] = frozenset()
    complexity: Complexity | None = None
    domain: Domain | None = None
    language: str = ""


def shared() -> Path:
    """Where public data lies, if it is there."""
    return Path(os.environ.get("TURNOUT_SHARED") or ROOT.parent / "shared") / "data" / "routing"


def single(text: str) -> Conversation:
    """A conversation of one user message."""
    return Conversation(utterances=(Utterance(speaker=Speaker.USER, text=text),))


def demo(split: str) -> Iterator[Labelled]:
    """The demo's prompts of one split: `tune` or `held_out`."""
    for line in DEMO.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if row["split"] == split:
            said = [Utterance(speaker=Speaker(each["role"]), text=each["content"]) for each in row["messages"]]
            yield Labelled(
                name=row["id"],
                conversation=Conversation(utterances=tuple(said)),
                task_type=TaskType(row["task_type"]),
                complexity=Complexity(row["complexity"]),
                domain=Domain(row["domain"]) if "domain" in row else None,
                language=row["language"],
            )


def templates(split: str, each: int = 25) -> Iterator[Labelled]:
    """Prompts of the task templates whose family is of one split, at most `each` of a template."""
    with TEMPLATES.open(encoding="utf-8") as file:
        labels = {row["template"]: row for row in csv.DictReader(file, delimiter="\t") if row["split"] == split}
    seen: dict[str, int] = {}
    for row in _rows("task_templates.parquet", "template", "prompt"):
        label = labels.get(row["template"])
        seen[row["template"]] = seen.get(row["template"], 0) + 1
        if label and seen[row["template"]] <= each:
            yield Labelled(
                name=row["template"],
                conversation=single(row["prompt"]),
                task_type=TaskType(label["task_type"]),
                also=frozenset(map(TaskType, label["also"].split())),
                complexity=Complexity(label["complexity"]),
            )


def mmlu_pro(step: int) -> Iterator[Labelled]:
    """Every `step`-th multiple-choice question: reasoning where the subject calculates, else answering a question."""
    for row in list(_rows("mmlu_pro.parquet", "category", "prompt"))[::step]:
        thinks = row["category"] in REASONING_SUBJECTS
        yield Labelled(
            name=f"mmlu_pro {row['category']}",
            conversation=single(row["prompt"]),
            task_type=TaskType.REASONING if thinks else TaskType.QA,
            also=frozenset({TaskType.QA, TaskType.REASONING}),
        )


def gsm8k(step: int) -> Iterator[Labelled]:
    """Every `step`-th word problem of primary school."""
    for row in list(_rows("routellm_gsm8k.parquet", "prompt"))[::step]:
        yield Labelled(
            name="gsm8k",
            conversation=single(row["prompt"]),
            task_type=TaskType.REASONING,
            complexity=Complexity.MODERATE,
        )


def clinc150(step: int) -> Iterator[Labelled]:
    """Every `step`-th thing that people say to an assistant."""
    for row in list(_rows("clinc150.parquet", "text", "intent"))[::step]:
        yield Labelled(
            name=f"clinc150 {row['intent']}",
            conversation=single(row["text"]),
            task_type=TaskType.TRANSLATION if row["intent"] == "translate" else TaskType.CHAT,
            also=frozenset({TaskType.QA}),
            complexity=Complexity.SIMPLE,
        )


def _rows(file: str, *columns: str) -> Iterator[dict[str, Any]]:
    rows: list[dict[str, Any]] = parquet.read_table(shared() / file, columns=list(columns)).to_pylist()
    return iter(rows)
