"""The gateway beside nginx, LiteLLM and Portkey on one upstream: `python -m tests.benchmarks.gateway [seconds] [--requests N]`.

Peers that are not there are left out and named: nginx is looked for on the PATH, the others where `make peers` puts them.
Behind the table Turnout answers N requests, 20,000 unless said otherwise, while the memory of its processes is watched.
"""

import argparse
import asyncio
import json
import os
import shutil
import socket
import tempfile
import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import aiohttp

from tests.benchmarks.measure import at_rate, cpu_seconds, memory_mb, percentile
from tests.benchmarks.planes import Row, Table
from turnout_cli.processes import Processes, Program
from turnout_cli.stack import StackSettings, start_stack

PEERS = Path(".cache/peers")
CONNECTIONS = (1, 4, 16, 64)
RATE = 50.0
PIECES = 200
NAMES = ("turnout", "nginx", "litellm", "portkey")
FLAT = 20_000
"""Requests over which memory is watched; `--requests 200000` is the whole of it, and takes minutes."""
WATCHED = 20
"""How often memory is looked at."""
PATIENCE = aiohttp.ClientTimeout(total=15)
QUESTION = [{"role": "user", "content": "Why is the sky blue? Answer in one sentence for a child of eight years."}]


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """Something to call: where, with what headers and model, and the processes that work for it."""

    name: str
    url: str
    model: str
    pids: Sequence[int]
    start_s: float
    headers: Mapping[str, str]
    processes: Sequence[str] = ()
    """Names of the processes whose memory is watched."""

    def cpu(self) -> float:
        """Seconds that all its processes used."""
        return sum(map(cpu_seconds, self.pids))

    def peak_mb(self) -> float:
        """The largest of its processes, at its peak."""
        return max(memory_mb(pid)[1] for pid in self.pids)


async def ask(session: aiohttp.ClientSession, peer: Peer, pieces: int = 0) -> None:
    """One request; streamed in so many pieces, or whole."""
    body: dict[str, object] = {"model": peer.model, "messages": QUESTION}
    if pieces:
        body |= {"stream": True, "max_tokens": pieces}
    try:
        async with session.post(peer.url, json=body, headers=peer.headers) as reply:
            data = await reply.read()
    except (
        aiohttp.ClientOSError
    ):  # a server that closes a kept connection just then is asked again, as every client does
        async with session.post(peer.url, json=body, headers=peer.headers) as reply:
            data = await reply.read()
    if reply.status != 200 or (pieces and b'"finish_reason"' not in data):
        raise RuntimeError(f"{peer.name}: {reply.status} {data[:300]!r}")


