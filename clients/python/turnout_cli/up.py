"""`turnout up`: a control plane and workers for real use."""

import asyncio
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from rich.console import Console
from rich.markup import escape

from controlplane.catalog.load import load
from turnout_cli.occupancy import occupied
from turnout_cli.processes import Processes, tail
from turnout_cli.sandbox import with_sandbox
from turnout_cli.stack import PRIVATE, RUN_FILE, Stack, StackSettings, start_stack
from turnout_wire.dev import SAID
from turnout_wire.process import until_signal

LOCAL = "local"
"""Provider, and prefix of deployments, of models at a `--local` address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalServer:
    """An OpenAI-compatible server on this machine or nearby, and the model that it serves."""

    base_url: str
    model: str


def local_catalog(server: LocalServer) -> str:
    """A turnout.yaml with one free model at `server` beside the packaged ones. JSON is YAML."""
    name = "".join(sign if sign.isalnum() or sign in "._-" else "-" for sign in server.model.lower()).strip("-._")
    model = {
        "name": f"{LOCAL}-{name}",
        "provider": LOCAL,
        "free": True,
        "context_window": 32_768,
        "max_output_tokens": 8_192,
        "latency": "3s",
        "quality": 0.7,
        "tier": "small",
        "as_of": "2026-11-21",
        "capabilities": ["code", "reasoning", "creative"],
    }
    deployment = {
        "name": f"{LOCAL}-{name}",
        "model": model["name"],
        "provider": LOCAL,
        "protocol": "openai",
        "base_url": server.base_url,
        "provider_model": server.model,
    }
    return json.dumps({"version": 1, "extends": "default", "models": [model], "deployments": [deployment]}, indent=1)


def callable_deployments(catalog: Path | None, environment: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """Deployments whose credential is there, and the references that are missing."""
    ready, missing = [], set()
    for deployment in load(catalog).deployments:
        kind, _, place = deployment.credential.partition(":")
        if kind == "env" and not environment.get(place):
            missing.add(deployment.credential)
        else:
            ready.append(str(deployment.name))
    return ready, sorted(missing)


async def run_up(
    settings: StackSettings,
    console: Console,
    *,
    as_json: bool,
    sandbox: bool = False,
    local: LocalServer | None = None,
) -> int:
    """Start, say where everything is, and stay up until a signal; 1 if a process ended by itself.

    With `sandbox` a sandbox is started too, and plays all deployments of the packaged catalog; `local` is called beside
    them. Raises ProcessFailed, also if the state folder is in use.
    """
    with occupied(settings.state):
        async with Processes() as processes:
            address = ""
            if local:
                settings = with_local(settings, local)
            if sandbox:
                settings, address = await with_sandbox(processes, settings)
            stack = await start_stack(processes, settings)
            asked = asyncio.create_task(until_signal())
            await asyncio.sleep(0)  # it listens now: whoever reads where everything is may end it at once
            try:
                _announce(stack, settings, address, console, as_json=as_json)
                return await _stay(processes, asked)
            finally:
                (settings.state / RUN_FILE).unlink(missing_ok=True)


def with_local(settings: StackSettings, server: LocalServer) -> StackSettings:
    """The settings of a stack that also calls `server`, by a catalog that is written into the state folder."""
    catalog = settings.state / "local.yaml"
    catalog.write_text(local_catalog(server), encoding="utf-8")
    return replace(settings, catalog=catalog, allow_networks=(*settings.allow_networks, *_nearby(server.base_url)))


def _nearby(base_url: str) -> tuple[str, ...]:
    """The networks where `base_url` may be: its address, or those of a house where it is a name."""
    host = urlsplit(base_url).hostname or ""
    try:
        return (str(ip_address(host)),)
    except ValueError:
        return PRIVATE


async def _stay(processes: Processes, asked: asyncio.Task[None]) -> int:
    ended = asyncio.create_task(processes.until_one_ends())
    await asyncio.wait({asked, ended}, return_when=asyncio.FIRST_COMPLETED)
    if asked.done():
        ended.cancel()
        return 0
    asked.cancel()
    fallen = ended.result()
    sys.stderr.write(f"turnout: {fallen.program.name} ended: {tail(fallen.program.log)}\n")
    return 1


def _announce(stack: Stack, settings: StackSettings, sandbox: str, console: Console, *, as_json: bool) -> None:
    ready, missing = callable_deployments(settings.catalog, settings.environment)
    if as_json:
        facts = {
            "event": "up",
            "control": stack.control.address,
            "http": stack.http,
            "workers": [worker.address for worker in stack.workers],
            "gateways": stack.gateways,
            "state": str(stack.state),
            "token_file": str(stack.token_file),
            "deployments": ready,
            "missing_credentials": missing,
            **({"sandbox": sandbox} if sandbox else {}),
            **({"dev": SAID} if settings.dev else {}),
        }
        sys.stdout.write(json.dumps(facts) + "\n")
        sys.stdout.flush()
        return
    console.print(f"[bold green]Turnout is up.[/bold green] Control plane {stack.control.address}, workers "
                  f"{', '.join(worker.address for worker in stack.workers)}")  # fmt: skip
    if settings.dev:
        console.print(f"[bold red]--dev: this is {SAID}.[/bold red]")
    console.print(f"HTTP API {stack.http}; tokens: {stack.state / 'tokens'}.")
    if stack.gateways:
        console.print(f"For SDKs: base_url {stack.gateways[0]}/v1, api_key from {stack.token_file}, model auto.")
    console.print(f"State, keys and logs: {stack.state}. Deployments that can be called: {len(ready)}.")
    if sandbox:
        console.print(f"All providers are played by the sandbox at {sandbox}.")
    _hints(console, ready, missing)


def _hints(console: Console, ready: Sequence[str], missing: Sequence[str]) -> None:
    if not ready:
        console.print(
            "[yellow]No deployment can be called yet:[/yellow] set OPENAI_API_KEY, ANTHROPIC_API_KEY or GEMINI_API_KEY, "
            "or give a server of your own with --local-url http://127.0.0.1:8080/v1, or play with --sandbox"
        )
    elif missing:
        console.print(f"[dim]Not callable, because their credentials are absent: {escape(', '.join(missing))}[/dim]")
    console.print('Try: turnout route "Translate: good morning"   turnout chat "Tell me a joke"   (Ctrl-C stops)')
