"""Moving signing keys through their lives, from outside the control plane."""

from dataclasses import dataclass
from datetime import UTC, datetime

from google.protobuf.message import Message

from turnout.trust.v1 import keys_pb2
from turnout_wire.control_line import ControlLine, M


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFacts:
    """A verification key; `state` is one word, such as `active`."""

    key_id: str
    state: str
    issuer: str
    public_key: str
    not_before: datetime
    not_after: datetime | None


class KeyAdmin:
    """Calls KeyService and KeyAdminService. Every method raises Failure."""

    def __init__(self, line: ControlLine) -> None:
        self._line = line

    async def keys(self) -> list[KeyFacts]:
        """All keys that verifiers know, oldest first."""
        response = await self._call("KeyService/GetKeySet", keys_pb2.GetKeySetRequest(), keys_pb2.GetKeySetResponse)
        return _all(response.key_set)

    async def prepare(self) -> KeyFacts:
        """Make a key that verifiers learn now and that signs nothing yet."""
        response = await self._call(
            "KeyAdminService/PrepareKey", keys_pb2.PrepareKeyRequest(), keys_pb2.PrepareKeyResponse
        )
        return _facts(response.key)

    async def activate(self, key_id: str) -> list[KeyFacts]:
        """Sign with a prepared key from now on; the one before retires."""
        request = keys_pb2.ActivateKeyRequest(key_id=key_id)
        response = await self._call("KeyAdminService/ActivateKey", request, keys_pb2.ActivateKeyResponse)
        return _all(response.key_set)

    async def revoke(self, key_id: str) -> list[KeyFacts]:
        """Make everything that a key signed invalid at once."""
        request = keys_pb2.RevokeKeyRequest(key_id=key_id)
        response = await self._call("KeyAdminService/RevokeKey", request, keys_pb2.RevokeKeyResponse)
        return _all(response.key_set)

    async def _call(self, method: str, request: Message, response: type[M]) -> M:
        return await self._line.call(f"turnout.trust.v1.{method}", request, response)


def _all(key_set: keys_pb2.KeySet) -> list[KeyFacts]:
    return [_facts(key) for key in key_set.keys]


def _facts(key: keys_pb2.Key) -> KeyFacts:
    return KeyFacts(
        key_id=key.key_id,
        state=keys_pb2.KeyState.Name(key.state).removeprefix("KEY_STATE_").lower(),
        issuer=key.issuer,
        public_key=key.public_key.hex(),
        not_before=key.not_before.ToDatetime(tzinfo=UTC),
        not_after=key.not_after.ToDatetime(tzinfo=UTC) if key.HasField("not_after") else None,
    )
