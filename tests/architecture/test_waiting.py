"""Tests wait for events, not for time to pass."""

import ast
from pathlib import Path

import pytest

from tests.architecture.source import Module, imported, modules, parse

SLEEPS = ("time.sleep", "asyncio.sleep", "anyio.sleep")


def sleeps(module: Module) -> list[str]:
    """Where `module` sleeps for longer than one turn of the event loop."""
    lines = [module.at(node) for name, node in imported(module.tree) if name in SLEEPS]
    return lines + [module.at(call) for name, call in module.calls() if name in SLEEPS and not is_turn(call)]


def is_turn(call: ast.Call) -> bool:
    """Whether `call` only lets others run: `asyncio.sleep(0)`."""
    return [ast.unparse(argument) for argument in call.args] == ["0"]


def test_no_test_sleeps_to_synchronise() -> None:
    paced = {"benchmarks", "slow"}  # where load and kills come at a pace, and nothing waits for anything by it
    tests = [module for module in modules("tests") if paced.isdisjoint(module.path.parts)]
    assert not [where for module in tests for where in sleeps(module)]


@pytest.mark.parametrize(
    "text", ["time.sleep(1)", "asyncio.sleep(0.1)", "asyncio.sleep(delay)", "from time import sleep"]
)
def test_a_sleep_is_found(text: str) -> None:
    assert sleeps(parse(Path("x.py"), text))


def test_a_turn_of_the_event_loop_is_no_sleep() -> None:
    assert not sleeps(parse(Path("x.py"), "asyncio.sleep(0)"))
