"""The core takes its clock and its randomness as arguments."""

import tomllib
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from tests.architecture.source import PRODUCT, ROOT, Module, modules, parse

HIDDEN_INPUTS = ("now", "today", "utcnow", "uuid1", "uuid4", "uuid7", "open", "print", "input")


def pure_patterns() -> list[str]:
    """Dotted names of the pure modules, as pyproject.toml tells them to import-linter."""
    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    return next(contract["source_modules"] for contract in config["contracts"] if contract["id"] == "pure")


def is_pure(module: Module) -> bool:
    """Whether `module` belongs to the pure core."""
    name = ".".join(module.path.with_suffix("").parts).removeprefix("clients.python.")
    return any(fnmatchcase(name, pattern) or fnmatchcase(name, pattern + ".*") for pattern in pure_patterns())


def hidden_inputs(module: Module) -> list[str]:
    """Where `module` asks for the time, an id or a file by itself."""
    return [module.at(call) for name, call in module.calls() if name.rpartition(".")[2] in HIDDEN_INPUTS]


def test_pure_modules_take_time_and_ids_as_arguments() -> None:
    pure = [module for module in modules(*PRODUCT) if is_pure(module)]
    assert pure
    assert not [where for module in pure for where in hidden_inputs(module)]


@pytest.mark.parametrize("text", ["datetime.now(UTC)", "uuid.uuid4()", "date.today()", "open('x')"])
def test_a_hidden_input_is_found(text: str) -> None:
    assert hidden_inputs(parse(Path("x.py"), text))
