"""Calibrates a target of quality on a table of results: what production would choose at each worth, and what that loses."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from controlplane.catalog.model import ModelName
from controlplane.classification.model import Classification
from controlplane.classification.semantic_fit import fit
from controlplane.classification.standard import ladder
from controlplane.decision.deliberation import Deliberation, deliberate
from controlplane.decision.index import SnapshotIndex, index
from controlplane.decision.model import Origin, ReasonCode, Request
from controlplane.decision.strategies import rank
from controlplane.decision.value import ground
from controlplane.learning.fingerprint import known
from controlplane.learning.model import Calibration, Learned
from controlplane.learning.training.calibration import Run, bound, fixed_sequence, needed
from controlplane.policy.model import Policy, QualityTarget, Strategy, StrategyKind, Workload
from controlplane.routing.model import Known
from controlplane.routing.on_route import on_route
from controlplane.routing.worked_out import compiled
from controlplane.snapshot.model import Catalog, Snapshot
from turnout_cli.evaluation.reading import features_of
from turnout_cli.evaluation.splits import groups
from turnout_cli.evaluation.tables import Column, Table, TableInvalid
from turnout_embedding import load as load_encoder
from turnout_features.model import Features

Progress = Callable[[str, float], None]
Choices = NDArray[np.int64]

WORTHS = tuple(round(1e12 / 10 ** (step / 24)) for step in range(241))
"""From a thousand dollars for a good answer down to a ten millionth, in steps of a tenth; the same for all data, as the test needs."""

LEAST = 20
"""Prompts that nothing is said of fewer than."""

_NOW = datetime(2026, 1, 1, tzinfo=UTC)
_DECIDING = (ReasonCode.VALUE, ReasonCode.BEST_AVAILABLE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Aimed:
    """What is calibrated: a workload of a catalog, its policy and the policy's target."""

    catalog: Catalog
    workload: Workload
    policy: Policy
    target: QualityTarget


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """What production would choose on each prompt (prompts x worths, as places in `models`), and what it expects each to cost.

    `costs` are dollars (prompts x models); `rows` are the rows of the table that these prompts are.
    """

    models: tuple[str, ...]
    rows: NDArray[np.int64]
    choices: Choices
    costs: Column


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibrated:
    """What was found. `costs` are dollars a prompt at each worth of the run, `reference_cost` what the reference would cost.

    `calibration` is None if the data do not support the target; `needed` prompts probably would, None if no number would.
    `left_out` counts prompts by why they were not used.
    """

    aimed: Aimed
    models: tuple[str, ...]
    run: Run
    losses: tuple[Column, ...]
    costs: Column
    reference_cost: float
    reference_share: Column
    prompts: int
    left_out: Mapping[str, int]
    calibration: Calibration | None
    needed: int | None

    def bound(self, at: int) -> float:
        """What the mean loss at a worth stays under with the confidence of the target."""
        return bound(self.losses[at], self.aimed.target.confidence_ppm / 1e6)

    def saved(self, at: int) -> float:
        """The part of the reference's expected cost that is saved at a worth."""
        return 1 - float(self.costs[at]) / self.reference_cost if self.reference_cost else 0.0

    @property
    def reason(self) -> str:
        """Why the data do not support the target, with the way out; empty if they do."""
        if self.calibration is not None:
            return ""
        first, target = self.run.steps[0], self.aimed.target
        if first.loss >= target.within_ppm / 1e6:
            return (
                f"even the best expected model at any price is {first.loss * 100:.1f} points below {target.of} on "
                f"{self.prompts:,} prompts; train the quality model with such prompts, or allow only models that are as good"
            )
        way_out = (
            "allow more loss or less confidence" if self.needed is None else f"about {self.needed:,} probably would do"
        )
        return f"{self.prompts:,} prompts are too few to be sure of it; {way_out}"


def aimed(catalog: Catalog, workload: str) -> Aimed:
    """The target of a workload's policy. Raises ValueError, with the way out, if there is none that can be replayed here."""
    found = next((each for each in catalog.workloads if each.name == workload), None)
    if found is None:
        names = ", ".join(each.name for each in catalog.workloads)
        raise ValueError(f"there is no workload {workload} in the catalog; give one of {names}")
    policy = catalog.policies[found.policy]
    target = policy.strategy.target
    if target is None:
        raise ValueError(
            f"the policy {policy.name} of the workload {workload} has no target; "
            "write `strategy: {kind: value, target: {of: MODEL, within: 0.02, confidence: 0.95}}`"
        )
    if policy.further:
        names = ", ".join(each.name for each in policy.further)
        raise ValueError(
            f"the policy {policy.name} asks classifiers whose answers cannot be made again here ({names}); "
            "let one without them hold for this workload"
        )
    return Aimed(catalog=catalog, workload=found, policy=policy, target=target)


