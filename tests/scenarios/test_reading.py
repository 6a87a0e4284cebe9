"""A scenario that says something wrong is noticed."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.scenarios.scenario import Seen, differences, read

SEEN = Seen(
    model="small",
    targets=("a", "b"),
    says="the cheapest of 2",
    floor=(800_000, "complexity"),
    exclusions={"c": "cost"},
    details={"c": "expected to cost $1.00, the request allows $0.10"},
    scores={"a": 0.5, "b": 0.25, "c": 0.0},
    steps=("floor 0.80: the policy's", "more"),
)

RIGHT: list[dict[str, Any]] = [
    {"model": "small", "targets": ["a", "b"], "floor": "0.80 by complexity", "failure": ""},
    {"says": "cheapest", "steps": ["more", "floor 0.80"]},
    {"exclusions": {"c": "cost", "a": "none"}, "details": {"c": "$0.10"}, "scores": {"b": 0.25}},
]
WRONG: list[dict[str, Any]] = [
    {"model": "large"},
    {"targets": ["a"]},
    {"targets": ["b", "a"]},
    {"floor": "0.80 by request"},
    {"failure": "NO_ELIGIBLE_TARGET"},
    {"says": "dearest"},
    {"steps": ["floor 0.90"]},
    {"exclusions": {"c": "latency"}},
    {"exclusions": {"c": "none"}},
    {"exclusions": {"a": "cost"}},
    {"exclusions": {"d": "none"}},
    {"details": {"c": "$0.20"}},
    {"scores": {"b": 0.26}},
    {"notices": ["no_fallback"]},
]


@pytest.mark.parametrize("expected", RIGHT)
def test_what_is_as_written_passes(expected: dict[str, Any]) -> None:
    assert differences(SEEN, expected) == []


@pytest.mark.parametrize("expected", WRONG)
def test_what_is_not_as_written_is_told(expected: dict[str, Any]) -> None:
    assert len(differences(SEEN, expected)) == 1


def written(folder: Path, **entry: Any) -> Path:
    """A file with one scenario."""
    whole = {"name": "one", "ask": {"prompt": "Hello!"}, "expect": {"model": "small"}, **entry}
    path = folder / "odd.yaml"
    path.write_text(yaml.safe_dump({"about": "odd", "scenarios": [whole]}), encoding="utf-8")
    return path


def test_a_scenario_is_read(tmp_path: Path) -> None:
    (one,) = read(written(tmp_path, ask={"messages": [{"system": "Be brief."}], "prompt": "Hello!", "tools": ["look"]}))
    assert one.asked.messages == (("system", "Be brief."), ("user", "Hello!"))
    assert (one.asked.tools, one.catalog, one.draw) == (("look",), None, 0.5)


@pytest.mark.parametrize(
    "entry",
    [{"ask": {"promt": "Hello!"}}, {"expect": {"modle": "small"}}, {"helath": {}}, {"ask": {"constraint": {}}}],
)
def test_a_key_that_is_misspelt_is_an_error(tmp_path: Path, entry: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="means nothing here"):
        read(written(tmp_path, **entry))
