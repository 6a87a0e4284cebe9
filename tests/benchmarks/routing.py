"""How well requests are routed on public tables: `python -m tests.benchmarks.routing [--confirm] [--only families] [--seeds 3]`."""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from types import MappingProxyType

import numpy as np

from controlplane.learning.structure import HARD
from tests.benchmarks.labelled import shared
from turnout_cli.evaluation.metrics import apgr, bootstrap, curve
from turnout_cli.evaluation.routing import PER_DOLLAR, TURNOUT, Part, Rows, Settings, Source, part_of, source_of
from turnout_cli.evaluation.splits import essence, folds, groups
from turnout_cli.evaluation.tables import read

KEPT = 64
"""Of 256 questions so many are kept for confirmation: nothing is tried on them, they are looked at once, when all is done."""

FOLDS, LEAST, DRAWS = 5, 40, 100

MIXTRAL = ("mixtral-8x7b-instruct-v0.1", "gpt-4-1106-preview")
FUSION = ("mistral-7b-instruct-v0.3", "llama-3.1-nemotron-51b-instruct")
PAIRS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "routellm_mmlu": MIXTRAL,
        "routellm_gsm8k": MIXTRAL,
        "mmlu_pro": ("Meta-Llama-3_1-8B-Instruct", "gpt-4o-2024-05-13"),
        "zeroeval": ("Meta-Llama-3-8B-Instruct", "gpt-4o-2024-05-13"),
        "llmrouter_fusion": FUSION,
    }
)
"""The weak and the strong model of each table."""

SAME: Mapping[str, str] = MappingProxyType({"gsm": "gsm8k", "agentverse-mgsm": "gsm8k", "math-l5": "math"})
"""Parts of tables that are of one benchmark by other names: none is learned from where another is held out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of the table: areas under the curve of a router, by its name; `low` and `high` are about turnout's."""

    name: str
    prompts: int
    areas: Mapping[str, float]
    low: float
    high: float


def confirmation(prompt: str) -> bool:
    """Whether a question is kept for confirmation: by the first byte of SHA-256 of its words without its options."""
    return sha256(" ".join(essence(prompt)).encode()).digest()[0] < KEPT


def benchmarks(name: str, source: Source) -> list[str]:
    """The benchmark that each prompt of a table is of."""
    if name in {"routellm_mmlu", "routellm_gsm8k", "mmlu_pro"}:
        return [name.removeprefix("routellm_")] * len(source.table)
    return [SAME.get(part, part) for part in source.table.labels["dataset"]]


def within(sources: Mapping[str, Source], seeds: int) -> Iterator[Line]:
    """Each table's own questions, fifth by fifth, learned from the rest of that table alone."""
    for name, source in sources.items():
        lines = []
        for seed in range(seeds):
            fold = folds(groups(source.table.prompts), FOLDS, seed)
            for number in range(FOLDS):
                kept = source.take(np.flatnonzero(fold != number))
                lines += _line(name, name, [kept], source.take(np.flatnonzero(fold == number)), seed)
        yield _mean(name, lines)


def families(sources: Mapping[str, Source], tested: Mapping[str, Source], seeds: int) -> Iterator[Line]:
    """Each benchmark, and each table of several, learned from everything that is not of it."""
    of = {name: np.array(benchmarks(name, source)) for name, source in sources.items()}
    asked = {name: np.array(benchmarks(name, source)) for name, source in tested.items()}
    for name, source in tested.items():
        mixed = [set(of[name])] if len(set(of[name])) > 1 else []
        for held in [*mixed, *({one} for one in sorted(set(of[name])))]:
            kept = [one.take(_rows(~np.isin(of[table], list(held)))) for table, one in sources.items()]
            mine = source.take(_rows(np.isin(asked[name], list(held))))
            title = name if held in mixed else f"{name} {min(held)}"
            lines = [
                line
                for seed in range(seeds)
                for line in _line(title, name, [one for one in kept if len(one.table)], mine, seed)
            ]
            if lines:
                yield _mean(title, lines)


def categories(sources: Mapping[str, Source], tested: Mapping[str, Source], seeds: int) -> Iterator[Line]:
    """Each category of MMLU-Pro, learned from the others."""
    of, asked = (np.array(one["mmlu_pro"].table.labels["category"]) for one in (sources, tested))
    for held in sorted(set(asked.tolist())):
        kept, mine = sources["mmlu_pro"].take(_rows(of != held)), tested["mmlu_pro"].take(_rows(asked == held))
        lines = [line for seed in range(seeds) for line in _line(held, "mmlu_pro", [kept], mine, seed)]
        if lines:
            yield _mean(held, lines)


