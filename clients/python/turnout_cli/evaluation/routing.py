"""Measures routers on tables: the learned one beside those that know less, and the oracle."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from controlplane.catalog.model import Price
from turnout_cli.evaluation.metrics import NAMES, Interval, Pair, bootstrap
from turnout_cli.evaluation.reading import Read, read_prompts
from turnout_cli.evaluation.splits import apart, folds, groups
from turnout_cli.evaluation.tables import Column, Table, TableInvalid, read
from turnout_cli.evaluation.trial import Expected, expected, learn, subject

Progress = Callable[[str, float], None]
Rows = NDArray[np.int64]

FOLDS = 5
LEAST = 20
"""Prompts of a part that is held out; with fewer nothing can be said of it."""

SHRINK = 20.0
"""Prompts that weigh as much as the mean, where a label's mean is taken."""

TURNOUT, PER_DOLLAR = "turnout", "turnout per dollar"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What is measured. `holdout` is a column of the test table, "" for none; `draws` samples make an interval."""

    train: tuple[Path, ...]
    test: Path
    models: tuple[str, ...]
    holdout: str = ""
    seed: int = 0
    draws: int = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part that was held out: its name, how many prompts it has, and how many of training were left out as its duplicates."""

    name: str
    prompts: int
    trained: int
    dropped: int
    points: Mapping[str, tuple[float, float]]
    """Quality and cost a prompt of always taking one model, by model."""
    routers: Mapping[str, Mapping[str, Interval]]
    pair: Pair
    scores: Mapping[str, Column]
    expected: Expected


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What was measured: each part, and the mean over parts. `notes` say what the reader must know."""

    settings: Settings
    parts: tuple[Part, ...]
    mean: Mapping[str, Mapping[str, Interval]]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A table, and its prompts as deciding sees them."""

    table: Table
    reads: Sequence[Read]

    def take(self, rows: Rows) -> "Source":
        """Only these rows."""
        return Source(table=self.table.take(rows), reads=[self.reads[at] for at in rows.tolist()])


def measure(settings: Settings, told: Progress) -> Report:
    """Train, route and measure. Raises TableInvalid if tables lack what is asked for, ValueError if nothing can be measured."""
    test = read(settings.test)
    weak, strong = known_models(test, settings.models)
    train = [read(path) for path in settings.train if path.resolve() != settings.test.resolve()]
    within = within_of(settings)
    sources = [source_of(table, told) for table in train]
    whole = source_of(_scored(test, (weak, strong)), told)
    notes: list[str] = []
    parts = []
    for name, train_rows, test_rows in splits_of(whole.table, settings, within=within):
        told(f"training without {name}", 0.0)
        inner = [whole.take(train_rows)] if len(train_rows) else []
        if part := part_of(name, [*inner, *sources], whole.take(test_rows), settings, (weak, strong), told):
            parts.append(part)
        else:
            notes.append(f"{name}: {len(test_rows)} prompts with no gap between {weak} and {strong}, left out")
    if not parts:
        raise ValueError(
            f"{test.source}: {strong} is nowhere better than {weak}, so there is no gap to recover; swap them or take others"
        )
    known = {name.lower() for table in [*train, *([test] if within else [])] for name in table.models}
    notes += [
        f"{name}: in no training file, joins with a score alone" for name in (weak, strong) if name.lower() not in known
    ]
    return Report(settings=settings, parts=tuple(parts), mean=_mean(parts), notes=tuple(notes))


def known_models(test: Table, asked: Sequence[str]) -> tuple[str, ...]:
    """The names as the table has them, whatever their case. Raises TableInvalid if it has no scores of one, or one comes twice."""
    by_fold = {name.lower(): name for name in test.models}
    for name in asked:
        if name.lower() not in by_fold:
            raise TableInvalid(f"{test.source}: no scores of the model {name}; it has {', '.join(test.models)}")
        if [other.lower() for other in asked].count(name.lower()) > 1:
            raise TableInvalid(f"the model {name} is named twice; name different ones")
    return tuple(by_fold[name.lower()] for name in asked)


