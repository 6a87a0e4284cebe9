"""What the environment and the command line say; the only place of the control plane that reads either."""

import argparse
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from controlplane.insight.keeping import Retention
from turnout_wire.dev import outside


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """How a control plane runs. `catalog` None means the packaged default alone; `store` is the address of the store, `http`
    that of the HTTP API, empty for none. `keys` None means a folder in `state`.
    """

    listen: str
    http: str
    state: Path
    keys: Path | None
    store: str
    catalog: Path | None
    issuer: str
    max_concurrent: int
    heartbeat: float
    drain: float
    reflect: bool
    log_level: str
    retention: Retention
    metrics_open: bool
    dev: bool
    """Whether whoever is on this machine may call without a token."""
    telemetry: bool
    die_with_parent: bool

    @property
    def shared(self) -> bool:
        """Whether other control planes may use the same store, and the same folders."""
        return not self.store.startswith("sqlite:")


Add = Callable[..., argparse.Action]
DATABASE = "turnout.db"
"""The store in the state folder, where no other is named."""

MAX_DAYS = 36_500

_TELEMETRY = (
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
)


def read_config(arguments: Sequence[str], environment: Mapping[str, str] | None = None) -> Config:
    """The configuration; flags win over TURNOUT_* variables. Exits with 2 and a usage line on a bad flag."""
    env = os.environ if environment is None else environment
    parser = _parser(env)
    flags = parser.parse_args(arguments)
    if flags.dev and (reachable := outside((flags.listen, flags.http))):
        parser.error(f"--dev asks for no tokens, so it serves 127.0.0.1, ::1 or localhost alone, and not {reachable}")
    return Config(
        listen=flags.listen,
        http=flags.http,
        state=Path(flags.state),
        keys=Path(flags.keys) if flags.keys else None,
        store=flags.store or f"sqlite:{Path(flags.state) / DATABASE}",
        catalog=Path(flags.catalog) if flags.catalog else None,
        issuer=flags.issuer,
        max_concurrent=flags.max_concurrent,
        heartbeat=flags.heartbeat,
        drain=flags.drain,
        reflect=flags.reflect,
        log_level=flags.log_level,
        retention=Retention(
            bodies=timedelta(days=flags.keep_records) if flags.keep_records else None,
            rollups=timedelta(days=max(flags.keep_figures, 1)),
        ),
        telemetry=any(env.get(name) for name in _TELEMETRY),
        die_with_parent=flags.die_with_parent,
        metrics_open=flags.metrics_open,
        dev=flags.dev,
    )


def _parser(env: Mapping[str, str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m controlplane", description="Turnout's control plane: decides and signs."
    )
    _places(parser.add_argument, env)
    _manner(parser.add_argument, env)
    _keeping(parser.add_argument, env)
    _for_operators(parser.add_argument, env)
    return parser


def _places(add: Add, env: Mapping[str, str]) -> None:
    add("--listen", default=env.get("TURNOUT_LISTEN", "127.0.0.1:7411"), metavar="HOST:PORT", help="port 0 takes any")
    add("--http", default=env.get("TURNOUT_HTTP", ""), metavar="HOST:PORT", help="the HTTP API; none if absent")
    add("--state", default=env.get("TURNOUT_STATE", ".turnout"), metavar="DIR", help="keys, callers, overlay")
    add(
        "--keys",
        default=env.get("TURNOUT_KEYS", ""),
        metavar="DIR",
        help="signing keys; `keys` in the state folder if absent",
    )
    add(
        "--store",
        default=env.get("TURNOUT_STORE", ""),
        metavar="URL",
        help=f"sqlite:FILE or postgresql://USER@HOST/NAME; {DATABASE} in the state folder if absent",
    )
    add(
        "--catalog",
        default=env.get("TURNOUT_CATALOG", ""),
        metavar="FILE",
        help="turnout.yaml; packaged default if absent",
    )


def _manner(add: Add, env: Mapping[str, str]) -> None:
    add("--issuer", default=env.get("TURNOUT_ISSUER", "turnout"), help="name that decisions are issued under")
    add(
        "--max-concurrent",
        type=int,
        default=int(env.get("TURNOUT_MAX_CONCURRENT", "1000")),
        help="calls at the same time",
    )
    add("--heartbeat", type=float, default=2.0, metavar="SECONDS", help="how often workers hear from us at least")
    add("--drain", type=float, default=5.0, metavar="SECONDS", help="how long calls may finish after SIGTERM")
    add("--reflect", action="store_true", help="answer gRPC reflection")


def _keeping(add: Add, env: Mapping[str, str]) -> None:
    add(
        "--keep-records",
        type=_days,
        default=env.get("TURNOUT_KEEP_RECORDS", "90"),
        metavar="DAYS",
        help="until what was recorded of requests is erased; its leaves in the log stay; 0 keeps it for ever",
    )
    add(
        "--keep-figures",
        type=_days,
        default=env.get("TURNOUT_KEEP_FIGURES", "400"),
        metavar="DAYS",
        help="how long reports look back",
    )


def _for_operators(add: Add, env: Mapping[str, str]) -> None:
    add(
        "--metrics-open",
        action="store_true",
        help="let everybody read /metrics; else it takes a token, but on loopback",
    )
    add("--dev", action="store_true", help="ask for no tokens; on loopback alone, for development")
    add("--log-level", default=env.get("TURNOUT_LOG_LEVEL", "info"), choices=("debug", "info", "warning", "error"))
    add("--die-with-parent", action="store_true", help="end when the starting process ends (Linux)")


def _days(text: str) -> int:
    """A number of days. Raises ArgumentTypeError."""
    if not text.isdecimal() or int(text) > MAX_DAYS:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of days from 0 to {MAX_DAYS}")
    return int(text)
