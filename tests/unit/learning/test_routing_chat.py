"""What is expected of chat, on prompts written for this: hard kinds before easy ones, and paraphrases alike."""

import csv
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from controlplane.learning.structure import hardness
from turnout_cli.evaluation.reading import Read, read_prompts

DATA = Path(__file__).parent / "data"

HARD, EASY = ("math", "reasoning", "coding"), ("writing", "roleplay", "humanities", "stem")
"""Where GPT-4 gains most and least over small models on MT-Bench (arXiv 2306.05685, figure 6 and table 6)."""


def rows(name: str) -> list[list[str]]:
    with (DATA / name).open(encoding="utf-8") as file:
        return list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def read(prompts: Sequence[str]) -> list[Read]:
    return read_prompts(prompts, lambda _what, _share: None)


def hard(found: Read) -> int:
    return hardness(found.features, found.classification)


@pytest.fixture(scope="module")
def kinds() -> dict[str, list[int]]:
    told = rows("chat.tsv")
    found: dict[str, list[int]] = defaultdict(list)
    for turn in (1, 2):
        texts = read([row[1] if turn == 1 else f"{row[1]}\n\n{row[2]}" for row in told])
        for row, each in zip(told, texts, strict=True):
            found[row[0]].append(hard(each))
    return found


def test_maths_reasoning_and_code_are_harder_than_writing_roleplay_and_questions_of_knowledge(
    kinds: dict[str, list[int]],
) -> None:
    means = {kind: float(np.mean(found)) for kind, found in kinds.items()}
    assert min(means[kind] for kind in HARD) > max(means[kind] for kind in EASY), means


def test_a_prompt_of_a_hard_kind_is_mostly_sent_to_the_better_model_before_one_of_an_easy_kind(
    kinds: dict[str, list[int]],
) -> None:
    first = np.concatenate([kinds[kind] for kind in HARD])[:, None]
    later = np.concatenate([kinds[kind] for kind in EASY])[None, :]
    assert float(((first > later) + 0.5 * (first == later)).mean()) > 0.8


def test_paraphrases_are_on_the_same_side_of_a_bar_in_nineteen_of_twenty_pairs() -> None:
    """Fifty pairs, in the mean over bars between all heights that occur; no bar parts more than one pair in ten."""
    told = rows("paraphrases.tsv")
    one, other = (np.array([hard(each) for each in read([row[side] for row in told])]) for side in (0, 1))
    bars = np.unique(np.concatenate([one, other]))[:-1]
    same = [float(((one > bar) == (other > bar)).mean()) for bar in bars]
    assert float(np.mean(same)) >= 0.95
    assert min(same) >= 0.9
