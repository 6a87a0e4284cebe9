"""The `turnout` command as a process of its own."""

import asyncio
import json
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SECONDS = 90.0
"""How long a command may take before a test gives it up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one document that it printed."""
        return json.loads(self.out)

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The documents that it printed, one a line."""
        return [json.loads(line) for line in self.out.splitlines()]


async def begin(*arguments: str, environment: Mapping[str, str], stdin: int = DEVNULL) -> Process:
    """Start `turnout arguments`."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "turnout_cli", *arguments), stdin=stdin, stdout=PIPE, stderr=PIPE, env=environment
    )


async def turnout(*arguments: str, environment: Mapping[str, str], stdin: str | None = None) -> Result:
    """Run `turnout arguments` to its end. Raises TimeoutError, and leaves nothing behind."""
    process = await begin(*arguments, environment=environment, stdin=DEVNULL if stdin is None else PIPE)
    return await finished(process, stdin)


async def finished(process: Process, stdin: str | None = None) -> Result:
    """What a command gave in the end. Raises TimeoutError."""
    try:
        async with asyncio.timeout(SECONDS):
            out, err = await process.communicate(None if stdin is None else stdin.encode())
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return Result(code=process.returncode or 0, out=out.decode(), err=err.decode())
