"""How well lengths of answers are expected: `python -m tests.benchmarks.lengths`; the tables of ../shared/data must be there."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from controlplane.catalog.model import Complexity, TaskType
from controlplane.learning.lengths import WHOLE, learned_length, learned_measure, measure, usual_output
from controlplane.learning.model import Length
from controlplane.learning.quality import outlook
from controlplane.learning.training import quality
from controlplane.learning.training.lengths import PERCENTILES, lengths
from controlplane.learning.training.lesson import Lesson
from tests.benchmarks.labelled import shared
from turnout_cli.evaluation.reading import Read, read_prompts
from turnout_cli.evaluation.tables import Table, read
from turnout_cli.evaluation.trial import lesson

TABLES = ("mmlu_pro", "zeroeval", "routellm_gsm8k")
HELD = 5
"""One question in so many is tested on, chosen by a hash of its words."""

Matrix = NDArray[np.float64]
Rows = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What is said of answers (by row): the percentiles, and the mean."""

    percentiles: Matrix
    mean: Matrix


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """All answers: who wrote which (row, column) with how many tokens, and the prompts as they are read."""

    whole: Lesson
    reads: Sequence[Read]

    def answers(self, rows: Rows) -> tuple[NDArray[np.intp], NDArray[np.intp], Matrix]:
        """Rows, columns and tokens of the answers to some prompts."""
        row, column = np.nonzero(~np.isnan(self.whole.lengths) & rows[:, None])
        return row, column, self.whole.lengths[row, column]


def learned(known: Known, train: Rows, test: Rows, *, models: bool = True) -> Said:
    """What a decision expects after learning from some prompts; the table's where nothing was learned."""
    part = _part(known.whole, train)
    found = lengths(part, np.ones(len(part)))
    row, column, _ = known.answers(test)
    said = []
    for at, model in zip(row.tolist(), column.tolist(), strict=True):
        request = known.reads[at]
        task, complexity = request.classification.task_type, request.classification.complexity
        name = known.whole.models[model] if models else ""
        length = found.get(f"{task}|{name}") or found.get(f"{task}|")
        said.append(_numbers(length, task, complexity, request.features.last_user_tokens))
    numbers = np.array(said)
    return Said(percentiles=numbers[:, :3], mean=numbers[:, 3])


def looked_at(known: Known, train: Rows, test: Rows) -> Said:
    """The same by a whole quality model, which looks at what is asked."""
    model = quality.train(_part(known.whole, train))
    row, column, _ = known.answers(test)
    expected = {
        at: outlook(model, known.reads[at].features, known.reads[at].classification) for at in set(row.tolist())
    }
    said = []
    for at, name in zip(row.tolist(), column.tolist(), strict=True):
        request = known.reads[at]
        task, complexity = request.classification.task_type, request.classification.complexity
        tokens = request.features.last_user_tokens
        length = learned_length(model, task, known.whole.models[name])
        times = learned_measure(model, expected[at].longer, task, complexity, tokens) / measure(
            task, complexity, tokens
        )
        said.append([each * (times or 1.0) for each in _numbers(length, task, complexity, tokens)])
    numbers = np.array(said)
    return Said(percentiles=numbers[:, :3], mean=numbers[:, 3])


def _numbers(length: Length | None, task: TaskType, complexity: Complexity, tokens: int) -> list[float]:
    if length is None:
        return [usual_output(task, complexity, tokens)] * 4
    unit = measure(task, complexity, tokens) / WHOLE
    return [length.low * unit, length.middle * unit, length.high * unit, length.mean * unit]


def _part(whole: Lesson, rows: Rows) -> Lesson:
    return Lesson(
        encoder=whole.encoder,
        embeddings=whole.embeddings[rows],
        structure=whole.structure[rows],
        forms=whole.forms[rows],
        tables=whole.tables[rows],
        subjects=whole.subjects[rows],
        groups=whole.groups[rows],
        tasks=whole.tasks[rows],
        models=whole.models,
        scores=whole.scores[rows],
        lengths=whole.lengths[rows],
    )


def alike(known: Known, train: Rows, test: Rows) -> Said:
    """One length for all."""
    told, count = known.answers(train)[2], len(known.answers(test)[2])
    return Said(percentiles=np.tile(np.percentile(told, PERCENTILES), (count, 1)), mean=np.full(count, told.mean()))


def tabled(known: Known, test: Rows) -> Said:
    """The table of priors, which tells no interval."""
    usual = [
        usual_output(each.classification.task_type, each.classification.complexity, each.features.last_user_tokens)
        for each in known.reads
    ]
    told = np.array(usual, dtype=np.float64)[known.answers(test)[0]]
    return Said(percentiles=np.stack([np.full(len(told), np.nan), told, np.full(len(told), np.nan)], axis=1), mean=told)


def show(name: str, said: Said, real: Matrix) -> None:
    """Pinball loss over the percentiles and of the middle alone, answers within the interval, and how far the mean is off."""
    levels = np.array(PERCENTILES) / 100
    off = real[:, None] - said.percentiles
    losses = np.maximum(levels * off, (levels - 1) * off).mean(axis=0)
    inside = ((said.percentiles[:, 0] <= real) & (real <= said.percentiles[:, 2])).mean()
    whole, within = (f"{losses.mean():9.1f}", f"{inside:8.3f}") if not np.isnan(losses).any() else (" " * 9, " " * 8)
    print(f"  {name:24}{whole}{losses[1]:9.1f}{within}{said.mean.sum() / real.sum():8.2f}")


def compare(known: Known, title: str, train: Rows, test: Rows) -> None:
    """All ways, learned from `train` and tested on `test`."""
    real = known.answers(test)[2]
    print(f"{title}: {len(real)} answers")
    show("the table", tabled(known, test), real)
    show("one length for all", alike(known, train, test), real)
    show("kind of work", learned(known, train, test, models=False), real)
    show("kind of work and model", learned(known, train, test), real)
    show("and what is asked", looked_at(known, train, test), real)


def main() -> int:
    """Print every comparison; 1 if the data are not there."""
    paths = [shared() / f"{name}.parquet" for name in TABLES]
    if absent := [path for path in paths if not path.is_file()]:
        print(f"not there: {', '.join(map(str, absent))}", file=sys.stderr)
        return 1
    tables: list[Table] = [read(path) for path in paths]
    reads = [read_prompts(table.prompts, lambda _what, _share: None) for table in tables]
    known = Known(whole=lesson(tables, reads), reads=[each for part in reads for each in part])
    prompts = [prompt for table in tables for prompt in table.prompts]
    tested = np.array([sha256(prompt.encode()).digest()[0] % HELD == 0 for prompt in prompts])
    print(f"  {'':24}{'pinball':>9}{'middle':>9}{'inside':>8}{'mean':>8}")
    compare(known, "all together", ~tested, tested)
    for number, name in enumerate(TABLES):
        mine = known.whole.tables == number
        compare(known, f"{name}, from itself", mine & ~tested, mine & tested)
        compare(known, f"{name}, from the others", ~mine, mine & tested)
    few = np.zeros(len(prompts), dtype=np.bool_)
    few[np.random.default_rng(0).permutation(np.flatnonzero(~tested))[:150]] = True
    compare(known, "all together, from 150 prompts", few, tested)
    return 0


if __name__ == "__main__":
    sys.exit(main())
