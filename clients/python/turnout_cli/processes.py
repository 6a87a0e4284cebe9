"""Starts Turnout's processes, waits until they are ready, and leaves none behind."""

import asyncio
import contextlib
import json
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType


class ProcessFailed(Exception):
    """A process that did not become ready; the message has the end of its log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What to start: `python -m module arguments` with exactly `environment`, logging to `log`."""

    name: str
    module: str
    arguments: Sequence[str]
    log: Path
    environment: Mapping[str, str]


class Running:
    """A process that said that it is ready. `facts` is what it said: at least `address` and `pid`."""

    def __init__(self, program: Program, process: asyncio.subprocess.Process, facts: Mapping[str, object]) -> None:
        self.program = program
        self.facts = facts
        self._process = process

    @property
    def address(self) -> str:
        """Where it listens."""
        return str(self.facts["address"])

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def ended(self) -> bool:
        """Whether it is gone."""
        return self._process.returncode is not None

    async def wait(self) -> int:
        """Until it ends; gives its exit code."""
        return await self._process.wait()

    def kill(self) -> None:
        """As kill -9 does."""
        if not self.ended:
            self._process.kill()

    async def stop(self, seconds: float = 30.0) -> int:
        """Ask it to end; kill it if it has not within `seconds`. Gives its exit code."""
        if not self.ended:
            self._process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(seconds):
                return await self._process.wait()
        except TimeoutError:
            self.kill()
            return await self._process.wait()


class Processes:
    """The processes of one `turnout` command: stopped in the reverse order of their start, whatever happens."""

    def __init__(self) -> None:
        self.running: list[Running] = []

    async def __aenter__(self) -> "Processes":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for running in reversed(self.running):
            await running.stop()

    async def start(self, program: Program, seconds: float = 60.0) -> Running:
        """Start and wait for the line that says it is ready; what is not ready when this ends is gone. Raises ProcessFailed."""
        running = await _started(program, seconds)
        self.running.append(running)
        return running

    async def start_together(self, programs: Sequence[Program], seconds: float = 60.0) -> Sequence[Running]:
        """Start all at once and wait for each; they are stopped in the reverse of this order. Raises the first ProcessFailed."""
        starting = [asyncio.create_task(_started(program, seconds)) for program in programs]
        try:
            return await asyncio.gather(*starting)
        finally:
            for task in starting:
                task.cancel()
            ended = await asyncio.gather(*starting, return_exceptions=True)
            self.running += [each for each in ended if isinstance(each, Running)]

    async def until_one_ends(self) -> Running:
        """The first process that ends by itself."""
        waits = {asyncio.ensure_future(running.wait()): running for running in self.running}
        done, pending = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in pending:
            wait.cancel()
        return waits[done.pop()]


async def _started(program: Program, seconds: float) -> Running:
    """Raises ProcessFailed; then it is gone."""
    logged = program.log.stat().st_size if program.log.exists() else 0
    process = await _spawn(program)
    facts: Mapping[str, object] | None = None
    try:
        async with asyncio.timeout(seconds):
            facts = await _ready_line(process)
    except TimeoutError:
        pass
    finally:
        if facts is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if facts is None:
        raise ProcessFailed(
            f"{program.name} did not become ready (exit code {process.returncode}): {tail(program.log, logged)}"
        )
    return Running(program, process, facts)


async def _spawn(program: Program) -> asyncio.subprocess.Process:
    program.log.parent.mkdir(parents=True, exist_ok=True)
    with program.log.open("ab") as log:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            program.module,
            *program.arguments,
            "--die-with-parent",
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
            env=dict(program.environment),
            start_new_session=True,  # a Ctrl-C in the terminal is for the command, which then stops its processes in order
        )


async def _ready_line(process: asyncio.subprocess.Process) -> Mapping[str, object] | None:
    if process.stdout is None:
        return None
    line = await process.stdout.readline()
    facts = json.loads(line) if line else None
    return facts if isinstance(facts, dict) and facts.get("event") == "ready" else None


def tail(log: Path, since: int = 0, characters: int = 2000) -> str:
    """The end of what a log got after its first `since` bytes."""
    text = log.read_bytes()[since:].decode(errors="replace") if log.exists() else ""
    return text[-characters:].strip() or "it logged nothing"
