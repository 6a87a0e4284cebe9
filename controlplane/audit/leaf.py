"""The bytes of a leaf: what the log commits to, without the body itself, which may be erased."""

import hashlib
from datetime import UTC, datetime, timedelta

from controlplane.audit.model import Entry

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def leaf(entry: Entry) -> bytes:
    """Lines of text: `turnout.leaf.v1`, kind, ref, decision id, time in microseconds since 1970, digest of the body in hex.

    The digest is SHA-256 over salt and body. Names cannot hold line breaks. Raises ValueError if one does.
    """
    digest = body_digest(entry.salt, entry.body).hex()
    data = leaf_of(entry.kind.value, entry.ref, entry.decision_id, entry.at, digest)
    if data.count(b"\n") != LINES:
        raise ValueError(f"{entry.kind} {entry.ref!r}: a name with a line break cannot be logged")
    return data


LINES = 6
"""Of a leaf."""


def leaf_of(kind: str, ref: str, decision_id: str, at: datetime, digest: str) -> bytes:
    """The leaf of an entry with these names and this digest of its body, in hex."""
    return "\n".join(("turnout.leaf.v1", kind, ref, decision_id, str(microseconds(at)), digest, "")).encode()


def digest_in(leaf: bytes) -> str:
    """The digest of the body that a leaf commits to, in hex; something else if it is no leaf."""
    return leaf.decode(errors="replace").rstrip("\n").rpartition("\n")[2]


def body_digest(salt: bytes, body: bytes) -> bytes:
    """SHA-256 over both."""
    return hashlib.sha256(salt + body).digest()


def microseconds(at: datetime) -> int:
    """Since 1970, exactly."""
    since = at - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def from_microseconds(value: int) -> datetime:
    """The inverse of `microseconds`."""
    return _EPOCH + timedelta(microseconds=value)
