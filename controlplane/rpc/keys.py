"""KeyService and KeyAdminService."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from controlplane.signing.commands import ActivateKey, GetKeySet, PrepareKey, RevokeKey
from controlplane.signing.model import Key, KeyId, KeyRing, KeyState
from turnout.trust.v1 import keys_pb2
from turnout_wire.server import Call

_log = logging.getLogger(__name__)
_STATES: Mapping[KeyState, keys_pb2.KeyState.ValueType] = {
    state: keys_pb2.KeyState.Value(f"KEY_STATE_{state.name}") for state in KeyState
}


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyCommands:
    """The use cases that the services call."""

    get: GetKeySet
    prepare: PrepareKey
    activate: ActivateKey
    revoke: RevokeKey


class KeyServicer:
    """Publishes the verification keys."""

    def __init__(self, commands: KeyCommands) -> None:
        self._commands = commands

    async def GetKeySet(self, request: keys_pb2.GetKeySetRequest, call: Call) -> keys_pb2.GetKeySetResponse:
        """The current set."""
        return keys_pb2.GetKeySetResponse(key_set=key_set_message(self._commands.get()))


class KeyAdminServicer:
    """Moves keys through their lives; each step is logged with who asked for it."""

    def __init__(self, commands: KeyCommands, *, changed: Callable[[], Awaitable[None]]) -> None:
        self._commands = commands
        self._changed = changed

    async def PrepareKey(self, request: keys_pb2.PrepareKeyRequest, call: Call) -> keys_pb2.PrepareKeyResponse:
        """Make a key."""
        key, ring = self._commands.prepare()
        await self._note(call, "prepared", key.key_id)
        return keys_pb2.PrepareKeyResponse(key=_key(key), key_set=key_set_message(ring))

    async def ActivateKey(self, request: keys_pb2.ActivateKeyRequest, call: Call) -> keys_pb2.ActivateKeyResponse:
        """Sign with it."""
        ring = self._commands.activate(KeyId(request.key_id))
        await self._note(call, "activated", request.key_id)
        return keys_pb2.ActivateKeyResponse(key_set=key_set_message(ring))

    async def RevokeKey(self, request: keys_pb2.RevokeKeyRequest, call: Call) -> keys_pb2.RevokeKeyResponse:
        """Never trust it again."""
        ring = self._commands.revoke(KeyId(request.key_id))
        await self._note(call, "revoked", request.key_id)
        return keys_pb2.RevokeKeyResponse(key_set=key_set_message(ring))

    async def _note(self, call: Call, what: str, key_id: str) -> None:
        """Publish the change to verifiers before the caller hears that it is done."""
        await self._changed()
        _log.warning("key %s", what, extra={"key_id": key_id, "by": call.principal.name, "request_id": call.request_id})


def key_set_message(ring: KeyRing) -> keys_pb2.KeySet:
    """The ring for the wire; private keys are no part of it."""
    return keys_pb2.KeySet(version=ring.version, keys=[_key(key) for key in ring.keys])


def _key(key: Key) -> keys_pb2.Key:
    message = keys_pb2.Key(key_id=key.key_id, public_key=key.public_key, issuer=key.issuer, state=_STATES[key.state])
    message.not_before.FromDatetime(key.not_before)
    if key.not_after is not None:
        message.not_after.FromDatetime(key.not_after)
    return message
