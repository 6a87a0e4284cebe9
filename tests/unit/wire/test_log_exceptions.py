"""Log lines tell where something failed, and nothing of what was asked."""

import json
import logging

from turnout_wire.logs import MOST_CAUSES, JsonLines, where

CANARY = "my blood pressure is 180"


def parse(text: str) -> int:
    """Fails as code does that quotes what it was given."""
    try:
        return int(text)
    except ValueError as error:
        raise RuntimeError(f"cannot read {text!r}") from error


def failed() -> RuntimeError:
    try:
        parse(CANARY)
    except RuntimeError as error:
        return error
    raise AssertionError


def logged(formatter: logging.Formatter) -> str:
    error = failed()
    told = (type(error), error, error.__traceback__)
    return formatter.format(logging.LogRecord("test", logging.ERROR, __file__, 1, "internal error", (), told))


def test_an_exception_is_logged_with_its_type_cause_and_place() -> None:
    line = json.loads(logged(JsonLines("test")))
    assert line["message"] == "internal error"
    for told in ("RuntimeError at", "caused by", "ValueError at", "in parse", "test_log_exceptions.py"):
        assert told in line["exception"]


def test_what_an_exception_says_is_not_logged() -> None:
    assert CANARY not in logged(JsonLines("test"))


def test_the_usual_formatter_would_log_it() -> None:
    assert CANARY in logged(logging.Formatter())


def test_a_cause_that_is_suppressed_is_not_told_and_a_long_row_ends() -> None:
    hidden = failed()
    hidden.__cause__, hidden.__suppress_context__ = None, True
    assert "ValueError" not in where(hidden)
    first = error = ValueError()
    for _ in range(20):
        error.__cause__ = ValueError()
        error = error.__cause__
    assert where(first).count("ValueError at") == MOST_CAUSES
    assert where(None) == ""
