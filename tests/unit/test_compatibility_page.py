"""docs/compatibility.md says what the tests of the matrix hold to."""

from tools import compatibility
from tools.compatibility_table import TABLE


def test_the_page_is_what_the_table_says() -> None:
    assert compatibility.PAGE.read_text(encoding="utf-8") == compatibility.page(), "run python -m tools.compatibility"


def test_every_feature_of_a_client_is_there_once() -> None:
    named = [(row.client, row.feature) for row in TABLE]
    assert len(named) == len(set(named))


def test_every_hole_has_a_reason_in_words() -> None:
    assert all(cell.why for row in TABLE for cell in row.elsewhere.values() if cell.reason)
