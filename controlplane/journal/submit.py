"""The journal's way in, as those see it who only write."""

from typing import Protocol

from controlplane.journal.model import Operation, Result


class Submit(Protocol):
    """Has an operation written down."""

    async def __call__(self, operation: Operation) -> Result:
        """Durable when this returns. Raises StoreUnavailable."""
        ...
