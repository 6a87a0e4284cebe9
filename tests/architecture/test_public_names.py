"""What applications import: names, methods and parameters are written down, so that no change to them goes unseen.

After a wanted change: `python -m tests.architecture.test_public_names` writes public_names.txt anew.
"""

import importlib
import inspect
from pathlib import Path
from typing import Any, is_typeddict

import pytest

PACKAGES = ("turnout_client", "turnout_features")
WRITTEN = Path(__file__).with_name("public_names.txt")


def parameters(member: Any) -> str:
    """Parameters without types: their names, order and whether they may be left out."""
    if isinstance(member, property) or not callable(member):
        return ""
    shown = [
        each.replace(annotation=inspect.Parameter.empty, default=each.empty if each.default is each.empty else ...)
        for each in inspect.signature(member).parameters.values()
    ]
    return str(inspect.Signature(shown)).replace("Ellipsis", "...")


def lines_of(name: str, value: Any) -> list[str]:
    """A public name and, of a class, what is public in it."""
    if not inspect.isclass(value):
        return [f"{name}{parameters(value) if inspect.isfunction(value) else ''}"]
    fields = getattr(value, "__dataclass_fields__", None) or getattr(value, "__members__", {})
    if is_typeddict(value):
        fields = value.__annotations__
    methods = {key: each for key, each in vars(value).items() if not key.startswith("_") and key not in fields}
    return [
        name,
        *(f"{name}.{field}" for field in fields),
        *(f"{name}.{key}{parameters(getattr(each, '__func__', each))}" for key, each in methods.items()),
    ]


def public_names() -> list[str]:
    """Every public name of the packages, one a line."""
    found = []
    for package in PACKAGES:
        module = importlib.import_module(package)
        for name in sorted(module.__all__):
            found += [f"{package}.{line}" for line in lines_of(name, getattr(module, name))]
    return found


def test_public_names_are_as_written_down() -> None:
    assert public_names() == WRITTEN.read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("package", PACKAGES)
def test_what_a_package_shows_is_what_it_names(package: str) -> None:
    module = importlib.import_module(package)
    shown = {name for name, value in vars(module).items() if name[0] != "_" and not inspect.ismodule(value)}
    assert shown == set(module.__all__)


def test_a_parameter_that_is_renamed_is_seen() -> None:
    def before(prompt: str, *, model: str = "") -> None: ...
    def after(prompt: str, *, models: str = "") -> None: ...

    assert parameters(before) != parameters(after)


if __name__ == "__main__":
    WRITTEN.write_text("\n".join(public_names()) + "\n", encoding="utf-8")
