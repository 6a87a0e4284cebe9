"""Both planes and sandbox providers as real processes, and ways to wait for them that need no clock."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import aiohttp

from turnout_cli.demo.catalog import CREDENTIAL, PROVIDERS, sandbox_catalog
from turnout_cli.processes import Processes, Program, Running
from turnout_cli.stack import Stack, StackSettings, start_stack
from turnout_client import Client, Patience

PATIENCE = 60.0
"""Seconds after which a condition is taken never to come."""
MARK = "TURNOUT_TEST_MARK"
"""A variable by which the processes of one test are known, and everything that they start."""


def environment(**more: str) -> dict[str, str]:
    """That of this process without what would make planes export, speak to anybody else, or print in colour."""
    ours = ("TURNOUT_", "OTEL_", "OPENAI_", "ANTHROPIC_", "GEMINI_", "GOOGLE_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours) and name != "FORCE_COLOR"}
    return {**kept, CREDENTIAL: "sandbox", **more}


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A running stack with its providers in one sandbox process, and the folder that all its files are in."""

    folder: Path
    processes: Processes
    settings: StackSettings
    sandbox: Running
    stack: Stack

    @property
    def pids(self) -> list[int]:
        """The processes that were started, those that ended included."""
        return [running.pid for running in self.processes.running]

    @property
    def workers(self) -> list[str]:
        """The addresses of the workers that run."""
        return [worker.address for worker in self.stack.workers if not worker.ended]

    def log(self, name: str) -> Path:
        """The log of `control-plane` or of `worker-1`."""
        return self.settings.state / "logs" / f"{name}.log"

    def client(self, *, workers: Sequence[str] = (), timeout: float = PATIENCE, rounds: int = 4) -> Client:
        """A client of all, or of these workers alone."""
        token = self.stack.token_file.read_text(encoding="utf-8").strip()
        return Client(
            control=self.stack.control.address,
            workers=list(workers) or self.workers,
            token=token,
            timeout=timeout,
            patience=Patience(rounds=rounds),
        )

    async def restart_control(self) -> Running:
        """The control plane again, with the same state at the same address; it is ended after the workers, as the first."""
        port = int(self.stack.control.address.rpartition(":")[2])
        again = (await start_stack(self.processes, replace(self.settings, control_port=port, workers=0))).control
        self.processes.running.remove(again)
        self.processes.running.insert(self.processes.running.index(self.stack.control), again)
        return again

    def worker(self, name: str, control: str = "") -> Program:
        """One more worker, of this control plane or of one with the same callers."""
        return Program(
            name=name,
            module="dataplane",
            arguments=[
                *("--listen", "127.0.0.1:0", "--control", control or self.stack.control.address),
                *("--token-file", str(self.settings.state / "tokens" / "worker"), "--worker", name),
                *("--allow-network", "127.0.0.0/8"),
            ],
            log=self.log(name),
            environment=self.settings.environment,
        )

    async def called(self, calls: int) -> None:
        """Wait until the providers work on so many calls. Raises TimeoutError."""
        async with asyncio.timeout(PATIENCE), aiohttp.ClientSession(self.sandbox.address) as session:
            busy = -1
            while busy < calls:
                async with session.get("/_sandbox/stats") as response:
                    busy = (await response.json())["in_flight"]

    async def faults(self, *faults: Mapping[str, object]) -> None:
        """Let the providers fail so, and no longer as before."""
        async with (
            aiohttp.ClientSession() as session,
            session.put(f"{self.sandbox.address}/_sandbox/faults", json={"faults": faults}) as response,
        ):
            assert response.status == 200, await response.text()


@asynccontextmanager
async def site(
    folder: Path,
    *,
    workers: int = 2,
    models: Mapping[str, Mapping[str, object]] | None = None,
    variables: Mapping[str, str] | None = None,
    log_level: str = "info",
    more: Mapping[str, object] | None = None,
    jobs: int = 0,
) -> AsyncIterator[Site]:
    """Start everything in `folder` on ports that the system gives, and end it all.

    `models` are profiles of the sandbox by model, on top of its own ones without any delay; `more` are sections of the
    catalog.
    """
    async with Processes() as processes:
        sandbox = await processes.start(sandbox_program(folder, models or {}))
        catalog = folder / "turnout.yaml"
        written = json.loads(sandbox_catalog(dict.fromkeys(PROVIDERS, sandbox.address)))
        catalog.write_text(json.dumps({**written, **(more or {})}), encoding="utf-8")
        settings = StackSettings(
            state=folder / "state",
            catalog=catalog,
            environment=environment(**(variables or {})),
            workers=workers,
            log_level=log_level,
            jobs=jobs,
        )
        stack = await start_stack(processes, settings)
        yield Site(folder=folder, processes=processes, settings=settings, sandbox=sandbox, stack=stack)


def sandbox_program(folder: Path, models: Mapping[str, Mapping[str, object]]) -> Program:
    """A sandbox that speaks all protocols; models that have no profile answer at once."""
    scale = 1.0 if models else 0.0
    config = folder / "sandbox.json"
    config.write_text(json.dumps({"latency_scale": scale, "models": models, "unknown_models": "serve"}))
    return Program(
        name="sandbox",
        module="dataplane.provider.sandbox",
        arguments=["--config", str(config)],
        log=folder / "sandbox.log",
        environment=environment(),
    )


def running_with(mark: str) -> list[int]:
    """Processes, zombies aside, whose environment has the mark."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if f"{MARK}={mark}".encode() in (folder / "environ").read_bytes().split(b"\0") and alive(int(folder.name)):
                found.append(int(folder.name))
    return found


def alive(pid: int) -> bool:
    """Whether the process is there and has not ended."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return False
    return state not in ("Z", "X")


async def gone(pid: int) -> None:
    """Wait until a process that somebody else started has ended. Raises TimeoutError."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(handle, ended.set)
    try:
        async with asyncio.timeout(PATIENCE):
            await ended.wait()
    finally:
        loop.remove_reader(handle)
        os.close(handle)


async def logged(log: Path, **wanted: object) -> dict[str, object]:
    """The first line of a log, of now or to come, that has all these values. Raises TimeoutError."""
    follow = await asyncio.create_subprocess_exec(
        *("tail", "--lines=+1", "--follow=name", "--retry", "--sleep-interval=0.05", str(log)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert follow.stdout is not None
    try:
        async with asyncio.timeout(PATIENCE):
            async for text in follow.stdout:
                line = entry(text)
                if line is not None and wanted.items() <= line.items():
                    return line
    finally:
        follow.send_signal(signal.SIGKILL)
        await follow.wait()
    raise AssertionError(f"{log} ended without {wanted}")


def entry(text: bytes | str) -> dict[str, object] | None:
    """A line of a log; None for what is not JSON, such as a library's own complaint."""
    with suppress(ValueError):
        line = json.loads(text)
        return line if isinstance(line, dict) else None
    return None


def entries(log: Path) -> list[dict[str, object]]:
    """All lines of a log so far that are JSON."""
    lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
    return [line for text in lines if (line := entry(text)) is not None]
