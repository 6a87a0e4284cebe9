"""API keys as the JSON document that the store keeps; of a secret it has the digest alone."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from controlplane.access.model import ApiKey, ApiKeyId, Change, Note, Role, Secret


def to_json(keys: Iterable[ApiKey]) -> bytes:
    """The document, keys by id."""
    entries = [_written(key) for key in sorted(keys, key=lambda key: key.key_id)]
    return json.dumps({"keys": entries}, ensure_ascii=False, separators=(",", ":")).encode()


def from_json(document: bytes) -> dict[ApiKeyId, ApiKey]:
    """What `to_json` was given, by id. Raises ValueError, KeyError or TypeError if it is none."""
    return {key.key_id: key for key in map(_read, json.loads(document)["keys"])}


def _written(key: ApiKey) -> dict[str, object]:
    return {
        "key_id": key.key_id,
        "name": key.name,
        "tenant": key.tenant,
        "roles": sorted(key.roles),
        "created_at": key.created_at.isoformat(),
        "expires_at": _text(key.expires_at),
        "revoked_at": _text(key.revoked_at),
        "secrets": [
            {
                "token_sha256": secret.token_sha256.hex(),
                "last_characters": secret.last_characters,
                "created_at": secret.created_at.isoformat(),
                "expires_at": _text(secret.expires_at),
            }
            for secret in key.secrets
        ],
        "note": {
            "number": key.note.number,
            "change": key.note.change,
            "by": key.note.by,
            "at": key.note.at.isoformat(),
        },
    }


def _read(entry: Mapping[str, Any]) -> ApiKey:
    note = entry["note"]
    return ApiKey(
        key_id=ApiKeyId(entry["key_id"]),
        name=entry["name"],
        tenant=entry["tenant"],
        roles=frozenset(map(Role, entry["roles"])),
        secrets=tuple(map(_secret, entry["secrets"])),
        created_at=datetime.fromisoformat(entry["created_at"]),
        expires_at=_time(entry["expires_at"]),
        revoked_at=_time(entry["revoked_at"]),
        note=Note(
            number=note["number"],
            change=Change(note["change"]),
            by=note["by"],
            at=datetime.fromisoformat(note["at"]),
        ),
    )


def _secret(entry: Mapping[str, Any]) -> Secret:
    return Secret(
        token_sha256=bytes.fromhex(entry["token_sha256"]),
        last_characters=entry["last_characters"],
        created_at=datetime.fromisoformat(entry["created_at"]),
        expires_at=_time(entry["expires_at"]),
    )


def _text(time: datetime | None) -> str | None:
    return time.isoformat() if time is not None else None


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text is not None else None
