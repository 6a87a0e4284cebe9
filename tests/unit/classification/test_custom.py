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
from controlplane.classification.conformance import CASES, Case, NotConforming, main
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


CASE = {case.name: case for case in CASES}


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


def standing() -> float:
    """A clock on which nothing takes time, however busy the machine is."""
    return 0.0


class Ticking:
    """A classifier that takes as long as it is told, on its own clock: the next of `took` seconds, or the last again."""

    name, sure, limit = "ticking", 0.8, timedelta(milliseconds=3)

    def __init__(self, *took: float) -> None:
        self.now = 0.0
        self._took = list(took)

    def __call__(self, *_: Any) -> Any:
        self.now += self._took.pop(0) if len(self._took) > 1 else self._took[0]
        return SOUND


def failing(classifier: Classifier) -> list[str]:
    """The cases that it does not hold to."""
    failed = []
    for case in CASES:
        try:
            case(classifier, seconds=standing)
        except NotConforming:
            failed.append(case.name)
    return failed


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_example_conforms(case: Case, fresh: Path) -> None:
    case(load_classifier("acme"), seconds=standing)


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
        (Says(otherwise_in_threads), "threads"),
    ],
)
def test_each_case_finds_who_does_not_hold_to_it(classifier: Classifier, case: str) -> None:
    with pytest.raises(NotConforming):
        CASE[case](classifier, seconds=standing)


def test_who_takes_longer_than_its_limit_is_found_and_the_best_of_three_tries_counts() -> None:
    slow, quick, once = Ticking(0.0031), Ticking(0.0029), Ticking(0.5, 0.5, 0.001)
    with pytest.raises(NotConforming, match=r"takes 3\.1 ms, and may take 0:00:00\.003"):
        CASE["limit"](slow, seconds=lambda: slow.now)
    CASE["limit"](quick, seconds=lambda: quick.now)
    CASE["limit"](once, seconds=lambda: once.now)


def test_who_tells_no_limit_has_fifty_milliseconds() -> None:
    slow, quick = Ticking(0.051), Ticking(0.049)
    slow.limit = quick.limit = None  # type: ignore[assignment]
    with pytest.raises(NotConforming):
        CASE["limit"](slow, seconds=lambda: slow.now)
    CASE["limit"](quick, seconds=lambda: quick.now)


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


def verdicts(*arguments: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, list[str]]:
    """The exit code of the suite, run here, and which cases failed."""
    sys.modules.pop("acme_tickets", None)
    code = main(arguments, standing)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(CASES)
    return code, [line.split()[1] for line in lines if line.startswith("FAILED")]


def test_the_suite_says_which_cases_fail_with_the_texts_that_it_is_given(
    fresh: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verdicts("acme", "INC-123 P1", capsys=capsys) == (0, [])
    module = fresh / "acme_tickets" / "__init__.py"
    module.write_text(module.read_text("utf-8").replace("confidence=0.95", "confidence=95"), "utf-8")
    assert verdicts("acme", capsys=capsys) == (0, []), "no text of the suite is a ticket"
    code, failed = verdicts("acme", "INC-123 P1", capsys=capsys)
    assert (code, failed) == (1, ["answers:", "repeats:", "limit:", "threads:"])


def test_an_author_can_run_the_suite_from_a_shell(tmp_path: Path) -> None:
    done = run("acme", path=install("classifier", tmp_path / "site"))
    assert done.stderr == ""
    timeless = [line for line in done.stdout.splitlines() if "limit:" not in line]  # whose clock is the machine's
    assert [line.split()[0] for line in timeless] == ["ok"] * (len(CASES) - 1)
    none = run("acme")
    assert (none.returncode, none.stderr) == (
        2,
        "classifier 'acme': no package offers it; installed are: semantic_encoder\n",
    )
    assert run().returncode == 2