def calibrate(aim: Aimed, learned: Learned, table: Table, told: Progress) -> Calibrated:
    """Test worths from the highest down on what production would choose at each. Raises TableInvalid if nothing can be tested."""
    names = _models(aim, table)
    rows, left_out = _usable(table, names)
    reads = read_as(aim, [table.prompts[at] for at in rows.tolist()], told)
    fresh = np.array([not known(read.features, learned.seen) for read in reads], dtype=bool)
    if not fresh.all():
        left_out["the quality model was trained on it"] = int((~fresh).sum())
        rows, reads = rows[fresh], [read for read, new in zip(reads, fresh.tolist(), strict=True) if new]
    chosen = choose(aim, learned, names, reads, rows, told)
    if undecided := len(rows) - len(chosen.rows):
        left_out["another rule of the policy decides"] = undecided
    if len(chosen.rows) < LEAST:
        raise TableInvalid(f"{table.source}: {len(chosen.rows)} prompts are left to test on{_told(left_out)}")
    return _found(aim, table, chosen, left_out)


def _found(aim: Aimed, table: Table, chosen: Chosen, left_out: Mapping[str, int]) -> Calibrated:
    target, at = aim.target, chosen.models.index(aim.target.of)
    within, confidence = target.within_ppm / 1e6, target.confidence_ppm / 1e6
    columns = _scores(table, chosen.models)[chosen.rows]
    losses = [columns[:, at] - np.take_along_axis(columns, each[:, None], 1)[:, 0] for each in chosen.choices.T]
    run = fixed_sequence(WORTHS, losses, within, confidence)
    costs = [np.take_along_axis(chosen.costs, each[:, None], 1)[:, 0].mean() for each in chosen.choices.T]
    best = run.found
    return Calibrated(
        aimed=aim,
        models=chosen.models,
        run=run,
        losses=tuple(losses),
        costs=np.array(costs),
        reference_cost=float(np.nanmean(chosen.costs[:, at])),
        reference_share=(chosen.choices == at).mean(axis=0),
        prompts=len(chosen.rows),
        left_out=MappingProxyType(dict(left_out)),
        calibration=None if best is None else _calibration(aim, chosen, best.worth_nanousd, best.loss),
        needed=needed(losses[0], within, confidence) if best is None else None,
    )


def _calibration(aim: Aimed, chosen: Chosen, worth: int, loss: float) -> Calibration:
    prices = [aim.catalog.models[ModelName(name)].price for name in chosen.models]
    return Calibration(
        workload=aim.workload.name,
        reference=aim.target.of,
        within_ppm=aim.target.within_ppm,
        confidence_ppm=aim.target.confidence_ppm,
        worth_nanousd=worth,
        models=chosen.models,
        prices=tuple((each.input_nanousd_per_mtok, each.output_nanousd_per_mtok) for each in prices),
        prompts=len(chosen.rows),
        loss_ppm=round(loss * 1e6),
        ground=ground(aim.catalog, aim.policy, chosen.models),
    )


def added(learned: Learned, calibration: Calibration) -> Learned:
    """`learned` with a calibration in place of any for the same workload and target."""
    key = (calibration.workload, calibration.reference, calibration.within_ppm, calibration.confidence_ppm)
    others = tuple(
        each
        for each in learned.calibrations
        if (each.workload, each.reference, each.within_ppm, each.confidence_ppm) != key
    )
    return replace(learned, calibrations=(*others, calibration))


def _models(aim: Aimed, table: Table) -> tuple[str, ...]:
    """Models of the catalog with scores for at least half of the prompts that the reference has a score for."""
    columns = {name.lower(): column for name, column in table.scores.items()}
    reference = columns.get(aim.target.of.lower())
    if reference is None or np.isnan(reference).all():
        raise TableInvalid(
            f"{table.source}: no scores of the reference {aim.target.of}; it has {', '.join(table.models)}"
        )
    scored = ~np.isnan(reference)
    served = {deployment.model for deployment in aim.catalog.deployments}
    found = tuple(
        sorted(
            name
            for name in served
            if (column := columns.get(name.lower())) is not None
            and 2 * (~np.isnan(column) & scored).sum() >= scored.sum()
        )
    )
    if len(found) < 2:
        raise TableInvalid(
            f"{table.source}: besides {aim.target.of} no model of the catalog has scores for half of its prompts; "
            f"it has {', '.join(table.models)}"
        )
    return found


def _scores(table: Table, names: Sequence[str]) -> Column:
    columns = {name.lower(): column for name, column in table.scores.items()}
    return np.stack([columns[name.lower()] for name in names], axis=1)


