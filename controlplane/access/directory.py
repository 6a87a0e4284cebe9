"""Everybody who may call: those of the state folder, and those with an API key."""

import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime

from controlplane.access.callers import token_hash
from controlplane.access.key_book import KeyBook, Keys
from controlplane.access.key_life import callers_of, ended
from controlplane.access.model import ApiKey, Caller
from turnout_wire.failure import Failure


class Directory:
    """Finds callers by their tokens; what it knows of API keys is what `book` saw last. Belongs to one event loop.

    `open_to` is who calls without a known token, if anybody may: a control plane for development has one.
    """

    def __init__(
        self,
        first: Mapping[bytes, Caller],
        book: KeyBook,
        clock: Callable[[], datetime],
        open_to: Caller | None = None,
    ) -> None:
        """`first`: the callers of the state folder, by hash of their tokens."""
        self._first = first
        self._book = book
        self._clock = clock
        self._open_to = open_to
        self._of: Keys | None = None
        self._by_hash: Mapping[bytes, tuple[ApiKey, Caller | None]] = {}

    @property
    def all(self) -> list[Caller]:
        """Those of the state folder, then one for each secret of each key that is not revoked, by key."""
        keys = (key for _, key in sorted(self._book.keys.items()))
        return [*self._first.values(), *(caller for key in keys for caller in callers_of(key))]

    @property
    def digest(self) -> bytes:
        """SHA-256 over the token hashes of the first callers and over each API key's id and number of changes, in order.

        What was changed back has another digest than before, so that no older snapshot ever comes back into force.
        """
        changes = [f"{key.key_id} {key.note.number}\n".encode() for key in self._book.keys.values()]
        return hashlib.sha256(b"".join([*sorted(self._first), *sorted(changes)])).digest()

    @property
    def everybody(self) -> list[Caller]:
        """The same, and whoever calls without a token where that is open."""
        return self.all + ([self._open_to] if self._open_to is not None else [])

    def __call__(self, token: str) -> Caller | None:
        """Who has `token`; None if it is nobody's. Raises Failure UNAUTHENTICATED, with the reason, for a key that is over."""
        digest = token_hash(token) if token else b""
        if (known := self._first.get(digest)) is not None:
            return known
        key, caller = self._keys().get(digest, (None, None))
        if key is None:
            return self._open_to
        if caller is None:
            raise Failure("UNAUTHENTICATED", f"the API key {key.key_id} is revoked; ask an operator for another one")
        if ended(caller.expires_at, self._clock()):
            told = f"this secret of the API key {key.key_id} has expired; ask an operator to rotate the key or make another one"
            raise Failure("UNAUTHENTICATED", told)
        return caller

    def built_in(self, name: str) -> bool:
        """Whether a caller without an API key has that name."""
        return any(one.name == name for one in (*self._first.values(), self._open_to) if one is not None)

    def _keys(self) -> Mapping[bytes, tuple[ApiKey, Caller | None]]:
        """By hash; without a caller if the key is revoked. Worked out when the book has another state."""
        if self._of is not self._book.keys:
            self._of, keys = self._book.keys, self._book.keys.values()
            found: dict[bytes, tuple[ApiKey, Caller | None]] = {
                secret.token_sha256: (key, None) for key in keys for secret in key.secrets
            }
            found |= {caller.token_sha256: (key, caller) for key in keys for caller in callers_of(key)}
            self._by_hash = found
        return self._by_hash
