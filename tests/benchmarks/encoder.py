"""What embedding a text costs: `python -m tests.benchmarks.encoder`."""

import random
import time
import timeit
from collections.abc import Callable, Sequence
from functools import partial

from controlplane.learning.training.written import demo, written
from tests.benchmarks.planes import Row, Table
from turnout_embedding import Encoder, load

PROMPT = (
    "Please write a Python function that reads a CSV file with customer orders, groups the rows by country and month, and "
    "returns the total revenue as well as the average basket for each of the groups. Orders without a country belong to a group "
    "of their own. The file may have a million rows, so do not keep all of them in memory; tell me what you assume about the "
    "format of dates, and show how I would call the function for a file that has been compressed. Thank you, I need it today."
)[:500]
REPEATS = 9


def microseconds(function: Callable[[], object], number: int) -> float:
    """CPU time of a call: the best of several means, for the machine has other work."""
    return min(timeit.repeat(function, timer=time.process_time, number=number, repeat=REPEATS)) / number * 1e6


def long_text(characters: int) -> str:
    """Made-up prose of some two thousand different words, the frequent ones often."""
    draw = random.Random(0)  # noqa: S311 - the same text in every run
    known = ["".join(draw.choices("abcdefghijklmnoprstuvwy", k=draw.randint(2, 9))) for _ in range(2_000)]
    return " ".join(known[int(len(known) * draw.random() ** 3)] for _ in range(characters))[:characters]


def cold(text: str) -> float:
    """Microseconds for a text whose words were never seen."""
    encoders = [load() for _ in range(REPEATS)]
    return min(microseconds_once(partial(encode, text)) for encode in encoders)


def microseconds_once(function: Callable[[], object]) -> float:
    """CPU time of one call."""
    began = time.process_time()
    function()
    return (time.process_time() - began) * 1e6


def run() -> Table:
    """Loading, and texts of several lengths with their words cached and not."""
    encode = load()
    rows: list[Row] = [("load, ms", f"{microseconds(load, 1) / 1e3:.0f}", "")]
    for name, text in (("500 characters", PROMPT), ("20 kB", long_text(20_000)), ("1 MB", long_text(1_000_000))):
        warm = microseconds(partial(encode, text), 50)
        rows.append((f"{name}, µs", f"{warm:.0f}", f"{cold(text):.0f}"))
    rows.append(("one written prompt after another, µs", *(f"{took:.0f}" for took in in_turns())))
    return ("Encoder", "words cached", "no word cached"), rows


def in_turns() -> tuple[float, float]:
    """Microseconds for a prompt of many kinds and languages: when all were seen before, and when none was and words come again."""
    texts = [example.conversation.utterances[-1].text for example in (*written(), *demo())]
    warm, first = load(), [load() for _ in range(3)]
    passes = [partial(_one_by_one, encode, texts) for encode in (warm, *first)]
    passes[0]()
    took = microseconds(passes[0], 1)
    return took / len(texts), min(microseconds_once(one) for one in passes[1:]) / len(texts)


def _one_by_one(encode: Encoder, texts: Sequence[str]) -> None:
    for text in texts:
        encode(text)


if __name__ == "__main__":
    header, found = run()
    for cells in (header, *found):
        print("".join(cell.ljust(40) for cell in cells))
