"""Making and ending API keys, from outside the control plane."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from google.protobuf.message import Message

from turnout.access.v1 import access_pb2
from turnout_wire.control_line import ControlLine, M
from turnout_wire.failure import Failure
from turnout_wire.insights import Plain, plain

ROLES = tuple(name.removeprefix("ROLE_").lower() for name in access_pb2.Role.keys()[1:])
"""What a key can be used for."""
_PAGE = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSecret:
    """A key and the secret that was made for it; nobody can tell that again. Not shown by `repr`."""

    api_key: Plain
    secret: str

    def __repr__(self) -> str:
        return f"NewSecret(api_key={self.api_key!r})"


class ApiKeyAdmin:
    """Calls ApiKeyService. Every method raises Failure; keys are as in the contract: times are datetimes, closed sets words."""

    def __init__(self, line: ControlLine) -> None:
        self._line = line

    async def create(
        self, name: str, *, tenant: str = "", roles: Sequence[str] = (), expires_at: datetime | None = None
    ) -> NewSecret:
        """A key for the caller `name`; `roles` are of `ROLES`, caller if there are none."""
        request = access_pb2.CreateApiKeyRequest(name=name, tenant=tenant, roles=[_role(role) for role in roles])
        if expires_at is not None:
            request.expires_at.FromDatetime(expires_at)
        made = await self._call("CreateApiKey", request, access_pb2.CreateApiKeyResponse)
        return NewSecret(api_key=plain(made.api_key), secret=made.secret)

    async def keys(self, tenant: str = "") -> list[Plain]:
        """All keys, of one tenant if it is named, in the order of their ids."""
        found: list[Plain] = []
        request = access_pb2.ListApiKeysRequest(tenant=tenant, page_size=_PAGE)
        while True:
            page = await self._call("ListApiKeys", request, access_pb2.ListApiKeysResponse)
            found += map(plain, page.api_keys)
            request.page_token = page.next_page_token
            if not request.page_token:
                return found

    async def rotate(self, key_id: str, overlap: timedelta) -> NewSecret:
        """A new secret; those before stay valid for `overlap`."""
        request = access_pb2.RotateApiKeyRequest(key_id=key_id)
        request.overlap.FromTimedelta(overlap)
        made = await self._call("RotateApiKey", request, access_pb2.RotateApiKeyResponse)
        return NewSecret(api_key=plain(made.api_key), secret=made.secret)

    async def revoke(self, key_id: str) -> Plain:
        """The key, ended."""
        request = access_pb2.RevokeApiKeyRequest(key_id=key_id)
        return plain((await self._call("RevokeApiKey", request, access_pb2.RevokeApiKeyResponse)).api_key)

    async def _call(self, method: str, request: Message, response: type[M]) -> M:
        return await self._line.call(f"turnout.access.v1.ApiKeyService/{method}", request, response)


def _role(name: str) -> access_pb2.Role.ValueType:
    if name not in ROLES:
        raise Failure("INVALID_FIELD", f"role: {name!r} is none of {', '.join(ROLES)}", field="roles")
    return access_pb2.Role.Value(f"ROLE_{name.upper()}")
