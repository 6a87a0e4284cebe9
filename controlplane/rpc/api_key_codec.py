"""API keys for the wire and for the log; of a secret they tell its last characters alone."""

from datetime import datetime

from controlplane.access.commands import Wanted
from controlplane.access.key_life import ended
from controlplane.access.model import ApiKey, ApiKeyState, Change, Role, Secret
from controlplane.rpc.enums import numbers
from turnout.access.v1 import access_pb2
from turnout.audit.v1 import record_pb2
from turnout_wire.times import moment, timestamp

ROLE = numbers(Role, access_pb2.Role, "ROLE")
ROLES = {number: role for role, number in ROLE.items()}
STATE = numbers(ApiKeyState, access_pb2.ApiKeyState, "API_KEY_STATE")
CHANGE = numbers(Change, access_pb2.ApiKeyChange, "API_KEY_CHANGE")
DEFAULT_TENANT = "default"


def wanted_from(request: access_pb2.CreateApiKeyRequest) -> Wanted:
    """The key that is asked for. Raises Failure if its end is no time."""
    return Wanted(
        name=request.name,
        tenant=request.tenant or DEFAULT_TENANT,
        roles=frozenset(ROLES[role] for role in request.roles) or frozenset({Role.CALLER}),
        expires_at=moment(request.expires_at, "expires_at") if request.HasField("expires_at") else None,
    )


def api_key_message(key: ApiKey, now: datetime) -> access_pb2.ApiKey:
    """A key as it stands."""
    return access_pb2.ApiKey(
        key_id=key.key_id,
        name=key.name,
        tenant=key.tenant,
        roles=sorted(ROLE[role] for role in key.roles),
        state=STATE[key.state(now)],
        secrets=[_secret(secret) for secret in key.secrets if not ended(secret.expires_at, now)],
        created_at=timestamp(key.created_at),
        expires_at=timestamp(key.expires_at) if key.expires_at is not None else None,
        revoked_at=timestamp(key.revoked_at) if key.revoked_at is not None else None,
    )


def api_key_record(key: ApiKey) -> bytes:
    """The body of the entry of its last change."""
    record = record_pb2.ApiKeyRecord(
        api_key=api_key_message(key, key.note.at),
        change=CHANGE[key.note.change],
        changed_by=key.note.by,
        changed_at=timestamp(key.note.at),
    )
    return record.SerializeToString(deterministic=True)


def _secret(secret: Secret) -> access_pb2.ApiKeySecret:
    return access_pb2.ApiKeySecret(
        last_characters=secret.last_characters,
        created_at=timestamp(secret.created_at),
        expires_at=timestamp(secret.expires_at) if secret.expires_at is not None else None,
    )