def _usable(table: Table, names: Sequence[str]) -> tuple[NDArray[np.int64], dict[str, int]]:
    """Rows with all scores, the first of those that are the same question or nearly; and how many are not, by why."""
    whole = np.flatnonzero(~np.isnan(_scores(table, names)).any(axis=1))
    group = groups([table.prompts[at] for at in whole.tolist()])
    once = whole[np.sort(np.unique(group, return_index=True)[1])]
    counts = {"no score of some model": len(table) - len(whole), "asked before, or nearly": len(whole) - len(once)}
    return once, {why: count for why, count in counts.items() if count}


def _told(left_out: Mapping[str, int]) -> str:
    return "".join(f"; {count} are not used: {why}" for why, count in left_out.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A prompt as the workload's policy reads it."""

    features: Features
    classification: Classification


def read_as(aim: Aimed, prompts: Sequence[str], told: Progress) -> list[Asked]:
    """Each prompt as one message of a user, read as production reads it for this workload."""
    rule_set, routes = aim.catalog.rule_sets[aim.policy.rule_set], aim.policy.routes
    patterns, encoder, classify = compiled(rule_set), load_encoder(), ladder()
    matcher = None if routes is None else fit(aim.catalog.route_sets[routes], encoder, encoder.name)
    unknown = Known(task_type=None, complexity=None)
    found: list[Asked] = []
    for at, prompt in enumerate(prompts):
        if at % 256 == 0:
            told("reading", at / len(prompts))
        features = features_of(prompt, patterns, encoder)
        taken = classify(features, rule_set, unknown, aim.policy.classifiers)
        if matcher is not None:
            taken = on_route(taken, features.embedding, matcher, lambda: 0.0, told=False)
        found.append(Asked(features=features, classification=taken))
    return found


def choose(
    aim: Aimed,
    learned: Learned,
    names: tuple[str, ...],
    reads: Sequence[Asked],
    rows: NDArray[np.int64],
    told: Progress,
) -> Chosen:
    """What decisions take at each of WORTHS. Prompts that an override decides are left out. A model that may not serve has no cost."""
    indexed = _indexed(aim, learned, names)
    places = {name: at for at, name in enumerate(names)}
    kept, choices, costs = [], [], []
    for at, read in enumerate(reads):
        if at % 256 == 0:
            told("choosing", at / len(reads))
        origin = Origin(workload=aim.workload.name)
        request = Request(features=read.features, classification=read.classification, origin=origin)
        found = deliberate(request, indexed, _NOW, 0.0)
        by_model = {str(offer.model): cost for offer, cost in zip(found.field.offers, found.field.costs, strict=True)}
        if found.reason not in _DECIDING:
            continue
        kept.append(at)
        taken = _over_worths(found)
        choices.append([places[found.field.offers[place].model] for place in taken])
        costs.append([by_model[name] / 1e9 if name in by_model else np.nan for name in names])
    return Chosen(
        models=names,
        rows=rows[np.array(kept, dtype=np.int64)],
        choices=np.array(choices, dtype=np.int64).reshape(len(kept), len(WORTHS)),
        costs=np.array(costs, dtype=np.float64).reshape(len(kept), len(names)),
    )


def _over_worths(found: Deliberation) -> list[int]:
    """The place that comes first at each of WORTHS.

    The worths at which a place comes first are next to each other, so that between two at which the same does nothing is asked.
    """
    taken = [-1] * len(WORTHS)

    def ask(at: int) -> int:
        if taken[at] < 0:
            strategy = replace(found.strategy, worth_nanousd=WORTHS[at])
            taken[at] = rank(found.survey, strategy, found.ranking.split).order[0]
        return taken[at]

    spans = [(0, len(WORTHS) - 1)]
    while spans:
        low, high = spans.pop()
        if ask(low) == ask(high):
            taken[low : high + 1] = [taken[low]] * (high + 1 - low)
        elif high - low > 1:
            spans += [(low, (low + high) // 2), ((low + high) // 2, high)]
    return taken


def _indexed(aim: Aimed, learned: Learned, names: tuple[str, ...]) -> SnapshotIndex:
    """The catalog with these models alone, and the policy with a worth in place of its target."""
    strategy = Strategy(kind=StrategyKind.VALUE, worth_nanousd=WORTHS[0])
    catalog = replace(
        aim.catalog,
        deployments=tuple(each for each in aim.catalog.deployments if each.model in names),
        policies=MappingProxyType({**aim.catalog.policies, aim.policy.name: replace(aim.policy, strategy=strategy)}),
        learned=learned,
    )
    return index(Snapshot(version=1, digest=b"", created_at=_NOW, catalog=catalog))
