"""Every example document is valid."""

from pathlib import Path

import pytest

from controlplane.catalog.load import check

EXAMPLES = sorted((Path(__file__).resolve().parents[3] / "examples").glob("*.yaml"))


def test_there_are_examples() -> None:
    assert EXAMPLES


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_valid(example: Path) -> None:
    assert [str(problem) for problem in check(example)] == []
