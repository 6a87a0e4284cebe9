"""A process that writes decisions and receipts to a store as fast as it can, and says after each group that it is durable."""

import asyncio
import sys
from itertools import count

from controlplane.store.open import open_store
from tests.support.journal import hold, issue, settle

COST, HELD = 7, 10
LIMIT = 1_000_000_000


async def write(url: str, name: str) -> None:
    """Each group: a decision that stays open, and one with its receipt. A line for each group, once it is durable."""
    store = await open_store(url)
    for number in count():
        paid, left = f"{name}-paid-{number}", f"{name}-left-{number}"
        held = hold(HELD, limit=LIMIT)
        await store.writer.run([issue(paid, held), issue(left, held), settle(paid, f"{paid}/1", COST)])
        print(number, flush=True)


if __name__ == "__main__":
    asyncio.run(write(*sys.argv[1:]))
