"""Classifiers of other packages are found by name, loaded, and held to what every classifier holds to."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from importlib.metadata import EntryPoint
from pathlib import Path
from threading import current_thread, main_thread
from typing import Any

import pytest

from controlplane.catalog.load import check, load
from controlplane.catalog.model import Complexity, TaskType
from controlplane.classification.accepting import AnswerInvalid, accepted
from controlplane.classification.conformance import CASES, Case, NotConforming
from controlplane.classification.custom import GROUP, SEMANTIC_ENCODER, ClassifierUnfit, installed
from controlplane.classification.custom import load as load_classifier
from controlplane.classification.ladder import ByRules, Classifier
from controlplane.classification.learned import ByLearned
from controlplane.classification.model import Classification, Nearness, Signal, Silence
from controlplane.classification.rules import NoHint
from controlplane.classification.stored import read
from controlplane.policy.model import FurtherClassifier, PolicyName
from tests.support.installing import install
from tests.support.pages import ROOT

SOUND = Classification(task_type=TaskType.QA, complexity=Complexity.SIMPLE, domain=None, confidence=0.9, classifier="x")


def answer(**changes: Any) -> Any:
    return Classification(**{**{name: getattr(SOUND, name) for name in Classification.__slots__}, **changes})


@dataclass
class Says:
    """A classifier that says what a function gives."""

    says: Callable[..., Any]
    name: Any = "says"
    sure: Any = 0.8
    limit: Any = None

    def __call__(self, *asked: Any) -> Any:
        return self.says(*asked)


@pytest.fixture
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on the path in which the example is installed."""
    folder = install("classifier", tmp_path / "site")
    monkeypatch.syspath_prepend(str(folder))
    yield folder
    sys.modules.pop("acme_tickets", None)


def failing(classifier: Classifier) -> list[str]:
    """The cases that it does not hold to."""
    failed = []
    for case in CASES:
        try:
            case(classifier)
        except NotConforming:
            failed.append(case.name)
    return failed


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_example_conforms(case: Case, fresh: Path) -> None:
    case(load_classifier("acme"))


def test_an_installed_classifier_is_found_and_no_other() -> None:
    assert "acme" not in installed()
    with pytest.raises(ClassifierUnfit, match="no package offers it; installed are: semantic_encoder"):
        load_classifier("acme")


def test_a_policy_names_what_is_installed(fresh: Path, tmp_path: Path) -> None:
    path = tmp_path / "turnout.yaml"
    written = "policies: [{name: ours, strategy: cheapest, classifiers: [{acme: {below: 0.6, timeout: 20ms}}, rules]}]"
    path.write_text(f"version: 1\nextends: default\n{written}\n", encoding="utf-8")
    policy = load(path).policies[PolicyName("ours")]
    assert policy.classifiers == ("rules",)
    assert policy.further == (FurtherClassifier(name="acme", below=0.6, timeout=timedelta(milliseconds=20)),)
    path.write_text(path.read_text("utf-8").replace("acme", "acne"), encoding="utf-8")
    (problem,) = check(path)
    assert problem.field.endswith("classifiers[0]")
    assert problem.way_out == "install the package that brings it, or did you mean `acme`?"


def test_names_of_the_softwares_own_classifiers_cannot_be_taken() -> None:
    names = ("rules", "semantic", "llm", "mine", SEMANTIC_ENCODER)
    found = installed([EntryPoint(name=name, value="m:C", group=GROUP) for name in names])
    assert list(found) == ["mine", SEMANTIC_ENCODER]
    assert [point.value for point in found[SEMANTIC_ENCODER]] != ["m:C"]


def test_what_cannot_be_imported_is_told_without_what_the_error_says(fresh: Path) -> None:
    (fresh / "acme_tickets" / "__init__.py").write_text("raise ValueError('a secret')\n", encoding="utf-8")
    with pytest.raises(ClassifierUnfit, match="fails with ValueError") as told:
        load_classifier("acme")
    assert "secret" not in str(told.value)


def test_what_is_no_classifier_is_told(fresh: Path) -> None:
    (fresh / "acme_tickets" / "__init__.py").write_text("class Tickets:\n    name = 'acme'\n", encoding="utf-8")
    with pytest.raises(ClassifierUnfit, match="lacks sure, limit"):
        load_classifier("acme")