async def closed(
    session: aiohttp.ClientSession, peer: Peer, connections: int, seconds: float, pieces: int = 0
) -> "Closed":
    """A closed loop of `connections` for `seconds`."""
    times: list[float] = []
    end = time.perf_counter() + seconds

    async def loop() -> None:
        while (began := time.perf_counter()) < end:
            await ask(session, peer, pieces)
            times.append(time.perf_counter() - began)

    cpu, began = peer.cpu(), time.perf_counter()
    await asyncio.gather(*(loop() for _ in range(connections)))
    lasted = time.perf_counter() - began
    return Closed(
        cpu_us=(peer.cpu() - cpu) / len(times) * 1e6,
        per_second=len(times) / lasted,
        p50_ms=percentile(times, 0.5),
        p99_ms=percentile(times, 0.99),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """CPU of all processes a request, requests a second, and latencies."""

    cpu_us: float
    per_second: float
    p50_ms: float
    p99_ms: float


@asynccontextmanager
async def peers(folder: Path, wanted: Sequence[str] = NAMES) -> AsyncIterator[tuple[list[Peer], list[str]]]:
    """Everything that is compared, on one upstream; and who is absent, with the reason."""
    async with AsyncExitStack() as stack:
        processes = await stack.enter_async_context(Processes())
        program = Program(
            name="upstream",
            module="tests.benchmarks.upstream",
            arguments=[],
            log=folder / "upstream.log",
            environment=dict(os.environ),
        )
        upstream = (await processes.start(program)).address
        found, absent = [_direct(upstream)], []
        if "turnout" in wanted:
            found.append(await _turnout(processes, upstream, folder))
        for name, make, reason in (
            ("nginx", _nginx, "nginx is not installed"),
            ("litellm", _litellm, "`make peers`"),
            ("portkey", _portkey, "`make peers`"),
        ):
            if name not in wanted:
                continue
            peer = await make(stack, upstream, folder)
            if peer is None:
                absent.append(f"{name}: {reason}")
            else:
                found.append(peer)
        yield found, absent


def _direct(upstream: str) -> Peer:
    return Peer(
        name="upstream alone",
        url=f"http://{upstream}/v1/chat/completions",
        model="bench",
        pids=(),
        start_s=0,
        headers={},
    )


async def _turnout(processes: Processes, upstream: str, folder: Path) -> Peer:
    catalog = folder / "turnout.yaml"
    catalog.write_text(json.dumps(_catalog(upstream)), encoding="utf-8")
    began = time.perf_counter()
    settings = StackSettings(
        state=folder / "state",
        catalog=catalog,
        environment=dict(os.environ),
        workers=1,
        control_port=_free_port(),
        gateway_port=0,
        log_level="error",
    )
    stack = await start_stack(processes, settings)
    started = time.perf_counter() - began
    token = stack.token_file.read_text()
    return Peer(
        name="Turnout",
        url=f"{stack.gateways[0]}/v1/chat/completions",
        model="auto",
        pids=[stack.control.pid, *(worker.pid for worker in stack.workers)],
        start_s=started,
        headers={"authorization": f"Bearer {token}"},
        processes=["control plane", *("worker" for _ in stack.workers)],
    )


def _catalog(upstream: str) -> Mapping[str, object]:
    deployment = {
        "name": "bench/gpt-4o-mini",
        "model": "gpt-4o-mini",
        "provider": "openai",
        "protocol": "openai",
        "base_url": f"http://{upstream}/v1",
    }
    return {"version": 1, "extends": "default", "deployments": [deployment]}


async def _nginx(stack: AsyncExitStack, upstream: str, folder: Path) -> Peer | None:
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if program is None:
        return None
    port = _free_port()
    (folder / "nginx.conf").write_text(
        f"worker_processes 1; error_log {folder}/nginx.log crit; pid {folder}/nginx.pid;\n"
        "events { worker_connections 1024; }\n"
        f"http {{ access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;\n"
        f"fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;\n"
        f"upstream up {{ server {upstream}; keepalive 128; }}\n"
        f"server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://up; proxy_http_version 1.1;\n"
        'proxy_set_header Connection ""; proxy_buffering off; } } }\n',
        encoding="utf-8",
    )
    command = [program, "-c", str(folder / "nginx.conf"), "-p", str(folder), "-g", "daemon off;"]
    return await _started(stack, "nginx", command, port, folder, model="bench")


async def _litellm(stack: AsyncExitStack, upstream: str, folder: Path) -> Peer | None:
    program = PEERS / "litellm" / "bin" / "litellm"
    if not program.exists():
        return None
    parameters = {"model": "openai/bench", "api_base": f"http://{upstream}/v1", "api_key": "none"}
    config = {"model_list": [{"model_name": "bench", "litellm_params": parameters}]}
    (folder / "litellm.json").write_text(json.dumps(config), encoding="utf-8")
    port = _free_port()
    command = [str(program), "--config", str(folder / "litellm.json"), "--host", "127.0.0.1", "--port", str(port)]
    quiet = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_TELEMETRY": "False", "LITELLM_LOG": "ERROR"}
    quiet["LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY"] = "true"
    return await _started(stack, "LiteLLM", command, port, folder, model="bench", environment=quiet)


async def _portkey(stack: AsyncExitStack, upstream: str, folder: Path) -> Peer | None:
    program = PEERS / "node_modules" / "@portkey-ai" / "gateway" / "build" / "start-server.js"
    if not program.exists() or shutil.which("node") is None:
        return None
    port = _free_port()
    command = ["node", str(program), f"--port={port}", "--headless"]
    told = {
        "x-portkey-provider": "openai",
        "x-portkey-custom-host": f"http://{upstream}/v1",
        "authorization": "Bearer none",
    }
    trusted = {"TRUSTED_CUSTOM_HOSTS": upstream.partition(":")[0]}
    return await _started(stack, "Portkey", command, port, folder, model="bench", headers=told, environment=trusted)


async def _started(
    stack: AsyncExitStack,
    name: str,
    command: Sequence[str],
    port: int,
    folder: Path,
    *,
    model: str,
    headers: Mapping[str, str] | None = None,
    environment: Mapping[str, str] | None = None,
) -> Peer:
    began = time.perf_counter()
    with (folder / f"{name}.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *command, stdout=log, stderr=log, env={**os.environ, **(environment or {})}
        )
    stack.push_async_callback(_end, process)
    url = f"http://127.0.0.1:{port}/v1/chat/completions"
    peer = Peer(name=name, url=url, model=model, pids=[process.pid], start_s=0, headers=headers or {})
    try:
        await _answers(peer, process)
    except (aiohttp.ClientError, RuntimeError, OSError) as error:
        raise RuntimeError(f"{name} does not answer: {(folder / f'{name}.log').read_text()[-2000:]}") from error
    return Peer(
        name=name, url=url, model=model, pids=list(_family(process.pid)), start_s=time.perf_counter() - began,
        headers=headers or {},
    )  # fmt: skip


async def _answers(peer: Peer, process: asyncio.subprocess.Process) -> None:
    async with aiohttp.ClientSession(timeout=PATIENCE) as session:
        for _ in range(2400):
            try:
                await ask(session, peer)
            except (aiohttp.ClientError, RuntimeError, OSError):
                if process.returncode is not None:
                    raise
                await asyncio.sleep(0.05)
            else:
                return
    raise RuntimeError(f"{peer.name} did not answer")


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
        await process.wait()


def _family(pid: int) -> Iterable[int]:
    """A process and all its children."""
    yield pid
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            yield from _family(int(child))


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


async def measured(found: Sequence[Peer], seconds: float) -> list[Row]:
    """A row for each peer; they are measured in turns."""
    rows: list[Row] = []
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=PATIENCE) as session:
        floor = await _latency(session, found[0], seconds)
        for peer in found[1:]:
            await closed(session, peer, 16, seconds / 2)  # warm
            loads = [await closed(session, peer, connections, seconds) for connections in CONNECTIONS]
            slow = await _latency(session, peer, seconds)
            rows.append(
                (
                    peer.name,
                    " / ".join(f"{load.cpu_us:,.0f}" for load in loads),
                    " / ".join(f"{load.per_second:,.0f}" for load in loads),
                    _added(slow, floor),
                    await _piece(session, peer, seconds),
                    f"{peer.start_s:.1f}",
                    f"{peer.peak_mb():.0f}",
                )
            )
            print(rows[-1], flush=True)
    return rows


