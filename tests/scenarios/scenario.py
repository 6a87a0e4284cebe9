"""Scenarios as people write them, and what came of one in a form that both ways of running it share."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

ANEW = datetime(2099, 1, 1, tzinfo=UTC)
"""When rate limits begin anew."""

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a caller sends. `messages` are pairs of role and text; `pictures` stand beside the last one.

    `times` repeats the last text; `content_type` and `body` replace the whole payload.
    """

    messages: tuple[tuple[str, str], ...]
    times: int = 1
    pictures: int = 0
    tools: tuple[str, ...] = ()
    format: str = "text"
    max_output_tokens: int = 0
    content_type: str | None = None
    body: str = ""
    workload: str = ""
    feature: str = ""
    endpoint: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    policy: str = ""
    task_type: str = ""
    complexity: str = ""
    max_runs: int = 1
    model: str = ""
    operation: str = "chat"
    affinity: Mapping[str, Any] = field(default_factory=dict)
    constraints: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One of a file: what is asked in which state, and what must come of it (a subset of the fields of Seen).

    `headroom` by deployment: what is left of how many `requests` and `tokens`, until ANEW.
    `balances` by account id: `spent_usd` and `reserved_usd`, or `spent` and `reserved` where requests or tokens are counted.
    """

    file: str
    name: str
    catalog: Path | None
    asked: Asked
    health: Mapping[str, str]
    headroom: Mapping[str, Mapping[str, tuple[int, int]]]
    in_flight: Mapping[str, int]
    balances: Mapping[str, Mapping[str, float]]
    draw: float
    expected: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What came of a scenario. What no decision was made of has only the three fields of its failure.

    `exclusions` by deployment; `floor` in millionths and who asked; `chance` in millionths.
    """

    failure: str = ""
    failed_field: str = ""
    message: str = ""
    task_type: str = ""
    complexity: str = ""
    domain: str = ""
    route: str = ""
    language: str = ""
    input_tokens: int = 0
    workload: str = ""
    policy: str = ""
    model: str = ""
    targets: tuple[str, ...] = ()
    costs_nanousd: tuple[int, ...] = ()
    dearest_nanousd: tuple[int, ...] = ()
    reserved_nanousd: int = 0
    accounts: tuple[str, ...] = ()
    reason: str = ""
    says: str = ""
    notices: tuple[str, ...] = ()
    chance: int = 0
    max_output_tokens: int = 0
    floor: tuple[int, str] = (0, "")
    exclusions: Mapping[str, str] = field(default_factory=dict)
    details: Mapping[str, str] = field(default_factory=dict)
    scores: Mapping[str, float] = field(default_factory=dict)
    steps: tuple[str, ...] = ()


EXPECTED = frozenset(each.name for each in fields(Seen))


def scenarios() -> list[Scenario]:
    """Every scenario of the folder."""
    return [scenario for path in sorted(FOLDER.glob("*.yaml")) for scenario in read(path)]


def read(path: Path) -> list[Scenario]:
    """The scenarios of a file. Raises ValueError for a key that means nothing."""
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    _known(path.name, document, {"about", "catalog", "scenarios"})
    catalog = ROOT / document["catalog"] if "catalog" in document else None
    return [_scenario(path.stem, catalog, entry) for entry in document["scenarios"]]


def _scenario(file: str, catalog: Path | None, entry: dict[str, Any]) -> Scenario:
    _known(file, entry, {"name", "ask", "health", "headroom", "in_flight", "balances", "draw", "expect"})
    where = f"{file}: {entry['name']}"
    _known(where, entry["expect"], EXPECTED)
    return Scenario(
        file=file,
        name=entry["name"],
        catalog=catalog,
        asked=_asked(where, entry["ask"]),
        health=entry.get("health", {}),
        headroom=entry.get("headroom", {}),
        in_flight=entry.get("in_flight", {}),
        balances=entry.get("balances", {}),
        draw=entry.get("draw", 0.5),
        expected=entry["expect"],
    )


def _asked(where: str, entry: dict[str, Any]) -> Asked:
    said = {key: value for key, value in entry.items() if key not in ("prompt", "messages")}
    _known(where, said, {each.name for each in fields(Asked)} - {"messages"})
    turns = [tuple(turn.items()) for turn in entry.get("messages", [])]
    messages = [*(pair for turn in turns for pair in turn), ("user", entry.get("prompt", "Hello."))]
    return Asked(messages=tuple(messages), **{**said, "tools": tuple(said.get("tools", ()))})


def _known(where: str, entry: Mapping[str, Any], known: set[str] | frozenset[str]) -> None:
    if unknown := entry.keys() - known:
        raise ValueError(
            f"{where}: {', '.join(sorted(unknown))} means nothing here; known are {', '.join(sorted(known))}"
        )


def differences(seen: Seen, expected: Mapping[str, Any]) -> list[str]:
    """Where `seen` is not as expected, in words; empty if it is."""
    named = {deployment for table in ("exclusions", "details", "scores") for deployment in expected.get(table, ())}
    return [f"there is no deployment {name!r}" for name in sorted(named - seen.scores.keys())] + [
        f"{name}: expected {wanted!r}, saw {getattr(seen, name)!r}"
        for name, wanted in expected.items()
        if not _fits(name, getattr(seen, name), wanted)
    ]


def _fits(name: str, found: Any, wanted: Any) -> bool:
    """Whether a field is as written: texts by a part of them, tables by the rows that are named."""
    match name:
        case "exclusions":
            return all(found.get(deployment, "none") == reason for deployment, reason in wanted.items())
        case "details":
            return all(text in found.get(deployment, "") for deployment, text in wanted.items())
        case "scores":
            return all(abs(found[deployment] - score) < 1e-6 for deployment, score in wanted.items())
        case "says" | "message":
            return str(wanted) in str(found)
        case "steps":
            return all(any(step.startswith(text) for step in found) for text in wanted)
        case "floor":
            return f"{found[0] / 1_000_000:.2f} by {found[1]}" == str(wanted)
        case _:
            return bool((list(found) if isinstance(found, tuple) else found) == wanted)
