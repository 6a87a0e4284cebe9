"""Calls of the control plane: all of them may be repeated, for asking again changes nothing."""

from collections.abc import Callable
from typing import Any, TypeVar

import grpc

from turnout_client.call import CallFailed, finished
from turnout_client.deadline import Deadline
from turnout_client.error_codec import error
from turnout_client.line import Line, Refused
from turnout_client.pool import Pool
from turnout_wire.failure import Code

Metadata = tuple[tuple[str, str | bytes], ...]
Request = TypeVar("Request")
Response = TypeVar("Response")


class ControlPlane:
    """RoutingService at one of its addresses."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def call(
        self,
        method: "Callable[[Line], grpc.UnaryUnaryMultiCallable[Request, Response]]",  # generic to type checkers alone
        request: Request,
        deadline: Deadline,
        metadata: Metadata,
    ) -> Response:
        """The response of `method`, by whoever is there. Raises TurnoutError."""

        async def once(line: Line) -> Response:
            call: Any = method(line)(request, timeout=deadline.left(), metadata=metadata)
            try:
                return await finished(call, line.address, deadline)
            except CallFailed as failed:
                if failed.failure.code is Code.UNAVAILABLE or failed.nothing_ran:
                    raise Refused(failed.failure) from failed
                raise error(failed.failure) from failed

        return await self._pool.run(once, deadline)
