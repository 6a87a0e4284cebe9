"""What the calls of one operation share."""

from dataclasses import dataclass, replace
from typing import Self

from opentelemetry.trace import Span

from turnout_client.deadline import Deadline
from turnout_client.tracing import headers
from turnout_wire.server import REQUEST_ID

MAX_REQUEST_ID = 64
"""Characters that the contract allows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The time for the operation, the id of the request, whether its text stays here, and the span that it is part of."""

    deadline: Deadline
    request_id: str
    describe: bool = False
    span: Span | None = None

    def within(self, span: Span) -> Self:
        """The same, as part of `span`."""
        return replace(self, span=span)

    def anew(self) -> Self:
        """The same under an id that was not used yet: the same id would give the same decision."""
        return self._under("again")

    def numbered(self, number: int) -> Self:
        """The same for one of many requests."""
        return self._under(str(number))

    def _under(self, suffix: str) -> Self:
        return replace(self, request_id=f"{self.request_id[: MAX_REQUEST_ID - len(suffix) - 1]}.{suffix}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who calls: the token goes into metadata and nowhere else."""

    authorization: tuple[str, str | bytes]

    def __repr__(self) -> str:
        return "Caller()"

    def metadata(self, context: Context) -> tuple[tuple[str, str | bytes], ...]:
        """What every call carries."""
        return (self.authorization, (REQUEST_ID, context.request_id), *headers(context.span).items())


def caller(token: object) -> Caller:
    """A caller by its token. Raises ValueError, without the token in it."""
    if not isinstance(token, str) or not token or not token.isascii() or not token.isprintable() or " " in token:
        raise ValueError("token: it must be printable ASCII without spaces, and not empty")
    return Caller(authorization=("authorization", f"Bearer {token}"))