def test_two_packages_with_one_name_are_told_apart_by_neither(fresh: Path) -> None:
    again = fresh / "other-1.dist-info"
    again.mkdir()
    (again / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1\n", encoding="utf-8")
    (again / "entry_points.txt").write_text(f"[{GROUP}]\nacme = other:It\n", encoding="utf-8")
    with pytest.raises(ClassifierUnfit, match="2 packages offer it"):
        load_classifier("acme")


@pytest.mark.parametrize("rung", [ByRules(), ByLearned(read())], ids=lambda rung: str(rung.name))
def test_the_softwares_own_rungs_conform(rung: Classifier) -> None:
    assert failing(rung) == []


def slow(*_: Any) -> Any:
    deadline = timedelta(milliseconds=3)
    start = os.times().elapsed
    while os.times().elapsed - start < deadline.total_seconds() * 2:
        continue
    return SOUND


def otherwise_in_threads(*_: Any) -> Any:
    return SOUND if current_thread() is main_thread() else answer(confidence=0.1)


class Forgetful:
    """Answers otherwise each time."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self, *_: Any) -> Any:
        self.times += 1
        return answer(confidence=1 / self.times)


def raising(*_: Any) -> Any:
    raise RuntimeError("no")


def test_one_that_answers_well_conforms() -> None:
    assert failing(Says(lambda *_: SOUND)) == []
    assert failing(Says(lambda *_: Silence("nothing"))) == []


@pytest.mark.parametrize(
    ("classifier", "case"),
    [
        (Says(lambda *_: SOUND, name=""), "bounds"),
        (Says(lambda *_: SOUND, sure="very"), "bounds"),
        (Says(lambda *_: SOUND, limit=20), "bounds"),
        (Says(raising), "answers"),
        (Says(lambda *_: None), "answers"),
        (Says(lambda *_: answer(confidence=float("nan"))), "answers"),
        (Says(lambda *_: answer(task_type="qa")), "answers"),
        (Says(Forgetful()), "repeats"),
        (Says(slow, limit=timedelta(milliseconds=3)), "limit"),
        (Says(otherwise_in_threads), "threads"),
    ],
)
def test_each_case_finds_who_does_not_hold_to_it(classifier: Classifier, case: str) -> None:
    with pytest.raises(NotConforming):
        next(one for one in CASES if one.name == case)(classifier)


@pytest.mark.parametrize(
    "garbage",
    [
        None, "qa", {"task_type": "qa"}, answer(confidence=1.5), answer(confidence=True), answer(confidence="0.9"),
        answer(complexity=None), answer(domain="medical"), answer(signals=[]),
        answer(signals=(Signal(name="the text\nof it", votes_for="task_type=qa", weight=1.0),)),
        answer(signals=(Signal(name="s", votes_for="anything at all", weight=1.0),)),
        answer(signals=(Signal(name="s", votes_for="task_type=qa", weight=float("inf")),)),
        answer(signals=(Signal(name="s", votes_for="task_type=qa", weight=1.0),) * 17),
        Silence("two\nlines"),
    ],
)  # fmt: skip
def test_garbage_is_not_taken(garbage: object) -> None:
    with pytest.raises(AnswerInvalid):
        accepted(garbage, "acme", NoHint(), None)


def test_what_is_taken_keeps_hints_the_route_and_what_the_others_said() -> None:
    near = Nearness(route="billing", similarity=0.9, threshold=0.5)
    before = (Signal(name="code", votes_for="task_type=code", weight=1.0),)
    earlier = answer(nearest=near, votes=(1, 2), signals=before, classifier="rules")
    taken = accepted(answer(signals=before), "acme", NoHint(complexity=Complexity.EXPERT), earlier)
    assert isinstance(taken, Classification)
    assert (taken.task_type, taken.complexity, taken.classifier) == (TaskType.QA, Complexity.EXPERT, "acme")
    assert (taken.route, taken.votes, len(taken.signals)) == ("billing", (1, 2), 2)


def run(*arguments: str, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    found = os.pathsep.join([str(ROOT), str(ROOT / "clients/python"), *([str(path)] if path else [])])
    return subprocess.run(
        [sys.executable, "-m", "controlplane.classification.conformance", *arguments],
        env={**os.environ, "PYTHONPATH": found}, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


def test_an_author_can_run_the_suite_from_a_shell(tmp_path: Path) -> None:
    site = install("classifier", tmp_path / "site")
    done = run("acme", path=site)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("ok  ") == len(CASES)
    broken = (site / "acme_tickets" / "__init__.py").read_text("utf-8").replace("confidence=0.95", "confidence=95")
    (site / "acme_tickets" / "__init__.py").write_text(broken, "utf-8")
    assert run("acme", path=site).returncode == 0, "no text of the suite is a ticket"
    told = run("acme", "INC-123 P1", path=site)
    assert (told.returncode, told.stdout.count("FAILED")) == (1, 4)
    none = run("acme")
    assert (none.returncode, none.stderr) == (
        2,
        "classifier 'acme': no package offers it; installed are: semantic_encoder\n",
    )
    assert run().returncode == 2
