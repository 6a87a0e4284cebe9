"""Moving signing keys through their lives, from outside the control plane."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

import grpc
import grpc.aio

from turnout.trust.v1 import keys_pb2
from turnout_wire.hosting import CHANNEL_OPTIONS
from turnout_wire.status import from_call


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
    """Calls KeyService and KeyAdminService of one control plane. Every method raises Failure."""

    def __init__(self, control: str, token: str, timeout: float = 10.0) -> None:
        self._channel = grpc.aio.insecure_channel(control, options=CHANNEL_OPTIONS)
        self._metadata = (("authorization", f"Bearer {token}"),)
        self._timeout = timeout

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._channel.close()

    async def keys(self) -> list[KeyFacts]:
        """All keys that verifiers know, oldest first."""
        response = await self._call(
            "KeyService/GetKeySet", keys_pb2.GetKeySetRequest(), keys_pb2.GetKeySetResponse.FromString
        )
        return _all(response.key_set)

    async def prepare(self) -> KeyFacts:
        """Make a key that verifiers learn now and that signs nothing yet."""
        response = await self._call(
            "KeyAdminService/PrepareKey", keys_pb2.PrepareKeyRequest(), keys_pb2.PrepareKeyResponse.FromString
        )
        return _facts(response.key)

    async def activate(self, key_id: str) -> list[KeyFacts]:
        """Sign with a prepared key from now on; the one before retires."""
        request = keys_pb2.ActivateKeyRequest(key_id=key_id)
        response = await self._call("KeyAdminService/ActivateKey", request, keys_pb2.ActivateKeyResponse.FromString)
        return _all(response.key_set)

    async def revoke(self, key_id: str) -> list[KeyFacts]:
        """Make everything that a key signed invalid at once."""
        request = keys_pb2.RevokeKeyRequest(key_id=key_id)
        response = await self._call("KeyAdminService/RevokeKey", request, keys_pb2.RevokeKeyResponse.FromString)
        return _all(response.key_set)

    async def _call(self, method: str, request: Any, decode: Callable[[bytes], Any]) -> Any:
        call: Any = self._channel.unary_unary(
            f"/turnout.trust.v1.{method}",
            request_serializer=type(request).SerializeToString,
            response_deserializer=decode,
        )
        try:
            return await call(request, metadata=self._metadata, timeout=self._timeout)
        except grpc.aio.AioRpcError as error:
            raise from_call(error.code(), error.details() or "", error.trailing_metadata()) from None


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
