"""Every module says in one sentence what it is for."""

import ast

from tests.architecture.source import PRODUCT, modules


def test_every_module_begins_with_its_sentence() -> None:
    first_lines = {
        str(module.path): (ast.get_docstring(module.tree) or "").partition("\n\n")[0]
        for module in modules(*PRODUCT, "tools")
    }
    assert not [path for path, line in first_lines.items() if not line.endswith((".", "?"))]
