"""Runs the demonstration from the first process to the last."""

import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from turnout_cli.demo.books import BUDGET, Accounts, accounts
from turnout_cli.demo.catalog import CREDENTIAL, PROTOCOLS, PROVIDERS, sandbox_catalog
from turnout_cli.demo.drills import Outage, open_breakers, tampering
from turnout_cli.demo.outcome import Row, Summary, summarize
from turnout_cli.demo.prompts import read_prompts
from turnout_cli.demo.show import Screen
from turnout_cli.demo.tracing import DemoTracing, start_tracing
from turnout_cli.demo.traffic import Traffic
from turnout_cli.processes import Processes, Program, Running
from turnout_cli.sandbox import sandbox_program
from turnout_cli.stack import Stack, StackSettings, start_stack
from turnout_client import Client

MANY = 500
"""From so many prompts on, a progress bar is shown instead of every row, and one request in a hundred is traced."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoSettings:
    """What to demonstrate with. `environment` is the whole environment of the processes."""

    prompts: Path | None
    limit: int | None
    concurrency: int
    latency_scale: float
    seed: int
    drills: bool
    as_json: bool
    environment: Mapping[str, str]


class Demo:
    """One demonstration."""

    def __init__(self, settings: DemoSettings, console: Console) -> None:
        self._settings = settings
        self._console = console
        self._screen = Screen(console)
        self._prompts = read_prompts(settings.prompts)[: settings.limit]

    async def run(self) -> int:
        """Start, show, stop; 1 if a drill found a defect or nothing was answered. Raises ProcessFailed."""
        async with AsyncExitStack() as resources:
            folder = Path(resources.enter_context(tempfile.TemporaryDirectory(prefix="turnout-demo-")))
            tracing = await start_tracing(sampled=0.01 if len(self._prompts) >= MANY else 1.0)
            resources.push_async_callback(tracing.stop)
            processes = await resources.enter_async_context(Processes())
            began = time.perf_counter()
            sandboxes = await self._start_sandboxes(processes, folder)
            stack = await self._start_stack(processes, folder, sandboxes, tracing)
            self._note(
                f"control plane, {len(stack.workers)} workers and {len(sandboxes)} sandbox providers are up "
                f"after {time.perf_counter() - began:.1f} s"
            )
            self._note(
                f"{len(self._prompts)} prompts follow; the sandbox makes up the answers, in {self._settings.latency_scale:.0%} of the "
                "time of real models; prices are the catalog's; nothing leaves this machine or costs money"
            )
            client = await resources.enter_async_context(_client(stack, stack.workers))
            with_one = await resources.enter_async_context(_client(stack, stack.workers[:1]))
            rows, seconds = await self._send(client, sandboxes)
            summary = summarize(rows, await self._baseline(client), seconds)
            kept = await accounts(client, stack, summary.cost_nanousd)
            return await self._show(with_one, tracing, rows, summary, kept)

    async def _show(
        self, with_one: Client, tracing: DemoTracing, rows: list[Row], summary: Summary, kept: Accounts
    ) -> int:
        refusals = await tampering(with_one, "Is the sky blue?") if self._settings.drills else []
        if self._settings.as_json:
            for refused in refusals:
                self._emit({"kind": "tampering", **asdict(refused)})
            self._emit({"kind": "accounts", **asdict(kept)})
            self._emit(summary.document())
        else:
            await self._show_rest(summary, tracing, rows)
            self._screen.heading("What is kept of it")
            self._screen.accounts(kept)
            if refusals:
                self._screen.heading("Somebody tampers with decisions")
                self._screen.refusals(refusals)
        right = kept.right or bool(
            summary.errors
        )  # an answer that failed may have cost something, and nobody told its caller
        return 0 if summary.answered and right and all(refused.reason for refused in refusals) else 1

    async def _show_rest(self, summary: Summary, tracing: DemoTracing, rows: list[Row]) -> None:
        self._screen.heading("What came out")
        self._screen.summary(summary)
        told = max(rows, key=lambda row: (row.attempts, -row.number))
        spans = await tracing.trace_of({row.decision_id for row in rows if row.decision_id}, told.decision_id)
        if spans:
            self._screen.heading("One request as a trace")
            self._screen.trace(spans)

    async def _send(self, client: Client, sandboxes: Mapping[str, Running]) -> tuple[list[Row], float]:
        count = len(self._prompts)
        addresses = {name: running.address for name, running in sandboxes.items()}
        outage = Outage(addresses, first=count * 2 // 5, last=count * 7 // 10)
        shown = _Shown(self, count)
        # Few prompts go one after the other, so that the outage has a before, a during and an after.
        at_once = max(count // 8, 1) if self._settings.drills else count
        traffic = Traffic(client, min(self._settings.concurrency, at_once), shown.row)

        async def before(number: int) -> None:
            if not self._settings.drills:
                return
            await outage.before(number, Counter(row.provider for row in traffic.rows if not row.error), self._note)
            if outage.provider and number == count * 3 // 5:
                self._breakers(await open_breakers(client))

        began = time.perf_counter()
        with shown:
            await traffic.send(self._prompts, before)
        return traffic.rows, time.perf_counter() - began

    async def _baseline(self, client: Client) -> str:
        plan = (await client.explain("Hello")).plan
        return plan.baseline.model if plan and plan.baseline else "the baseline"

    def _breakers(self, details: list[str]) -> None:
        if self._settings.as_json:
            self._emit({"kind": "breakers", "open": details})
        else:
            self._screen.breakers(details)

    def _note(self, text: str) -> None:
        if self._settings.as_json:
            self._emit({"kind": "note", "text": text})
        else:
            self._screen.note(text)

    def _emit(self, document: Mapping[str, object]) -> None:
        sys.stdout.write(json.dumps(document, ensure_ascii=False) + "\n")

    def tell(self, row: Row) -> None:
        """Print one row."""
        if self._settings.as_json:
            self._emit(row.document())
        else:
            self._screen.row(row)

    @property
    def quiet(self) -> bool:
        """Whether rows are too many to print."""
        return len(self._prompts) >= MANY and not self._settings.as_json

    @property
    def console(self) -> Console:
        """Where to print."""
        return self._console

    async def _start_sandboxes(self, processes: Processes, folder: Path) -> dict[str, Running]:
        return {provider: await processes.start(self._sandbox(provider, folder)) for provider in PROVIDERS}

    def _sandbox(self, provider: str, folder: Path) -> Program:
        return sandbox_program(
            f"sandbox of {provider}",
            [PROTOCOLS[provider]],
            folder / f"sandbox-{provider}.log",
            self._settings.environment,
            seed=self._settings.seed,
            latency_scale=self._settings.latency_scale,
        )

    async def _start_stack(
        self, processes: Processes, folder: Path, sandboxes: Mapping[str, Running], tracing: DemoTracing
    ) -> Stack:
        catalog = folder / "turnout.yaml"
        catalog.write_text(
            sandbox_catalog({name: running.address for name, running in sandboxes.items()}, budgets=[BUDGET]),
            encoding="utf-8",
        )
        environment = {**self._settings.environment, **tracing.environment, CREDENTIAL: "sandbox"}
        settings = StackSettings(state=folder / "state", catalog=catalog, environment=environment, log_level="warning")
        return await start_stack(processes, settings)


def _client(stack: Stack, workers: Sequence[Running]) -> Client:
    token = stack.token_file.read_text(encoding="utf-8").strip()
    return Client(
        control=stack.control.address, workers=[worker.address for worker in workers], token=token, timeout=60
    )


class _Shown:
    """Rows as they come: all of them, or a bar when they are too many."""

    def __init__(self, demo: Demo, count: int) -> None:
        self._demo = demo
        columns = (TextColumn("prompts"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._bar = Progress(*columns, console=demo.console) if demo.quiet else None
        self._task = self._bar.add_task("prompts", total=count) if self._bar else None

    def __enter__(self) -> None:
        if self._bar:
            self._bar.start()

    def __exit__(self, *_: object) -> None:
        if self._bar:
            self._bar.stop()

    def row(self, row: Row) -> None:
        """Show one."""
        if self._bar and self._task is not None:
            self._bar.advance(self._task)
        else:
            self._demo.tell(row)
