"""The bytes of a leaf: what the log commits to, without the body itself, which may be erased."""

import hashlib
from datetime import UTC, datetime, timedelta

from controlplane.audit.model import Entry

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def leaf(entry: Entry) -> bytes:
    """Lines of text: `turnout.leaf.v1`, kind, ref, decision id, time in microseconds since 1970, digest of the body in hex.

    The digest is SHA-256 over salt and body. Names cannot hold line breaks. Raises ValueError if one does.
    """
    lines = (
        "turnout.leaf.v1",
        entry.kind.value,
        entry.ref,
        entry.decision_id,
        str(microseconds(entry.at)),
        body_digest(entry.salt, entry.body).hex(),
    )
    text = "\n".join(lines)
    if text.count("\n") != len(lines) - 1:
        raise ValueError(f"{entry.kind} {entry.ref!r}: a name with a line break cannot be logged")
    return text.encode() + b"\n"


def body_digest(salt: bytes, body: bytes) -> bytes:
    """SHA-256 over both."""
    return hashlib.sha256(salt + body).digest()


def microseconds(at: datetime) -> int:
    """Since 1970, exactly."""
    return (at - _EPOCH) // timedelta(microseconds=1)


def from_microseconds(value: int) -> datetime:
    """The inverse of `microseconds`."""
    return _EPOCH + timedelta(microseconds=value)
