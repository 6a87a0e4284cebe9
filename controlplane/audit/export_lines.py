"""One line of an exported audit log: JSON with one name, which says what the line is."""

import base64
import json
from collections.abc import Mapping
from typing import Any

from controlplane.audit.leaf import from_microseconds, microseconds
from controlplane.audit.model import Document
from controlplane.store.protocols import Checkpoint, StoredEntry

FORMAT = 1


class ExportInvalid(Exception):
    """Something is no export; the message names the line."""


def line(kind: str, value: Mapping[str, object]) -> bytes:
    """A line of the kind `kind`."""
    return json.dumps({kind: value}, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


def document_line(document: Document) -> bytes:
    """A document."""
    return line("document", {"digest": document.digest.hex(), "kind": document.kind, "body": _text(document.body)})


def checkpoint_line(checkpoint: Checkpoint) -> bytes:
    """A checkpoint."""
    told = {"size": checkpoint.size, "root": checkpoint.root.hex(), "at_us": microseconds(checkpoint.at)}
    return line("checkpoint", {**told, "note": checkpoint.note})


def entry_line(entry: StoredEntry) -> bytes:
    """An entry."""
    value = {
        "index": entry.index,
        "seq": entry.seq,
        "kind": entry.kind,
        "ref": entry.ref,
        "decision_id": entry.decision_id,
        "at_us": microseconds(entry.at),
        "leaf": _text(entry.leaf),
        "salt": None if entry.salt is None else _text(entry.salt),
        "body": None if entry.body is None else _text(entry.body),
    }
    return line("entry", value)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def any_of(data: bytes, place: str) -> tuple[str, dict[str, Any]]:
    """What a line is, and what it says. Raises ExportInvalid with `place`, as all below."""
    try:
        ((kind, value),) = json.loads(data).items()
    except (ValueError, AttributeError) as error:
        raise ExportInvalid(f"{place}: it is no line of an export ({error})") from error
    if not isinstance(value, dict):
        raise ExportInvalid(f"{place}: it is no line of an export")
    return kind, value


def parsed(data: bytes, kind: str, place: str) -> dict[str, Any]:
    """What a line of the kind `kind` says."""
    found, value = any_of(data, place)
    if found != kind:
        raise ExportInvalid(f"{place}: {found!r} where {kind!r} is expected")
    return value


def head_from(data: bytes, place: str) -> dict[str, Any]:
    """The first line."""
    head = parsed(data, "export", place)
    if head.get("format") != FORMAT:
        raise ExportInvalid(f"{place}: format {head.get('format')!r}, and {FORMAT} is read")
    return head


def digest_from(value: Mapping[str, Any], place: str) -> bytes:
    """The digest of a document."""
    try:
        return bytes.fromhex(value["digest"])
    except (KeyError, TypeError, ValueError) as error:
        raise ExportInvalid(f"{place}: digest is missing or not in hex") from error


def document_from(value: Mapping[str, Any], place: str) -> Document:
    """A document."""
    try:
        body = base64.b64decode(value["body"])
        return Document(digest=digest_from(value, place), kind=str(value["kind"]), body=body)
    except (KeyError, TypeError, ValueError) as error:
        raise ExportInvalid(f"{place}: it is no document ({error!r})") from error


def checkpoint_from(value: Mapping[str, Any], place: str) -> Checkpoint:
    """A checkpoint, whose note is not looked into."""
    try:
        at = from_microseconds(value["at_us"])
        return Checkpoint(size=int(value["size"]), root=bytes.fromhex(value["root"]), at=at, note=str(value["note"]))
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ExportInvalid(f"{place}: it is no checkpoint ({error!r})") from error


def entry_from(value: Mapping[str, Any], place: str) -> StoredEntry:
    """An entry, of which nothing is verified."""
    try:
        return StoredEntry(
            seq=int(value["seq"]),
            index=int(value["index"]),
            kind=str(value["kind"]),
            ref=str(value["ref"]),
            decision_id=str(value["decision_id"]),
            at=from_microseconds(value["at_us"]),
            leaf=base64.b64decode(value["leaf"]),
            salt=None if value["salt"] is None else base64.b64decode(value["salt"]),
            body=None if value["body"] is None else base64.b64decode(value["body"]),
        )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ExportInvalid(f"{place}: it is no entry ({error!r})") from error
