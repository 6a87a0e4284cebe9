"""What an operator does with keys: one object for each use case."""

from dataclasses import dataclass
from datetime import timedelta

from controlplane.signing import life
from controlplane.signing.model import Key, KeyId, KeyRing
from controlplane.signing.store import Clock, KeyStore


@dataclass(frozen=True, slots=True, kw_only=True)
class GetKeySet:
    """The keys that verifiers need."""

    store: KeyStore

    def __call__(self) -> KeyRing:
        """The ring of now."""
        return self.store.ring


@dataclass(frozen=True, slots=True, kw_only=True)
class PrepareKey:
    """Makes a key that verifiers learn before it is used."""

    store: KeyStore
    clock: Clock
    issuer: str

    def __call__(self) -> tuple[Key, KeyRing]:
        """The new key, and the ring with it.

        Raises:
            Failure: KEY_STATE, the ring is full.
        """
        ring = self.store.change(self._step)
        return ring.keys[-1], ring

    def _step(self, ring: KeyRing) -> KeyRing:
        now = self.clock()
        pruned = life.prune(ring, now=now)
        life.check_room(pruned)
        return life.prepare(pruned, public_key=self.store.new_key(), issuer=self.issuer, now=now)


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivateKey:
    """Signs with a prepared key, `lead` from now; the key before it verifies for `overlap` after its last signature."""

    store: KeyStore
    clock: Clock
    lead: timedelta = life.LEAD
    overlap: timedelta = life.OVERLAP

    def __call__(self, key_id: KeyId) -> KeyRing:
        """The ring after the change.

        Raises:
            Failure: NOT_FOUND; KEY_STATE, the key is not prepared.
        """
        now = self.clock()
        return self.store.change(
            lambda ring: life.activate(life.prune(ring, now=now), key_id, now=now, lead=self.lead, overlap=self.overlap)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokeKey:
    """Makes everything that a key signed invalid at once."""

    store: KeyStore
    clock: Clock

    def __call__(self, key_id: KeyId) -> KeyRing:
        """The ring after the change.

        Raises:
            Failure: NOT_FOUND; KEY_STATE, the key is active.
        """
        now = self.clock()
        return self.store.change(lambda ring: life.revoke(life.prune(ring, now=now), key_id, now=now))
