"""Keeps the keys in files, and signs with them."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from controlplane.signing import document, life
from controlplane.signing.folder import Folder, KeyFolderError
from controlplane.signing.model import KeyId, KeyRing, KeyState
from controlplane.signing.private_key import from_pem, to_pem
from controlplane.signing.store import Clock, Listener
from turnout_wire.ed25519 import Ed25519Signer
from turnout_wire.signature import Signature

STATE = "keys.json"
_PRIVATE, _SCRATCH = ".pem", ".new"
_OTHERS = "audit."
"""What the names of files begin with that belong to the audit log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    """What a signature needs, replaced as one."""

    ring: KeyRing
    signers: Mapping[KeyId, Ed25519Signer]
    active: Ed25519Signer


class FileKeyStore:
    """A KeyStore and a Signer over a folder with `keys.json` and one PEM file for each private key.

    Every change writes what is needed first and removes what is not needed last, so that a crash between any two
    steps leaves the ring before the change or after it, and nothing that the next start does not clear away.
    `seed` gives 32 random bytes. Listeners are called in the thread of the change and must not raise.

    Raises:
        KeyFolderError: the files are damaged, incomplete, or of another issuer.
    """

    def __init__(
        self,
        folder: Folder,
        *,
        issuer: str,
        clock: Clock,
        seed: Callable[[], bytes],
        listeners: Sequence[Listener] = (),
    ) -> None:
        self._folder = folder
        self._issuer = issuer
        self._clock = clock
        self._seed = seed
        self._listeners = tuple(listeners)
        self._changing = threading.RLock()
        with folder.exclusive():
            self._held = self._open()
            self._sweep()

    @property
    def ring(self) -> KeyRing:
        """See KeyStore."""
        return self._held.ring

    def sign(self, message: bytes) -> Signature:
        """See Signer."""
        held = self._held
        key = life.signing_key(held.ring, self._clock())
        # The clock may have stepped back to a key whose private half was destroyed since.
        signer = held.signers.get(key.key_id, held.active) if key else held.active
        return signer.sign(message)

    def new_key(self) -> bytes:
        """See KeyStore."""
        seed = self._seed()
        signer = Ed25519Signer(seed)
        self._replace(signer.key_id + _PRIVATE, to_pem(seed))
        return signer.public_key

    def change(self, step: Callable[[KeyRing], KeyRing]) -> KeyRing:
        """See KeyStore. The step is taken from what is in the folder, for another replica may have changed it."""
        with self._changing, self._folder.exclusive():
            self._refresh()
            ring = step(self._held.ring)
            if ring is not self._held.ring:
                held = self._hold(ring)
                self._replace(STATE, document.to_json(ring))
                self._held = held
                for listener in self._listeners:
                    listener(ring)
            self._sweep()
            return ring

    def reload(self) -> KeyRing:
        """The ring, as another replica may have changed it. Raises KeyFolderError; then the one before holds."""
        with self._changing, self._folder.exclusive():
            self._refresh()
            return self._held.ring

    def tidy(self) -> None:
        """Drop keys whose time is over, and destroy private keys that sign no more. To be called now and then."""
        self.change(lambda ring: life.prune(ring, now=self._clock()))

    def _refresh(self) -> None:
        ring = self._read()
        if ring != self._held.ring:
            self._held = self._hold(ring)

    def _open(self) -> _Held:
        if STATE not in self._folder.names():
            self._begin()
        ring = self._read()
        if not ring.keys:
            ring = self._first(ring)
            self._replace(STATE, document.to_json(ring))
        if any(key.issuer != self._issuer for key in ring.keys):
            raise KeyFolderError(
                f"{self._folder.where(STATE)} holds keys of another issuer than {self._issuer!r}: "
                "start with the issuer that they belong to, or with another folder"
            )
        return self._hold(ring)

    def _begin(self) -> None:
        """Write the empty ring, so that private keys without a ring always mean that the ring was lost."""
        if any(name.endswith(_PRIVATE) for name in self._names()):
            raise KeyFolderError(
                f"{self._folder.where(STATE)} is missing, though private keys are beside it: "
                "restore it, or move the folder away to begin with new keys"
            )
        self._replace(STATE, document.to_json(KeyRing()))

    def _first(self, ring: KeyRing) -> KeyRing:
        now = self._clock()
        prepared = life.prepare(ring, public_key=self.new_key(), issuer=self._issuer, now=now)
        return life.activate(prepared, prepared.keys[0].key_id, now=now, lead=timedelta(0))

    def _read(self) -> KeyRing:
        try:
            return document.from_json(self._folder.read(STATE))
        except ValueError as error:
            raise KeyFolderError(
                f"{self._folder.where(STATE)} is damaged: {error}; restore it, or move the folder away to begin anew"
            ) from error

    def _hold(self, ring: KeyRing) -> _Held:
        signers = {key_id: self._signer(key_id) for key_id in life.private_keys(ring, self._clock())}
        active = next(key.key_id for key in ring.keys if key.state is KeyState.ACTIVE)
        return _Held(ring=ring, signers=signers, active=signers[active])

    def _signer(self, key_id: KeyId) -> Ed25519Signer:
        name = key_id + _PRIVATE
        try:
            signer = Ed25519Signer(from_pem(self._folder.read(name)))
        except (FileNotFoundError, ValueError) as error:
            raise KeyFolderError(
                f"{self._folder.where(name)} cannot be read ({error}): restore it, or move the folder away to begin anew"
            ) from error
        if signer.key_id != key_id:
            raise KeyFolderError(f"{self._folder.where(name)} holds another key than its name says: restore it")
        return signer

    def _replace(self, name: str, data: bytes) -> None:
        self._folder.write(name + _SCRATCH, data)
        self._folder.rename(name + _SCRATCH, name)
        self._folder.sync()

    def _sweep(self) -> None:
        """Destroy private keys that are not needed any more, and remove what a crash left over."""
        held = self._held
        needed = life.private_keys(held.ring, self._clock())
        self._held = replace(
            held, signers={key_id: held.signers[key_id] for key_id in needed if key_id in held.signers}
        )
        kept = {key_id + _PRIVATE for key_id in needed}
        ours = (name for name in self._names() if name.endswith((_PRIVATE, _SCRATCH)))
        unneeded = [name for name in ours if name not in kept]
        for name in unneeded:
            self._folder.remove(name)
        if unneeded:
            self._folder.sync()

    def _names(self) -> list[str]:
        return [name for name in self._folder.names() if not name.startswith(_OTHERS)]