def within_of(settings: Settings) -> bool:
    """Whether what is not held out of the test table may be learned from."""
    return bool(settings.holdout) or settings.test.resolve() in [path.resolve() for path in settings.train]


def _scored(test: Table, models: tuple[str, str]) -> Table:
    """Only rows where both models have a score."""
    rows = np.flatnonzero(~np.isnan(np.stack([test.scores[name] for name in models])).any(axis=0))
    if len(rows) < LEAST:
        raise TableInvalid(f"{test.source}: only {len(rows)} prompts have scores of both {models[0]} and {models[1]}")
    return test.take(rows)


def source_of(table: Table, told: Progress) -> Source:
    """Read the prompts of a table."""
    name = Path(table.source).stem
    return Source(table=table, reads=read_prompts(table.prompts, lambda _what, share: told(f"reading {name}", share)))


def splits_of(test: Table, settings: Settings, *, within: bool) -> Iterator[tuple[str, Rows, Rows]]:
    """Names of parts, with the rows of the test table that may be learned from and those that are held out."""
    every = np.arange(len(test))
    if settings.holdout:
        if settings.holdout not in test.labels:
            raise TableInvalid(
                f"{test.source}: no column `{settings.holdout}` to hold out by; it has {', '.join(test.labels) or 'none'}"
            )
        values = np.array(test.labels[settings.holdout])
        for value in sorted(set(values.tolist())):
            if (mine := values == value).sum() >= LEAST:
                yield value or "(empty)", np.flatnonzero(~mine), np.flatnonzero(mine)
    elif within:
        fold = folds(groups(test.prompts), FOLDS, settings.seed)
        for number in range(FOLDS):
            yield f"fold {number + 1}", np.flatnonzero(fold != number), np.flatnonzero(fold == number)
    else:
        yield Path(test.source).stem, every[:0], every


def part_of(
    name: str, sources: Sequence[Source], test: Source, settings: Settings, models: tuple[str, str], told: Progress
) -> Part | None:
    """What is measured on `test` after learning from `sources`, without questions that are in both; None if there is no gap."""
    pair = _pair(test.table, models)
    if len(test.table) < LEAST or pair.gain.mean() <= 0:
        return None
    apart_rows = [np.flatnonzero(apart(source.table.prompts, test.table.prompts)) for source in sources]
    kept = [source.take(rows) for source, rows in zip(sources, apart_rows, strict=True) if len(rows)]
    dropped = sum(len(source.table) for source in sources) - sum(len(source.table) for source in kept)
    learned = learn(
        [source.table for source in kept],
        [source.reads for source in kept],
        settings.seed,
        lambda what, share: told(f"{name}: {what}", share),
    )
    prospects = expected(learned, test.reads, models, prices_of([*kept, test], models))
    scores = _scores(prospects, kept, test, pair, models)
    told(f"{name}: intervals", 0.0)
    return Part(
        name=name,
        prompts=len(test.table),
        trained=sum(len(source.table) for source in kept),
        dropped=dropped,
        points={
            models[0]: (float(pair.weak.mean()), float(pair.weak_cost.mean())),
            models[1]: (float(pair.strong.mean()), float(pair.strong_cost.mean())),
        },
        routers={who: bootstrap(column, pair, settings.draws, settings.seed) for who, column in scores.items()},
        pair=pair,
        scores=scores,
        expected=prospects,
    )


def _pair(table: Table, models: tuple[str, str]) -> Pair:
    """Scores and costs; without costs the tokens of the strong model's answers, else one unit for each of its calls."""
    weak, strong = (table.scores[name] for name in models)
    costs = [table.costs.get(name) for name in models]
    lengths = table.lengths.get(models[1])
    nothing = np.zeros(len(table))
    low, high = nothing, nothing + 1
    if costs[0] is not None and costs[1] is not None and not np.isnan(np.stack([costs[0], costs[1]])).all(axis=1).any():
        low, high = (_filled(column) for column in (costs[0], costs[1]))
    elif lengths is not None and not np.isnan(lengths).all():
        high = _filled(lengths)
    return Pair(weak=weak, strong=strong, weak_cost=low, strong_cost=high)