def _rows(chosen: Sequence[bool] | np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Rows:
    return np.flatnonzero(np.asarray(chosen))


def _line(title: str, name: str, kept: Sequence[Source], test: Source, seed: int) -> list[Line]:
    scores = np.stack([test.table.scores[model] for model in PAIRS[name]])
    test = test.take(np.flatnonzero(~np.isnan(scores).any(axis=0)))
    if len(test.table) < LEAST:
        return []
    settings = Settings(train=(), test=shared() / f"{name}.parquet", models=PAIRS[name], seed=seed, draws=DRAWS)
    part = part_of(title, kept, test, settings, PAIRS[name], lambda _what, _share: None)
    return [] if part is None else [_told(part, test)]


def _told(part: Part, test: Source) -> Line:
    kinds = np.array([float(HARD[read.classification.task_type]) for read in test.reads])
    areas = {who.partition(" (")[0]: found["apgr"].value for who, found in part.routers.items()}
    areas["task type only"] = apgr(curve(kinds, part.pair))
    for who, measure in (("cpt50", "cpt50"), ("cpt80", "cpt80"), ("cost", "cost_apgr")):
        areas[who] = part.routers[TURNOUT][measure].value
    areas["cost per dollar"] = part.routers[PER_DOLLAR]["cost_apgr"].value
    found = bootstrap(part.scores[TURNOUT], part.pair, DRAWS, 1)["apgr"]
    return Line(name=part.name, prompts=part.prompts, areas=areas, low=found.low, high=found.high)


def _mean(name: str, lines: Sequence[Line]) -> Line:
    """The mean of lines; parts of one table are independent, so the interval shrinks with their number."""
    names = [who for who in lines[0].areas if all(who in line.areas for line in lines)]
    areas = {who: float(np.mean([line.areas[who] for line in lines])) for who in names}
    parts = min(len(lines), FOLDS) if len(lines) > 1 else 1
    reach = float(np.mean([(line.high - line.low) / 2 for line in lines])) / parts**0.5
    return Line(
        name=name,
        prompts=sum(line.prompts for line in lines),
        areas=areas,
        low=areas[TURNOUT] - reach,
        high=areas[TURNOUT] + reach,
    )


COLUMNS = (
    TURNOUT,
    "label only",
    "length only",
    "task type only",
    "oracle",
    "cpt50",
    "cpt80",
    "cost",
    "cost per dollar",
)


def told(line: Line) -> str:
    """A line of a Markdown table."""
    cells = [f"{line.areas[who]:.3f}" if who in line.areas else "" for who in COLUMNS]
    cells[0] += f" ({line.low:.3f}–{line.high:.3f})"
    return " | ".join([f"| {line.name}", str(line.prompts), *cells]) + " |"


def _spread(rows: Rows, most: int) -> Rows:
    """At most `most` of `rows`, spread over them."""
    return rows[:: max(1, -(-len(rows) // most))]


def _parts(asked: Namespace) -> tuple[dict[str, Source], dict[str, Source]]:
    """What is learned from and what is tested: the same rows in development, those kept back for confirmation."""
    learned: dict[str, Source] = {}
    tested: dict[str, Source] = {}
    for name in PAIRS:
        whole = read(shared() / f"{name}.parquet")
        kept = np.array([confirmation(prompt) for prompt in whole.prompts])
        learned[name] = source_of(whole.take(_spread(np.flatnonzero(~kept), asked.most)), lambda _what, _share: None)
        tested[name] = learned[name]
        if asked.confirm:
            tested[name] = source_of(whole.take(np.flatnonzero(kept)), lambda _what, _share: None)
    return learned, tested


def confirmed(learned: Mapping[str, Source], tested: Mapping[str, Source], seeds: int) -> Iterator[Line]:
    """Each table's kept questions, learned from all others of that table."""
    for name, source in tested.items():
        yield _mean(name, [line for seed in range(seeds) for line in _line(name, name, [learned[name]], source, seed)])


def main(arguments: Sequence[str]) -> int:
    """Print the tables that are asked for."""
    parser = ArgumentParser(prog="python -m tests.benchmarks.routing")
    parser.add_argument("--confirm", action="store_true", help="test on the questions that were kept back")
    parser.add_argument("--only", choices=("within", "families", "categories"))
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--most", type=int, default=100_000, help="prompts of a table that are used at most")
    asked = parser.parse_args(arguments)
    if not (shared() / "routellm_mmlu.parquet").exists():
        sys.stderr.write(f"{shared()} has no tables: name a folder that has data/routing in TURNOUT_SHARED\n")
        return 2
    learned, tested = _parts(asked)
    made: Mapping[str, Callable[[], Iterator[Line]]] = {
        "within": lambda: confirmed(learned, tested, asked.seeds) if asked.confirm else within(learned, asked.seeds),
        "families": lambda: families(learned, tested, asked.seeds),
        "categories": lambda: categories(learned, tested, asked.seeds),
    }
    for title, lines in made.items():
        if asked.only in (None, title):
            print(f"\n| {title} | prompts | {' | '.join(COLUMNS)} |\n| --- {'| ---: ' * (len(COLUMNS) + 1)}|")
            for line in lines():
                print(told(line), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
