"""What the environment and the command line say; the only place of the data plane that reads either."""

import argparse
import os
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from math import inf
from pathlib import Path

from dataplane.provider.address import Network, read_network
from turnout_wire.dev import outside


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """How a worker runs. `token_file` holds its credential for the control plane; `pinned` are key ids, none for any."""

    listen: str
    gateway: str
    """Where SDKs call over HTTP; empty for nowhere."""
    cache: str
    """Where answers are kept: `memory:MIB`, a valkey:// address, or empty for nowhere."""
    cache_seconds: float
    control: str
    token_file: Path
    worker: str
    pool: str
    pinned: frozenset[str]
    staleness_bound: timedelta
    max_concurrent: int
    receipt_queue: int
    drain: float
    reflect: bool
    log_level: str
    telemetry: bool
    trace_content: bool
    die_with_parent: bool
    metrics_open: bool
    dev: bool
    """Whether whoever is on this machine may call without a token."""
    allow_networks: tuple[Network, ...]
    hedge_after: timedelta | None
    """After how long without content a second target is called; None for never."""
    hedge_budget: float
    jobs: int
    """Jobs of the control plane that it does at a time; 0 for none."""
    secrets: Mapping[str, str]
    """The environment, for credentials that deployments refer to as `env:NAME`. Never printed."""


MOST_JOBS = 1_000
_TELEMETRY = (
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
)
_CONTENT = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
"""OpenTelemetry's own switch for content."""


def read_config(arguments: Sequence[str], environment: Mapping[str, str] | None = None) -> Config:
    """The configuration; flags win over TURNOUT_* variables. Exits with 2 and a usage line on a bad flag."""
    env = os.environ if environment is None else environment
    parser = _parser(env)
    flags = parser.parse_args(arguments)
    if flags.dev and (reachable := outside((flags.listen, flags.gateway))):
        parser.error(f"--dev asks for no tokens, so it serves 127.0.0.1, ::1 or localhost alone, and not {reachable}")
    return Config(
        listen=flags.listen,
        gateway=flags.gateway,
        cache=flags.cache,
        cache_seconds=flags.cache_seconds,
        control=flags.control,
        token_file=Path(flags.token_file),
        worker=flags.worker,
        pool=flags.pool,
        pinned=frozenset(flags.trust_key),
        staleness_bound=timedelta(seconds=flags.staleness_bound),
        max_concurrent=flags.max_concurrent,
        receipt_queue=flags.receipt_queue,
        drain=flags.drain,
        reflect=flags.reflect,
        log_level=flags.log_level,
        telemetry=any(env.get(name) for name in _TELEMETRY),
        trace_content=flags.trace_content,
        die_with_parent=flags.die_with_parent,
        metrics_open=flags.metrics_open,
        dev=flags.dev,
        allow_networks=tuple(_networks(parser, flags.allow_network)),
        hedge_after=timedelta(seconds=flags.hedge_after) if flags.hedge_after else None,
        hedge_budget=flags.hedge_budget,
        jobs=flags.jobs,
        secrets=env,
    )


def _cache(text: str) -> str:
    kind, _, size = text.partition(":")
    if text and not (kind == "memory" and size.isdecimal() and int(size)) and kind not in ("valkey", "valkeys", "unix"):
        raise argparse.ArgumentTypeError(f"{text!r} is neither memory:MIB, such as memory:64, nor valkey://HOST:PORT/0")
    return text


def _networks(parser: argparse.ArgumentParser, texts: Iterable[str]) -> Iterator[Network]:
    for text in texts:
        try:
            yield read_network(text)
        except ValueError as error:
            parser.error(f"--allow-network: {error}")


def _positive(text: str) -> float:
    number = float(text)
    if not 0 < number < inf:
        raise argparse.ArgumentTypeError(f"{text} is no number of seconds above 0")
    return number


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) > MOST_JOBS:
        raise argparse.ArgumentTypeError(f"{text} is no number from 0 to {MOST_JOBS}")
    return int(text)