async def _piece(session: aiohttp.ClientSession, peer: Peer, seconds: float) -> str:
    """CPU of a piece of a stream: what many of them cost more than one. Portkey's fail with some versions of Node, and are told so."""
    try:
        few = await closed(session, peer, 8, seconds, 1)
        many = await closed(session, peer, 8, seconds, PIECES)
    except RuntimeError as error:
        print(f"streams fail: {error}")
        return "fails"
    return f"{(many.cpu_us - few.cpu_us) / (PIECES - 1):.0f}"


async def _latency(session: aiohttp.ClientSession, peer: Peer, seconds: float) -> tuple[float, float] | None:
    """p50 and p99 in ms; None of one that falls so far behind that its callers lose their patience."""
    took: tuple[float, float] | None = None
    try:
        await at_rate(lambda: ask(session, peer), RATE, 1.0)
        took = await at_rate(lambda: ask(session, peer), RATE, max(seconds, 4.0))
    except* TimeoutError:
        await ask(session, peer)  # what it still works at is not to be counted to what is measured next
    return took


def _added(slow: tuple[float, float] | None, floor: tuple[float, float] | None) -> str:
    if slow is None or floor is None:
        return "does not keep up"
    return f"{slow[0] - floor[0]:.1f} / {slow[1] - floor[1]:.1f}"


async def flat(peer: Peer, requests: int) -> list[Row]:
    """A row for each process: resident memory in MB while the peer answers so many requests over 64 connections.

    The slope is that of a line through the second half (least squares): what a process takes to warm up is no leak.
    """
    every = max(requests // WATCHED, 1)
    seen: list[tuple[int, list[float]]] = []
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=PATIENCE) as session:
        left = iter(range(requests))

        async def loop() -> None:
            for number in left:
                await ask(session, peer)
                if number % every == 0 or number == requests - 1:
                    seen.append((number, [memory_mb(pid)[0] for pid in peer.pids]))

        await asyncio.gather(*(loop() for _ in range(64)))
    rows: list[Row] = []
    half = [(number, sizes) for number, sizes in seen if number >= requests // 2]
    for index, name in enumerate(peer.processes):
        sizes = [sizes[index] for _, sizes in seen]
        rise = _slope([(number, each[index]) for number, each in half]) * 100_000
        rows.append((name, f"{requests:,}", f"{sizes[0]:.1f}", f"{sizes[-1]:.1f}", f"{max(sizes):.1f}", f"{rise:+.2f}"))
    return rows


def _slope(points: Sequence[tuple[int, float]]) -> float:
    """Of the line of least squares."""
    middle_x, middle_y = fmean(x for x, _ in points), fmean(y for _, y in points)
    spread = sum((x - middle_x) ** 2 for x, _ in points)
    return sum((x - middle_x) * (y - middle_y) for x, y in points) / spread if spread else 0.0


async def run(seconds: float = 4.0, requests: int = FLAT, wanted: Sequence[str] = NAMES) -> tuple[Table, Table]:
    """The table of the peers, and that of Turnout's memory."""
    memory: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="turnout-bench-") as folder:
        async with peers(Path(folder), wanted) as (found, absent):
            rows = await measured(found, seconds)
            for peer in found:
                if peer.processes:
                    memory = await flat(peer, requests)
    for reason in absent:
        print(f"left out: {reason}")
    connections = " / ".join(map(str, CONNECTIONS))
    header = (
        f"at {connections} connections", "CPU µs a request", "requests a second",
        f"added p50 / p99 ms at {RATE:.0f}/s", "CPU µs a piece", "start s", "peak MB a process",
    )  # fmt: skip
    flatness = ("memory of", "requests", "MB at first", "MB at last", "MB at most", "MB per 100,000 in the second half")
    return (header, rows), (flatness, memory)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.gateway", description=__doc__)
    parser.add_argument("seconds", nargs="?", type=float, default=4.0, help="of each load")
    parser.add_argument("--requests", type=int, default=FLAT, help="over which memory is watched")
    parser.add_argument("--peers", nargs="+", default=NAMES, choices=NAMES, help="who is measured")
    given = parser.parse_args()
    for header, rows in asyncio.run(run(given.seconds, given.requests, given.peers)):
        print(header, *rows, sep="\n")


if __name__ == "__main__":
    main()
