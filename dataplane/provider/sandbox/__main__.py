"""Runs the sandbox as a process: one JSON line when it is ready, an end on SIGTERM."""

import asyncio
import ctypes
import json
import os
import signal
import sys

from dataplane.provider.sandbox.config import SandboxConfig
from dataplane.provider.sandbox.document import DocumentError
from dataplane.provider.sandbox.flags import read_flags
from dataplane.provider.sandbox.server import serve

_PR_SET_PDEATHSIG = 1


async def _run(config: SandboxConfig) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with serve(config) as server:
        ready = {"event": "ready", "address": server.address, "pid": os.getpid()}
        sys.stdout.write(json.dumps(ready, separators=(",", ":")) + "\n")
        sys.stdout.flush()
        await stop.wait()


def _die_with_parent(parent: int) -> None:
    """Asks Linux for a SIGTERM when the thread that started this process ends; ends now if that has happened."""
    if not sys.platform.startswith("linux"):
        raise DocumentError("--die-with-parent", "only Linux has it")
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        raise SystemExit(0)


def main(arguments: list[str]) -> int:
    """Runs until a signal; 2 when the configuration is wrong, 1 when the port is taken."""
    parent = os.getppid()
    try:
        invocation = read_flags(arguments)
        if invocation.die_with_parent:
            _die_with_parent(parent)
    except DocumentError as error:
        sys.stderr.write(f"sandbox: {error}\n")
        return 2
    try:
        _loop_run(invocation.config)
    except OSError as error:
        sys.stderr.write(f"sandbox: cannot listen on port {invocation.config.settings.port}: {error.strerror}\n")
        return 1
    return 0


def _loop_run(config: SandboxConfig) -> None:
    try:
        import uvloop
    except ImportError:  # not on every platform; the standard loop does the same, slower
        asyncio.run(_run(config))
    else:
        uvloop.run(_run(config))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
