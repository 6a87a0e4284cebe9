"""A process that writes is killed in the midst: what it acknowledged is there, whole."""

import signal
import subprocess
import sys

from controlplane.budget.model import Balance
from controlplane.store.open import open_store
from tests.support.journal import DAILY
from tests.support.store_writing import COST, HELD

ROUNDS, LINES = 3, 40


def write_and_kill(url: str, name: str) -> int:
    """The number of the last group that was acknowledged before the process was killed."""
    command = [sys.executable, "-m", "tests.support.store_writing", url, name]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for _ in range(LINES):
            process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        lines = process.stdout.read().splitlines()
    complete = [int(line) for line in lines if line]
    return max([LINES - 1, *complete])


async def test_nothing_that_was_acknowledged_is_lost_by_kill_9(url: str) -> None:
    last = {name: write_and_kill(url, name) for name in (f"round{number}" for number in range(ROUNDS))}
    store = await open_store(url)
    paid = left = 0
    for name, number in last.items():
        for at in range(number + 1):
            entries = [one.kind for one in await store.entries.of_decision(f"{name}-paid-{at}")]
            assert entries == ["decision", "receipt"]
        # The group after the last that was acknowledged may be there as well, but then as a whole.
        found = await store.ledger.reservations(
            [f"{name}-{kind}-{at}" for kind in ("paid", "left") for at in range(number + 3)]
        )
        groups = {key.rpartition("-")[2] for key in found}
        assert len(found) == 2 * len(groups)
        paid, left = paid + len(groups), left + len(groups)
    assert await store.ledger.balances([DAILY]) == {DAILY: Balance(spent=paid * COST, reserved=left * HELD)}
    assert await store.ledger.open_sums() == {DAILY: left * HELD}
    await store.close()
