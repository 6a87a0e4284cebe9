"""ApiKeyService."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from controlplane.access.commands import CreateApiKey, ListApiKeys, RevokeApiKey, RotateApiKey
from controlplane.rpc.api_key_codec import api_key_message, wanted_from
from turnout.access.v1 import access_pb2
from turnout_wire.server import Call
from turnout_wire.times import delta


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKeyCommands:
    """The use cases that the service calls."""

    create: CreateApiKey
    list: ListApiKeys
    rotate: RotateApiKey
    revoke: RevokeApiKey


class ApiKeyServicer:
    """Makes and ends API keys."""

    def __init__(self, commands: ApiKeyCommands, clock: Callable[[], datetime]) -> None:
        self._commands = commands
        self._clock = clock

    async def CreateApiKey(
        self, request: access_pb2.CreateApiKeyRequest, call: Call
    ) -> access_pb2.CreateApiKeyResponse:
        """Make a key; the answer alone has its secret."""
        key, secret = await self._commands.create(wanted_from(request), by=call.principal.name)
        return access_pb2.CreateApiKeyResponse(api_key=api_key_message(key, self._clock()), secret=secret)

    async def ListApiKeys(self, request: access_pb2.ListApiKeysRequest, call: Call) -> access_pb2.ListApiKeysResponse:
        """A page of keys."""
        page = self._commands.list(tenant=request.tenant, page_size=request.page_size, page_token=request.page_token)
        now = self._clock()
        return access_pb2.ListApiKeysResponse(
            api_keys=[api_key_message(key, now) for key in page.entries], next_page_token=page.next_page_token
        )

    async def RotateApiKey(
        self, request: access_pb2.RotateApiKeyRequest, call: Call
    ) -> access_pb2.RotateApiKeyResponse:
        """A new secret; the answer alone has it."""
        overlap = delta(request.overlap, "overlap")
        key, secret = await self._commands.rotate(request.key_id, overlap, by=call.principal.name)
        return access_pb2.RotateApiKeyResponse(api_key=api_key_message(key, self._clock()), secret=secret)

    async def RevokeApiKey(
        self, request: access_pb2.RevokeApiKeyRequest, call: Call
    ) -> access_pb2.RevokeApiKeyResponse:
        """The end of a key."""
        key = await self._commands.revoke(request.key_id, by=call.principal.name)
        return access_pb2.RevokeApiKeyResponse(api_key=api_key_message(key, self._clock()))
