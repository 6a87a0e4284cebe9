"""What every Turnout process does alike: say that it is ready, end on a signal, and not outlive its parent if asked."""

import asyncio
import ctypes
import gc
import json
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
COLLECT = (10_000, 10, 10)
"""Thresholds of Python's garbage collector: new containers before a collection, and how many make one of older ones."""


def announce(**facts: object) -> None:
    """One JSON line on standard output for whoever started the process."""
    sys.stdout.write(json.dumps({"event": "ready", "pid": os.getpid(), **facts}) + "\n")
    sys.stdout.flush()


def die_with_parent() -> None:
    """Ask the kernel for SIGTERM when the parent ends; nothing but Linux can do that, elsewhere this does nothing."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def collect_seldom() -> None:
    """To be called once all is there that stays until the end: cycles of dead objects are looked for among the rest, and seldom.

    Requests leave next to none. To walk over everything again and again, for up to a tenth of a second each time, would find nothing.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT)


async def until_signal() -> None:
    """Wait for SIGTERM or SIGINT; a second one ends the process at once."""
    loop = asyncio.get_running_loop()
    asked = asyncio.Event()

    def ask() -> None:
        if asked.is_set():
            os._exit(130)
        asked.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ask)
    await asked.wait()
