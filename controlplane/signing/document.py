"""The key ring as a JSON document, without private keys."""

import json
from collections import Counter
from datetime import datetime
from typing import Any

from controlplane.signing.model import Key, KeyId, KeyRing, KeyState
from turnout_wire.ed25519 import key_id_of

FORMAT = 1


def to_json(ring: KeyRing) -> bytes:
    """The document, for people to read as well."""
    document = {"format": FORMAT, "version": ring.version, "keys": [_entry(key) for key in ring.keys]}
    return (json.dumps(document, indent=2) + "\n").encode()


def from_json(data: bytes) -> KeyRing:
    """The ring that `to_json` wrote.

    Raises:
        ValueError: the document is something else; the message says what.
    """
    try:
        document = json.loads(data)
        if document["format"] != FORMAT:
            raise ValueError(f"format {document['format']} where {FORMAT} is read")
        ring = KeyRing(version=document["version"], keys=tuple(_key(entry) for entry in document["keys"]))
    except (KeyError, TypeError) as error:
        raise ValueError(f"a field is missing or of the wrong type ({error})") from error
    _check(ring)
    return ring


def _entry(key: Key) -> dict[str, str | None]:
    return {
        "key_id": key.key_id,
        "public_key": key.public_key.hex(),
        "issuer": key.issuer,
        "state": key.state,
        "not_before": key.not_before.isoformat(),
        "not_after": _text(key.not_after),
        "signs_from": _text(key.signs_from),
    }


def _key(entry: Any) -> Key:
    return Key(
        key_id=KeyId(entry["key_id"]),
        public_key=bytes.fromhex(entry["public_key"]),
        issuer=entry["issuer"],
        state=KeyState(entry["state"]),
        not_before=datetime.fromisoformat(entry["not_before"]),
        not_after=_time(entry["not_after"]),
        signs_from=_time(entry["signs_from"]),
    )


def _text(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat()


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _check(ring: KeyRing) -> None:
    active = sum(key.state is KeyState.ACTIVE for key in ring.keys)
    if active != bool(ring.keys):
        raise ValueError(f"{active} active keys, and exactly one is needed")
    for key in ring.keys:
        if key.key_id != key_id_of(key.public_key):
            raise ValueError(f"the id of key {key.key_id} is not that of its public key")
    if any(count > 1 for count in Counter(key.key_id for key in ring.keys).values()):
        raise ValueError("a key is listed twice")
