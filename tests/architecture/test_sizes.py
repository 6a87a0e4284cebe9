"""Functions and files stay small: measured on the syntax tree, docstrings not counted."""

import ast
from pathlib import Path
from statistics import median, quantiles

from tests.architecture.source import PRODUCT, WORKSHOP, Function, Module, modules, parse

LONGEST_FUNCTION = 60
LONGEST_FILE = 600
MEDIAN_FUNCTION = 8
PERCENTILE_95_FUNCTION = 40


def lines_of(function: Function) -> int:
    """Lines of `function` without its docstring."""
    total = (function.end_lineno or function.lineno) - function.lineno + 1
    match function.body[0]:
        case ast.Expr(value=ast.Constant(value=str())) as doc:
            return total - ((doc.end_lineno or doc.lineno) - doc.lineno + 1)
        case _:
            return total


def sizes(module: Module) -> list[tuple[int, str]]:
    """Each function's lines and place."""
    return [(lines_of(function), f"{module.at(function)} {function.name}") for function in module.functions()]


def test_no_function_is_too_long() -> None:
    functions = [size for module in modules(*PRODUCT, *WORKSHOP) for size in sizes(module)]
    assert not [row for row in functions if row[0] > LONGEST_FUNCTION]


def test_no_file_is_too_long() -> None:
    files = [(module.text.count("\n"), str(module.path)) for module in modules(*PRODUCT, *WORKSHOP)]
    assert not [row for row in files if row[0] > LONGEST_FILE]


def test_most_functions_are_short() -> None:
    lengths = [lines for module in modules(*PRODUCT) for lines, _ in sizes(module)]
    assert median(lengths) <= MEDIAN_FUNCTION
    assert quantiles(lengths, n=20)[-1] <= PERCENTILE_95_FUNCTION


def test_a_docstring_does_not_count() -> None:
    module = parse(Path("x.py"), 'def f() -> int:\n    """One.\n\n    Two.\n    """\n    return 1\n')
    assert [lines for lines, _ in sizes(module)] == [2]
