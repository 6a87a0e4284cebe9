"""A control plane and its workers as processes of one command."""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from controlplane.access.callers import CallersInvalid, open_callers
from turnout_cli.processes import Processes, ProcessFailed, Program, Running

RUN_FILE = "run.json"
"""In the state folder while a stack runs: where its processes listen."""
TOKEN_BYTES = 32
LOOPBACK = ("127.0.0.0/8", "::1/128")
PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")


@dataclass(frozen=True, slots=True, kw_only=True)
class StackSettings:
    """What to start. `catalog` None means the packaged default; ports 0 take any; `logs` takes the processes' logs.

    `http_port` None means that the control plane serves nothing over HTTP, `gateway_port` None the same of the workers.
    `allow_networks` are those of this machine and nearby where providers may be. `dev` asks callers for
    no tokens. Each worker classifies `jobs` requests at a time for the control plane, where a policy asks a language model.
    """

    state: Path
    catalog: Path | None
    environment: Mapping[str, str]
    workers: int = 2
    host: str = "127.0.0.1"
    control_port: int = 0
    http_port: int | None = None
    worker_port: int = 0
    gateway_port: int | None = None
    logs: Path | None = None
    log_level: str = "info"
    dev: bool = False
    allow_networks: tuple[str, ...] = LOOPBACK
    jobs: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """A running control plane and its workers."""

    control: Running
    workers: tuple[Running, ...]
    state: Path

    @property
    def http(self) -> str:
        """Where the HTTP API is, with its scheme; empty if it is not served."""
        address = self.control.facts.get("http", "")
        return f"http://{address}" if address else ""

    @property
    def gateways(self) -> tuple[str, ...]:
        """Where SDKs can call, with scheme, one for each worker; none if it is not served."""
        return tuple(
            f"http://{facts['gateway']}" for facts in (worker.facts for worker in self.workers) if "gateway" in facts
        )

    @property
    def token_file(self) -> Path:
        """The credential of the local caller."""
        return self.state / "tokens" / "local"


async def start_stack(processes: Processes, settings: StackSettings) -> Stack:
    """Start the control plane and the workers: at once where it is known at which port they will find it. Raises ProcessFailed."""
    # Before the logs in it are opened: whoever makes the folder for those leaves it readable to all.
    settings.state.mkdir(mode=0o700, parents=True, exist_ok=True)
    if settings.control_port:
        _make_tokens(settings.state)
        address = f"{settings.host}:{settings.control_port}"
        control, *workers = await processes.start_together([_control(settings), *_workers(settings, address)])
    else:
        control = await processes.start(_control(settings))
        workers = [*await processes.start_together(_workers(settings, control.address))]
    stack = Stack(control=control, workers=tuple(workers), state=settings.state)
    _write_run_file(stack)
    return stack


def _make_tokens(state: Path) -> None:
    """A worker reads its token before the control plane may have made it."""
    try:
        open_callers(state, lambda: secrets.token_urlsafe(TOKEN_BYTES))
    except (CallersInvalid, OSError) as error:
        raise ProcessFailed(str(error)) from error


def _workers(settings: StackSettings, control: str) -> list[Program]:
    return [_worker(settings, control, number) for number in range(1, settings.workers + 1)]


def _control(settings: StackSettings) -> Program:
    catalog = ["--catalog", str(settings.catalog)] if settings.catalog else []
    http = ["--http", f"{settings.host}:{settings.http_port}"] if settings.http_port is not None else []
    return Program(
        name="control plane",
        module="controlplane",
        arguments=[
            *("--listen", f"{settings.host}:{settings.control_port}"),
            *("--state", str(settings.state)),
            *("--log-level", settings.log_level),
            *catalog,
            *http,
            *_dev(settings),
        ],
        log=_logs(settings) / "control-plane.log",
        environment=settings.environment,
    )


def _worker(settings: StackSettings, control: str, number: int) -> Program:
    port = settings.worker_port + number - 1 if settings.worker_port else 0
    gateway = []
    if settings.gateway_port is not None:
        place = settings.gateway_port + number - 1 if settings.gateway_port else 0
        gateway = ["--gateway", f"{settings.host}:{place}"]
    return Program(
        name=f"worker {number}",
        module="dataplane",
        arguments=[
            *("--listen", f"{settings.host}:{port}"),
            *("--control", control),
            *("--token-file", str(settings.state / "tokens" / "worker")),
            *("--worker", f"worker-{number}"),
            *("--log-level", settings.log_level),
            *("--jobs", str(settings.jobs)),
            *gateway,
            *_dev(settings),
            *(word for network in settings.allow_networks for word in ("--allow-network", network)),
        ],
        log=_logs(settings) / f"worker-{number}.log",
        environment=settings.environment,
    )


def _dev(settings: StackSettings) -> list[str]:
    return ["--dev"] if settings.dev else []


def _logs(settings: StackSettings) -> Path:
    return settings.logs or settings.state / "logs"


def _write_run_file(stack: Stack) -> None:
    facts = {
        "control": stack.control.address,
        "http": stack.http,
        "workers": [worker.address for worker in stack.workers],
        "gateways": stack.gateways,
        "token_file": str(stack.token_file.resolve()),
        "pids": [stack.control.pid, *(worker.pid for worker in stack.workers)],
    }
    (stack.state / RUN_FILE).write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")


def read_run_file(state: Path) -> Mapping[str, object] | None:
    """Where the stack of a state folder listens; None if none was started there."""
    path = state / RUN_FILE
    if not path.exists():
        return None
    facts = json.loads(path.read_text(encoding="utf-8"))
    return facts if isinstance(facts, dict) else None
