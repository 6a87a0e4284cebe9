"""Results on prompts of two kinds: at sums the small model mostly fails, greetings it does as well as the large one."""

import json
from pathlib import Path

import numpy as np

WORDS = (
    "apple", "river", "stone", "cloud", "tiger", "lamp", "barn", "candle", "desert", "engine", "forest", "garden",
    "harbour", "island", "jungle", "kettle", "ladder", "meadow", "needle", "ocean", "palace", "quarry", "ribbon",
    "saddle", "temple", "umbrella", "valley", "window", "yard", "zebra", "anchor", "bridge", "copper", "drum",
    "eagle", "flute",
)  # fmt: skip


def sums(words: str) -> str:
    """A prompt that the small model fails."""
    return f"Calculate the integral of the squared {words} step by step"


def greeting(words: str) -> str:
    """A prompt that it does not."""
    return f"Say hello to my friend {words} please"


def exams(path: Path, count: int, seed: int) -> Path:
    """A table of so many prompts, half of each kind."""
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(count):
        hard = number % 2 == 0
        words = " ".join(rng.choice(WORDS, 7).tolist())
        large = int(rng.random() < 0.95)
        small = int(rng.random() < 0.2) if hard else large
        prompt = sums(words) if hard else greeting(words)
        rows.append({"prompt": prompt, "score|small": small, "score|large": large})
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return path
