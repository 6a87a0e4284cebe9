"""The source of this repository as syntax trees, for tests on its shape."""

import ast
import gc
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = ("controlplane", "dataplane", "clients/python")
WORKSHOP = ("tests", "tools")

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """One Python file; `path` is relative to the repository."""

    path: Path
    text: str
    tree: ast.Module

    @property
    def name(self) -> str:
        """The last part of its dotted name."""
        return self.path.stem

    def functions(self) -> Iterator[Function]:
        """Every function and method, nested ones too."""
        return (node for node in ast.walk(self.tree) if isinstance(node, Function))

    def calls(self) -> Iterator[tuple[str, ast.Call]]:
        """Every call with the dotted name that it is made under, `""` where that is not a plain name."""
        return ((dotted(node.func), node) for node in ast.walk(self.tree) if isinstance(node, ast.Call))

    def at(self, node: ast.stmt | ast.expr) -> str:
        """Where `node` stands, in the form that editors open."""
        return f"{self.path}:{node.lineno}"


def dotted(node: ast.expr) -> str:
    """`a.b.c` for an attribute chain on a plain name, else an empty string."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=value, attr=attr):
            inner = dotted(value)
            return f"{inner}.{attr}" if inner else ""
        case _:
            return ""


def imported(tree: ast.Module) -> Iterator[tuple[str, ast.stmt]]:
    """Every imported name in full (`os.environ` for `from os import environ`) with its statement."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((f"{node.module}.{alias.name}", node) for alias in node.names)


def parse(path: Path, text: str) -> Module:
    """The module that `text` would be at `path`."""
    return Module(path=path, text=text, tree=ast.parse(text, filename=str(path)))


def modules(*folders: str) -> tuple[Module, ...]:
    """The modules below `folders`, generated code left out."""
    return tuple(module for folder in folders for module in _modules_below(folder))


@cache
def _modules_below(folder: str) -> tuple[Module, ...]:
    found = tuple(
        parse(path.relative_to(ROOT), path.read_text(encoding="utf-8"))
        for path in sorted((ROOT / folder).rglob("*.py"))
        if "gen" not in path.relative_to(ROOT).parts
    )
    gc.freeze()  # the trees stay, and there is nothing in their millions of nodes to collect
    return found
