"""Each document in `bad` is refused with exactly the problems in the text beside it: file, line, field, reason, way out."""

from functools import cache
from pathlib import Path

import pytest

from controlplane.catalog.document.parse import MAX_BYTES
from controlplane.catalog.document.problem import SHOWN, CatalogInvalid, Problem, ProblemKind
from controlplane.catalog.load import check, load
from tests.unit.catalog.documents import EXTENDED

BAD = Path(__file__).with_name("bad")
DOCUMENTS = sorted(BAD.glob("*.yaml"))

# Shown by tests of their own: the first two need no document, the third needs an overlay beside it.
ELSEWHERE = {ProblemKind.UNREADABLE, ProblemKind.TOO_LARGE, ProblemKind.KEPT_TWICE}


@cache
def problems_of(document: Path) -> tuple[Problem, ...]:
    return tuple(check(document))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.stem)
def test_every_problem_is_told_with_its_place_and_its_way_out(document: Path) -> None:
    told = [str(problem).replace(f"{BAD}/", "") for problem in problems_of(document)]
    assert told == document.with_suffix(".txt").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.stem)
def test_a_document_is_named_after_the_problem_that_it_shows(document: Path) -> None:
    kinds = {problem.kind for problem in problems_of(document)}
    assert any(document.stem.startswith(kind) for kind in kinds)


def test_every_kind_of_problem_has_its_document() -> None:
    shown = {problem.kind for document in DOCUMENTS for problem in problems_of(document)}
    assert shown | ELSEWHERE == set(ProblemKind)
    assert not shown & ELSEWHERE


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.stem)
def test_no_credential_is_repeated(document: Path) -> None:
    assert "not-a-real-one" not in "".join(str(problem) for problem in problems_of(document))


def test_a_file_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    (problem,) = check(tmp_path / "turnout.yaml")
    assert problem.kind is ProblemKind.UNREADABLE
    assert "No such file" in problem.reason


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    assert [problem.kind for problem in check(tmp_path)] == [ProblemKind.UNREADABLE]


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "turnout.yaml"
    path.write_text(EXTENDED + "#" * MAX_BYTES, encoding="utf-8")
    assert [problem.kind for problem in check(path)] == [ProblemKind.TOO_LARGE]


def test_a_file_of_the_largest_size_is_read(tmp_path: Path) -> None:
    path = tmp_path / "turnout.yaml"
    path.write_text(EXTENDED + "#" * (MAX_BYTES - len(EXTENDED)), encoding="utf-8")
    assert check(path) == []


def test_a_bomb_of_aliases_is_refused_at_once(tmp_path: Path) -> None:
    levels = ["a0: &a0 [x, x]"] + [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 60)]
    path = tmp_path / "turnout.yaml"
    path.write_text("\n".join(levels), encoding="utf-8")
    assert {problem.kind for problem in check(path)} == {ProblemKind.ALIAS}


def test_too_many_values_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "turnout.yaml"
    path.write_text(f"version: 1\nmodels: [{'1,' * 250_000}]\n", encoding="utf-8")
    assert [problem.kind for problem in check(path)] == [ProblemKind.TOO_LARGE]


def test_the_message_shows_the_first_problems_and_counts_the_rest() -> None:
    with pytest.raises(CatalogInvalid) as caught:
        load(BAD / "wrong_type.yaml")
    assert caught.value.reason == "CATALOG_INVALID"
    assert caught.value.message.count("wrong_type.yaml:") == SHOWN
    assert caught.value.message.endswith(f"... and {len(caught.value.problems) - SHOWN} more")


def test_an_entry_with_a_problem_still_counts_as_there(tmp_path: Path) -> None:
    """So that one mistake in a model is one problem, not one for each place that names the model too."""
    path = tmp_path / "turnout.yaml"
    text = EXTENDED + "models: [{name: small, provider: local}]\n" + DEPLOYMENT_OF_SMALL
    path.write_text(text, encoding="utf-8")
    assert {problem.kind for problem in check(path)} == {ProblemKind.MISSING_FIELD}


DEPLOYMENT_OF_SMALL = """
deployments:
  - {name: local/small, model: small, provider: local, protocol: openai, base_url: 'http://127.0.0.1:8080/v1'}
"""
