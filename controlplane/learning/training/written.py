"""Reads the prompts that were written for this project."""

import json
from collections.abc import Iterator
from pathlib import Path

from controlplane.catalog.model import Complexity, Domain, TaskType
from controlplane.learning.training.example import Example, Split
from turnout_features import Conversation, Speaker, Utterance

PROMPTS = Path(__file__).parent / "prompts"
DEMO = Path(__file__).parents[3] / "clients" / "python" / "turnout_cli" / "data" / "demo_prompts.jsonl"

_COMPLEXITIES = {str(complexity)[0]: complexity for complexity in (Complexity.SIMPLE, Complexity.MODERATE)} | {
    "c": Complexity.COMPLEX,
    "e": Complexity.EXPERT,
}
_SYSTEM = "SYSTEM:"


def written(folder: Path = PROMPTS) -> Iterator[Example]:
    """Every prompt, family by family; `folder` has the format that its README tells. Raises ValueError naming file and line."""
    for path in sorted(folder.glob("*.txt")):
        family, split, task, language = "", Split.TRAIN, TaskType.CHAT, ""
        for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1):
            try:
                if line.startswith("## "):
                    told, code, name, which = line[3:].split(" | ")
                    task, split = TaskType(told), Split(which)
                    family, language = f"{told}/{code} {name}", code if len(code) == 2 else ""
                elif line:
                    yield _example(line, task, family, split, language)
            except (KeyError, ValueError) as error:
                raise ValueError(f"{path.name}, line {number}: {error}") from error


def demo(path: Path = DEMO) -> Iterator[Example]:
    """The demonstration's prompts; those that the rules were tuned on are for training. Raises OSError."""
    for line in path.read_text("utf-8").splitlines():
        row = json.loads(line)
        said = [Utterance(speaker=Speaker(each["role"]), text=each["content"]) for each in row["messages"]]
        yield Example(
            source="demo",
            family=f"demo/{row['split']}",
            split=Split.TRAIN if row["split"] == "tune" else Split.HELD_OUT,
            conversation=Conversation(utterances=tuple(said)),
            task_type=TaskType(row["task_type"]),
            complexity=Complexity(row["complexity"]),
            domain=Domain(row["domain"]) if "domain" in row else None,
            language=row["language"],
        )


def _example(line: str, task: TaskType, family: str, split: Split, language: str) -> Example:
    head, _, text = line.partition(" > ")
    marks = head.split()
    domains = [mark[1:] for mark in marks if mark.startswith("+")]
    codes = [mark[1:] for mark in marks if mark.startswith("@")]
    return Example(
        source="written",
        family=family,
        split=split,
        conversation=talk(text.replace("\\n", "\n")),
        task_type=task,
        complexity=_COMPLEXITIES[marks[0]],
        domain=Domain(domains[0]) if domains else None,
        language=codes[0] if codes else language,
    )


def talk(text: str) -> Conversation:
    """Messages parted by ` || `: a system prompt if the first says so, then user and assistant in turn."""
    parts = text.split(" || ")
    said = []
    if parts[0].startswith(_SYSTEM):
        said.append(Utterance(speaker=Speaker.SYSTEM, text=parts.pop(0).removeprefix(_SYSTEM).strip()))
    for number, part in enumerate(parts):
        said.append(Utterance(speaker=Speaker.ASSISTANT if number % 2 else Speaker.USER, text=part))
    return Conversation(utterances=tuple(said))
