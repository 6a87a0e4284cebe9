"""A state folder belongs to one `turnout up` at a time."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from turnout_cli.processes import ProcessFailed

LOCK = "up.lock"


@contextmanager
def occupied(state: Path) -> Iterator[None]:
    """Have `state` to oneself, before anything in it is written. The kernel gives it back however the process ends.

    Raises ProcessFailed if another process has it.
    """
    # Private from the start: whoever makes the folder otherwise leaves it readable to all.
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (state / LOCK).open("a+", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            owner = lock.read(20).strip() or "unknown"
            raise ProcessFailed(
                f"{state} is in use by `turnout up` with process id {owner}: stop that one, or give this one a state folder "
                "and ports of its own with --state, --control-port and --worker-port"
            ) from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield
