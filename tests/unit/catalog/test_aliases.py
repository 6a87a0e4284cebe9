"""Other names for models, and what policies say of models that are named."""

from pathlib import Path

import pytest
import yaml

from controlplane.catalog.load import check, load
from controlplane.catalog.model import Alias
from controlplane.policy.model import Balancing, PinnedFallbacks


def written(folder: Path, **sections: object) -> Path:
    """A document that extends the packaged catalog."""
    path = folder / "turnout.yaml"
    path.write_text(yaml.safe_dump({"version": 1, "extends": "default", **sections}), encoding="utf-8")
    return path


def problems(folder: Path, **sections: object) -> list[str]:
    """What is wrong with such a document, without its file."""
    path = written(folder, **sections)
    return [str(problem).removeprefix(f"{path}:") for problem in check(path)]


def policy(**fields: object) -> list[dict[str, object]]:
    """A policy with these fields."""
    return [{"name": "own", "strategy": "cheapest", **fields}]


def test_aliases_are_read_by_name(tmp_path: Path) -> None:
    entries = [{"name": "Best/Model:1", "target": "gpt-4o"}, {"name": "any", "target": "auto"}]
    entries.append({"name": "ours", "target": "auto:default"})
    found = load(written(tmp_path, aliases=entries)).aliases
    assert list(found) == ["Best/Model:1", "any", "ours"]
    assert found["ours"] == Alias(name="ours", target="auto:default")


@pytest.mark.parametrize(
    ("name", "target", "says"),
    [
        ("one", "gpt-4", "there is no model `gpt-4`: did you mean `gpt-4o`?"),
        ("one", "auto:defualt", "there is no workload `defualt`: did you mean `default`?"),
        ("one", "two", "`two` is an alias itself: write what that stands for"),
        ("auto", "gpt-4o", "`auto` always asks for free routing: give the alias another name"),
        ("auto:x", "gpt-4o", "`auto:x` always asks for free routing: give the alias another name"),
    ],
)
def test_an_alias_that_stands_for_nothing_is_refused(tmp_path: Path, name: str, target: str, says: str) -> None:
    entries = [{"name": name, "target": target}, {"name": "two", "target": "gpt-4o"}]
    (problem,) = problems(tmp_path, aliases=entries)
    assert says in problem
    assert "aliases[0]" in problem


def test_an_alias_may_take_the_name_of_a_model_and_another_one_stand_for_that_model(tmp_path: Path) -> None:
    entries = [{"name": "gpt-4o", "target": "gpt-4o-mini"}, {"name": "big", "target": "gpt-4o"}]
    assert problems(tmp_path, aliases=entries) == []


def test_a_fallback_list_given_as_a_string_is_an_error_that_names_the_field_and_is_never_ignored(
    tmp_path: Path,
) -> None:
    (problem,) = problems(tmp_path, policies=policy(pinned_fallbacks="gpt-4o"))
    assert "policies[0].pinned_fallbacks" in problem
    assert "`pinned_fallbacks` is a list of models, or true or false, not `gpt-4o`" in problem
    assert "write `[gpt-4o]`, also for one model" in problem
    (strategy,) = problems(tmp_path, policies=policy(strategy={"kind": "fixed", "models": "gpt-4o"}))
    assert "policies[0].strategy.models" in strategy
    assert "a list is wanted here, not `gpt-4o`" in strategy


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (True, PinnedFallbacks(anyone=True)),
        (False, PinnedFallbacks()),
        (["gpt-4o", "gpt-4o-mini", "gpt-4o"], PinnedFallbacks(models=("gpt-4o", "gpt-4o-mini"))),  # type: ignore[arg-type]
    ],
)
def test_who_stands_in_is_read(tmp_path: Path, given: object, expected: PinnedFallbacks) -> None:
    found = load(written(tmp_path, policies=policy(pinned_fallbacks=given))).policies
    assert {str(name): one.pinned_fallbacks for name, one in found.items()}["own"] == expected


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"pinned_fallbacks": ["gpt-4"]}, "policies[0].pinned_fallbacks[0]: there is no model `gpt-4`"),
        ({"pinned_fallbacks": []}, "this list is empty: name a model, or write `false`"),
        (
            {"embeddings": "gpt-4o"},
            "the model `gpt-4o` makes no vectors: name one that has the capability `embeddings`",
        ),
        ({"embeddings": "nothing"}, "there is no model `nothing`"),
        ({"balancing": "random"}, "`random` is no balancing"),
        ({"affinity": "perhaps"}, "policies[0].affinity"),
    ],
)
def test_what_means_nothing_in_a_policy_is_refused(tmp_path: Path, fields: dict[str, object], says: str) -> None:
    (problem,) = problems(tmp_path, policies=policy(**fields))
    assert says in problem


def test_balancing_and_affinity_have_their_defaults(tmp_path: Path) -> None:
    found = {str(name): one for name, one in load(written(tmp_path, policies=policy())).policies.items()}["own"]
    assert (found.balancing, found.affinity, found.embeddings) == (Balancing.WEIGHTED, True, None)


def test_more_credentials_stand_beside_a_first_one(tmp_path: Path) -> None:
    place = {
        "name": "own/gpt-4o",
        "model": "gpt-4o",
        "provider": "own",
        "protocol": "openai",
        "base_url": "http://x/v1",
    }
    for given, says in (
        ({"more_credentials": ["env:B"]}, "`more_credentials` stand beside a `credential`, and there is none"),
        ({"credential": "env:A", "more_credentials": ["sk-1"]}, "this is no reference to a credential"),
        ({"credential": "env:A", "more_credentials": [""]}, "there is nothing here"),
    ):
        (problem,) = problems(tmp_path, deployments=[{**place, **given}])
        assert says in problem
        assert "more_credentials" in problem


def test_only_what_makes_vectors_does_without_a_longest_answer(tmp_path: Path) -> None:
    model = {"name": "own", "provider": "own", "tier": "small", "as_of": "2026-11-21", "free": True}
    model |= {"context_window": 8000, "latency": "1s", "quality": 0.5}
    (problem,) = problems(tmp_path, models=[model])
    assert "a model needs `max_output_tokens`" in problem
    assert problems(tmp_path, models=[{**model, "capabilities": ["embeddings"]}]) == []
