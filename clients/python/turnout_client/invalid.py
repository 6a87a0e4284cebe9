"""Requests that are refused before anything is sent."""

from collections.abc import Iterator
from contextlib import contextmanager

from turnout_client.errors import InvalidRequest
from turnout_wire.failure import Failure


def invalid(field: str, message: str, reason: str = "INVALID_FIELD") -> InvalidRequest:
    """The exception for a wrong field, in the form that the servers use."""
    return InvalidRequest(Failure(reason, f"{field}: {message}", field=field))


@contextmanager
def naming(field: str) -> Iterator[None]:
    """Whatever protobuf says against a value becomes an InvalidRequest that names the field."""
    try:
        yield
    except InvalidRequest:
        raise
    except (TypeError, ValueError, AttributeError, KeyError) as error:
        raise invalid(field, f"not a value for it ({type(error).__name__}: {error})") from error