def _filled(column: Column) -> Column:
    return np.where(np.isnan(column), np.nanmean(column), column)


def prices_of(sources: Sequence[Source], models: Sequence[str]) -> dict[str, Price]:
    """Nano-dollars per million tokens, as costs of training say; where there are none the strong one costs a dollar and the weak none."""
    found = {}
    for at, name in enumerate(models):
        per_token = _price(sources, name)
        if per_token is None:
            per_token = (0.0, 1e-6 * at)
        found[name] = Price(
            input_nanousd_per_mtok=round(per_token[0] * 1e15), output_nanousd_per_mtok=round(per_token[1] * 1e15)
        )
    return found


def _price(sources: Sequence[Source], name: str) -> tuple[float, float] | None:
    """Dollars for a token of input and of output, by least squares over what prompts cost."""
    for source in sources:
        names = {each.lower(): each for each in source.table.costs}
        known = names.get(name.lower())
        if known is None or known not in source.table.lengths:
            continue
        inputs = np.array([read.features.input_tokens for read in source.reads], dtype=np.float64)
        rows = np.stack([inputs, source.table.lengths[known]], axis=1)
        cost = source.table.costs[known]
        usable = ~np.isnan(rows).any(axis=1) & ~np.isnan(cost)
        if usable.sum() >= LEAST:
            solved = np.linalg.lstsq(rows[usable], cost[usable], rcond=None)[0]
            return max(0.0, float(solved[0])), max(0.0, float(solved[1]))
    return None


def _scores(
    prospects: Expected, kept: Sequence[Source], test: Source, pair: Pair, models: tuple[str, str]
) -> dict[str, Column]:
    gain = prospects.quality[:, 1] - prospects.quality[:, 0]
    surcharge = prospects.cost[:, 1] - prospects.cost[:, 0]
    found = {
        TURNOUT: gain,
        PER_DOLLAR: gain / np.maximum(surcharge, 1e-12) if (surcharge > 0).all() else gain,
        "length only": np.array([float(len(prompt)) for prompt in test.table.prompts]),
    }
    label = subject(test.table)
    if label:
        found[f"label only ({label})"] = _by_label(kept, test, label, models)
    found["random"] = np.zeros(len(test.table))
    found["oracle"] = pair.gain
    return found


def _by_label(kept: Sequence[Source], test: Source, label: str, models: tuple[str, str]) -> Column:
    """The mean gain of the prompt's label in training, held back towards the mean of all."""
    sums: dict[str, list[float]] = {}
    for source in kept:
        names = {name.lower(): name for name in source.table.scores}
        low, high = (names.get(name.lower()) for name in models)
        if low is None or high is None or label not in source.table.labels:
            continue
        gains = source.table.scores[high] - source.table.scores[low]
        for value, gain in zip(source.table.labels[label], gains.tolist(), strict=True):
            if not np.isnan(gain):
                sums.setdefault(value, []).append(gain)
    every = [gain for those in sums.values() for gain in those]
    mean = float(np.mean(every)) if every else 0.0
    means = {value: (sum(those) + SHRINK * mean) / (len(those) + SHRINK) for value, those in sums.items()}
    return np.array([means.get(value, mean) for value in test.table.labels[label]])


def _mean(parts: Sequence[Part]) -> dict[str, dict[str, Interval]]:
    """The mean over parts, each counting the same; of independent parts the variances add up."""
    names = [who for who in parts[0].routers if all(who in part.routers for part in parts)]
    return {who: {name: _over([part.routers[who][name] for part in parts]) for name in NAMES} for who in names}


def _over(found: Sequence[Interval]) -> Interval:
    value = float(np.mean([each.value for each in found]))
    reach = float(np.sqrt(np.sum([((each.high - each.low) / 2) ** 2 for each in found]))) / len(found)
    if len(found) == 1:
        return found[0]
    return Interval(value=value, low=value - reach, high=value + reach)
