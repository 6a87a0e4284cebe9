"""Measures how right requests are classified, by the code that classifies them in production."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from controlplane.catalog.load import load
from controlplane.classification.model import Classification
from controlplane.classification.rules import NoHint
from controlplane.classification.standard import ladder
from controlplane.classification.votes import COMPLEXITIES
from controlplane.policy.model import ClassifierKind, RuleSet, RuleSetName
from controlplane.routing.worked_out import compiled
from turnout_cli.evaluation.class_figures import (
    Bin,
    Judged,
    auc,
    bins,
    calibration_error,
    confusion,
    macro_f1,
    share,
)
from turnout_cli.evaluation.class_rows import LabelledRow, labelled_rows
from turnout_embedding import load as load_encoder
from turnout_features import Features, extract

Told = Callable[[str, float], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What is measured: the table, the classifiers that may be asked, and the column that figures are told apart by."""

    test: Path
    classifiers: tuple[ClassifierKind, ...] = tuple(ClassifierKind)
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A row and what it was taken for."""

    row: LabelledRow
    features: Features
    found: Classification


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Figures of one part of a table. NaN where nothing is labelled. See docs/quality.md for what each is."""

    part: str
    prompts: int
    task_type: float
    task_type_or_as_right: float
    task_type_f1: float
    complexity: float
    complexity_within_one: float
    complexity_f1: float
    domain: float
    domain_f1: float
    language: float
    calibration_error: float
    out_of_scope_auc: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Figures of a table as a whole and of its parts, how well the confidence is calibrated, and what was confused."""

    source: str
    classifiers: tuple[str, ...]
    whole: Figures
    parts: tuple[Figures, ...]
    calibration: tuple[Bin, ...]
    task_types: dict[str, dict[str, int]]
    complexities: dict[str, dict[str, int]]


def measure(settings: Settings, told: Told) -> Report:
    """Classify every row of the table, under the packaged rule set. Raises TableInvalid."""
    rows = labelled_rows(settings.test, settings.by)
    taken = classified(rows, settings.classifiers, told)
    parts: dict[str, list[Taken]] = {}
    for one in taken:
        parts.setdefault(one.row.part, []).append(one)
    return Report(
        source=str(settings.test),
        classifiers=tuple(map(str, settings.classifiers)),
        whole=figures("all", taken),
        parts=tuple(figures(part, ones) for part, ones in sorted(parts.items())) if settings.by else (),
        calibration=tuple(bins(_judged(taken))),
        task_types=confusion(_task_types(taken)),
        complexities=confusion(_complexities(taken)),
    )


def classified(rows: Sequence[LabelledRow], classifiers: Sequence[ClassifierKind], told: Told) -> list[Taken]:
    """Each row read and classified as the control plane does it."""
    rule_set: RuleSet = load(None).rule_sets[RuleSetName("default")]
    patterns, encoder, classify = compiled(rule_set), load_encoder(), ladder()
    found = []
    for number, row in enumerate(rows):
        if number % 100 == 0:
            told("classifying", number / len(rows))
        features = extract(row.conversation, patterns, encode=encoder)
        found.append(Taken(row=row, features=features, found=classify(features, rule_set, NoHint(), classifiers)))
    told("classifying", 1.0)
    return found


def figures(part: str, taken: Sequence[Taken]) -> Figures:
    """The figures of `taken`."""
    tasks, complexities = _task_types(taken), _complexities(taken)
    domains = [(str(one.row.domain), str(one.found.domain)) for one in taken if one.row.domain_known]
    spoken = [one for one in taken if one.row.language]
    return Figures(
        part=part,
        prompts=len(taken),
        task_type=share([label == answer for label, answer in tasks]),
        task_type_or_as_right=share([_task_right(one) for one in taken if one.row.task_type]),
        task_type_f1=macro_f1(tasks),
        complexity=share([label == answer for label, answer in complexities]),
        complexity_within_one=share([_steps_off(one) <= 1 for one in taken if one.row.complexity]),
        complexity_f1=macro_f1(complexities),
        domain=share([label == answer for label, answer in domains]),
        domain_f1=macro_f1(domains),
        language=share([one.features.language == one.row.language for one in spoken]),
        calibration_error=calibration_error(_judged(taken)),
        out_of_scope_auc=auc(
            [one.found.confidence for one in taken if one.row.out_of_scope is False],
            [one.found.confidence for one in taken if one.row.out_of_scope is True],
        ),
    )


def _task_types(taken: Sequence[Taken]) -> list[tuple[str, str]]:
    return [(str(one.row.task_type), str(one.found.task_type)) for one in taken if one.row.task_type]


def _complexities(taken: Sequence[Taken]) -> list[tuple[str, str]]:
    return [(str(one.row.complexity), str(one.found.complexity)) for one in taken if one.row.complexity]


def _judged(taken: Sequence[Taken]) -> list[Judged]:
    """Where both axes are labelled: the confidence is the chance that both are right."""
    return [
        Judged(confidence=one.found.confidence, right=_task_right(one) and _steps_off(one) == 0)
        for one in taken
        if one.row.task_type and one.row.complexity
    ]


def _task_right(one: Taken) -> bool:
    return one.found.task_type is one.row.task_type or one.found.task_type in one.row.also


def _steps_off(one: Taken) -> int:
    assert one.row.complexity is not None  # noqa: S101 - asked only where it is labelled
    return abs(COMPLEXITIES.index(one.found.complexity) - COMPLEXITIES.index(one.row.complexity))
