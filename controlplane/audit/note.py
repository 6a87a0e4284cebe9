"""Checkpoints as signed notes: C2SP signed-note and tlog-checkpoint, with Ed25519."""

import base64
import binascii
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Protocol, Self
from urllib.parse import quote

from turnout_wire.ed25519 import verify
from turnout_wire.tree import HASH_BYTES

_ED25519: Final = b"\x01"
_SIGNATURE_BYTES, _ID_BYTES, _KEY_BYTES = 64, 4, 32
_DASH: Final = "\N{EM DASH} "
MAX_BYTES = 16_384
"""The longest note that is read."""
MAX_SIGNATURES = 64


class NoteInvalid(Exception):
    """It is no checkpoint that a known key signed; the message says why."""


class Sign(Protocol):
    """Signs with the log's key."""

    def __call__(self, message: bytes) -> bytes:
        """64 bytes of Ed25519 over exactly `message`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteKey:
    """A key that notes are verified with: its name, and 32 bytes of Ed25519. Raises ValueError if it cannot be one."""

    name: str
    public_key: bytes

    def __post_init__(self) -> None:
        if not self.name or "+" in self.name or any(letter.isspace() or ord(letter) < 32 for letter in self.name):
            raise ValueError(f"{self.name!r}: a key's name has no blanks and no +, and is not empty")
        if len(self.public_key) != _KEY_BYTES:
            raise ValueError(f"an Ed25519 key has {_KEY_BYTES} bytes, not {len(self.public_key)}")

    @property
    def id(self) -> bytes:
        """Four bytes that find the key among others: SHA-256 of name, line break, algorithm and key."""
        return hashlib.sha256(self.name.encode() + b"\n" + _ED25519 + self.public_key).digest()[:_ID_BYTES]

    def __str__(self) -> str:
        """As verifiers take it: `name+id+key`."""
        return f"{self.name}+{self.id.hex()}+{base64.b64encode(_ED25519 + self.public_key).decode()}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """The inverse of `str`. Raises ValueError, which says what is wrong."""
        name, key_id, encoded = [*text.split("+", 2), "", ""][:3]
        try:
            data = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            data = b""
        if data[:1] != _ED25519 or base64.b64encode(data).decode() != encoded:
            raise ValueError(f"{text!r}: a verifier key is name+id+key, and the key is of Ed25519 in base64")
        key = cls(name=name, public_key=data[1:])
        if key.id.hex() != key_id:
            raise ValueError(f"{text!r}: the id is {key_id!r}, and that of this name and key is {key.id.hex()}")
        return key


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What a checkpoint says: the log of this origin has `size` leaves and this root."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """The text of the note, which is what is signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


def origin_of(issuer: str) -> str:
    """The name of an issuer's log, and of the key that signs it. What such a name may not have is written as in URLs."""
    return f"{quote(issuer, safe='/:@')}/log"


def sign_note(text: str, key: NoteKey, sign: Sign) -> str:
    """A signed note. Raises ValueError if `text` does not end its last line."""
    if not text.endswith("\n"):
        raise ValueError("the text of a note ends with a line break")
    signature = base64.b64encode(key.id + sign(text.encode())).decode()
    return f"{text}\n{_DASH}{key.name} {signature}\n"


def open_note(note: str, known: Iterable[NoteKey]) -> str:
    """The text of a note that one of `known` signed, and whose other signatures of known keys hold too.

    Raises NoteInvalid.
    """
    text, signatures = _parts(note)
    by_name = {(key.name, key.id): key for key in known}
    signed = False
    for name, data in map(_signature, signatures):
        key = by_name.get((name, data[:_ID_BYTES]))
        if key is None:
            continue
        if not verify(key.public_key, text.encode(), data[_ID_BYTES:]):
            raise NoteInvalid(f"the signature of {name} does not hold: the text or the signature was altered")
        signed = True
    if not signed:
        names = ", ".join(sorted({f"{name}+{data[:_ID_BYTES].hex()}" for name, data in map(_signature, signatures)}))
        raise NoteInvalid(f"no known key signed it, but {names}")
    return text


def open_checkpoint(note: str, origin: str, known: Iterable[NoteKey]) -> Statement:
    """What a signed checkpoint of the log of `origin` says. Raises NoteInvalid."""
    statement = parse_checkpoint(open_note(note, known))
    if statement.origin != origin:
        raise NoteInvalid(f"it is of the log {statement.origin!r}, not {origin!r}")
    return statement


def parse_checkpoint(text: str) -> Statement:
    """What the text of a checkpoint says; extension lines say nothing. Raises NoteInvalid."""
    lines = text.removesuffix("\n").split("\n")
    if len(lines) < 3 or not all(lines) or not text.endswith("\n"):
        raise NoteInvalid("a checkpoint has lines for origin, size and root, none of them empty")
    origin, size, encoded = lines[:3]
    if not (size.isascii() and size.isdigit()) or str(int(size)) != size:
        raise NoteInvalid(f"the size {size!r} is no number of leaves")
    root = _base64(encoded)
    if len(root) != HASH_BYTES:
        raise NoteInvalid(f"a root has {HASH_BYTES} bytes, not {len(root)}")
    return Statement(origin=origin, size=int(size), root=root)


def _parts(note: str) -> tuple[str, list[str]]:
    if len(note) > MAX_BYTES:
        raise NoteInvalid(f"it has more than {MAX_BYTES} characters")
    if any(ord(letter) < 32 and letter != "\n" for letter in note):
        raise NoteInvalid("it has control characters")
    text, separator, tail = note.rpartition("\n\n")
    if not separator or not tail.endswith("\n"):
        raise NoteInvalid("a signed note is a text, an empty line, and lines of signatures")
    lines = tail.removesuffix("\n").split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise NoteInvalid(f"it has more than {MAX_SIGNATURES} signatures")
    return text + "\n", lines


def _signature(line: str) -> tuple[str, bytes]:
    name, blank, encoded = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not name or not blank:
        raise NoteInvalid(f"{line!r} is no line of a signature")
    data = _base64(encoded)
    if len(data) <= _ID_BYTES:
        raise NoteInvalid(f"the signature of {name} is too short")
    return name, data


def _base64(encoded: str) -> bytes:
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise NoteInvalid(f"{encoded!r} is not base64") from error
