"""How many requests may be answered at the same time."""

from types import TracebackType

from turnout_wire.failure import Failure


class Gate:
    """Lets `limit` in at once, and refuses more."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._inside = 0

    def __enter__(self) -> None:
        if self._inside >= self._limit:
            raise Failure("OVERLOADED", f"{self._limit} requests are being answered; ask again in a moment")
        self._inside += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._inside -= 1
