"""Counts the tokens of requests that are not to be answered."""

import asyncio
from typing import Protocol

from dataplane.gateway.conversation import conversation
from dataplane.gateway.exchange import Exchange
from dataplane.gateway.face import Errors
from dataplane.gateway.model import Asked, Received
from dataplane.gateway.watching import Watch
from turnout_features.extraction import input_tokens
from turnout_wire.server import Principal

INLINE = 64 * 1024
"""Characters above which tokens are counted in a thread."""


class CountingFace(Errors, Protocol):
    """A protocol that counts."""

    def read(self, received: Received) -> Asked:
        """What is asked. Raises BadRequest."""
        ...

    def counted(self, asked: Asked, tokens: int) -> bytes:
        """The count as JSON."""
        ...


class Counting:
    """Serves one face. The count is o200k's, as decisions use it."""

    def __init__(self, face: CountingFace) -> None:
        self._face = face

    async def __call__(self, exchange: Exchange, received: Received, caller: Principal, watch: Watch) -> None:  # noqa: ARG002 - one signature for all
        """Answer. Raises BadRequest."""
        asked = self._face.read(received)
        told = conversation(asked.request)
        if len(received.text) > INLINE:
            tokens = await asyncio.to_thread(input_tokens, told)
        else:
            tokens = input_tokens(told)
        await exchange.respond(200, (), self._face.counted(asked, tokens))