def _share(text: str) -> float:
    number = float(text)
    if not 0 < number <= 1:
        raise argparse.ArgumentTypeError(f"{text} is no share above 0 and up to 1")
    return number


def _parser(env: Mapping[str, str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m dataplane", description="Turnout's worker: verifies decisions and runs them."
    )
    add = parser.add_argument
    _add_places(add, env)
    add("--reflect", action="store_true", help="answer gRPC reflection")
    add(
        "--metrics-open",
        action="store_true",
        help="let everybody read /metrics; else it takes a token, but on loopback",
    )
    add("--dev", action="store_true", help="ask for no tokens; on loopback alone, for development")
    add("--log-level", default=env.get("TURNOUT_LOG_LEVEL", "info"), choices=("debug", "info", "warning", "error"))
    add(
        "--trace-content",
        action="store_true",
        default=env.get(_CONTENT, "").strip().lower() == "true",
        help="put prompts and answers on spans; they are kept off otherwise",
    )
    add("--die-with-parent", action="store_true", help="end when the starting process ends (Linux)")
    _add_gateway(add, env)
    _add_bounds(add, env)
    return parser


def _add_places(add: Callable[..., object], env: Mapping[str, str]) -> None:
    add("--listen", default=env.get("TURNOUT_LISTEN", "127.0.0.1:7421"), metavar="HOST:PORT", help="port 0 takes any")
    add(
        "--control",
        default=env.get("TURNOUT_CONTROL", "127.0.0.1:7411"),
        metavar="HOST:PORT[,…]",
        help="the control plane, or several that share a store",
    )
    add("--token-file", default=env.get("TURNOUT_TOKEN_FILE", ".turnout/tokens/worker"), metavar="FILE")
    add("--worker", default=env.get("TURNOUT_WORKER") or f"{socket.gethostname()}-{os.getpid()}", metavar="NAME")
    add("--pool", default=env.get("TURNOUT_POOL", "default"), help="the pool that decisions must be for")
    add(
        "--trust-key",
        action="append",
        default=env.get("TURNOUT_TRUST_KEYS", "").split(),
        metavar="KEY_ID",
        help="repeatable",
    )


def _add_gateway(add: Callable[..., object], env: Mapping[str, str]) -> None:
    add(
        "--gateway",
        default=env.get("TURNOUT_GATEWAY", ""),
        metavar="HOST:PORT",
        help="serve the protocols of OpenAI, Anthropic and Gemini over HTTP there; port 0 takes any",
    )
    add(
        "--cache",
        type=_cache,
        default=env.get("TURNOUT_CACHE", ""),
        metavar="memory:MIB|valkey://HOST:PORT",
        help="keep answers of the gateway to requests with temperature 0, and to those that ask for it; off if absent",
    )
    add("--cache-seconds", type=float, default=300.0, metavar="SECONDS", help="how long an answer is kept")


def _add_bounds(add: Callable[..., object], env: Mapping[str, str]) -> None:
    add(
        "--staleness-bound",
        type=float,
        default=300.0,
        metavar="SECONDS",
        help="silence of the control plane to live with",
    )
    add(
        "--max-concurrent",
        type=int,
        default=int(env.get("TURNOUT_MAX_CONCURRENT", "1000")),
        help="calls at the same time",
    )
    add(
        "--receipt-queue",
        type=int,
        default=10_000,
        metavar="N",
        help="receipts to hold while the control plane is away",
    )
    add(
        "--allow-network",
        action="append",
        default=env.get("TURNOUT_ALLOW_NETWORKS", "").split(),
        metavar="CIDR",
        help="addresses of providers that are not of the open network, such as 10.0.0.0/8; repeatable",
    )
    add(
        "--hedge-after",
        type=_positive,
        metavar="SECONDS",
        help="call a second target when nothing came of the first for so long; never without",
    )
    add("--hedge-budget", type=_share, default=0.05, metavar="SHARE", help="at most so much of all runs, such as 0.05")
    add("--jobs", type=_count, default=0, metavar="N", help="classify so many requests at a time for the control plane")
    add("--drain", type=float, default=20.0, metavar="SECONDS", help="how long calls may finish after SIGTERM")
