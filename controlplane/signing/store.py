"""What the commands need of whatever keeps the keys."""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from controlplane.signing.model import KeyRing

Clock = Callable[[], datetime]
Listener = Callable[[KeyRing], None]


class KeyStore(Protocol):
    """Keeps one key ring and its private keys."""

    @property
    def ring(self) -> KeyRing:
        """The ring of now."""
        ...

    def new_key(self) -> bytes:
        """Make a private key; its public half. Called by a step of `change`, which puts it into the ring."""
        ...

    def change(self, step: Callable[[KeyRing], KeyRing]) -> KeyRing:
        """Take one step; the ring after it, once that outlasts a crash and the listeners have been told.

        A step that raises, or that gives back its argument, changes nothing.
        """
        ...
