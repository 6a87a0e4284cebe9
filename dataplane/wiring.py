"""Builds a worker out of its parts; nothing else constructs them."""

import asyncio
import logging
import random
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from importlib.metadata import version
from typing import TYPE_CHECKING

from dataplane.config import Config
from dataplane.execution.board import BoardSettings, BreakerBoard, BreakerChanged
from dataplane.execution.budget import BudgetSettings, RetryBudgets
from dataplane.execution.bulkhead import Bulkheads
from dataplane.execution.clock import Clock, SystemClock
from dataplane.execution.compatibility import fits_by_protocol
from dataplane.execution.equipment import Equipment, RunnerSettings
from dataplane.execution.gate import Gate
from dataplane.execution.hedge import HedgeSettings
from dataplane.execution.output import Answer, judge
from dataplane.execution.receipt import Receipt
from dataplane.execution.run import Begun
from dataplane.execution.runner import Runner
from dataplane.execution.schema_fit import SchemaFit
from dataplane.execution.wait import Waiting, WaitSettings
from dataplane.gateway.assembly import Parts, gateway, opened_cache
from dataplane.gateway.scraping import Scraping
from dataplane.permit.context import Context
from dataplane.permit.replay import ReplayGuard
from dataplane.provider.credential import CredentialMissing, Credentials
from dataplane.provider.http_provider import HttpProvider
from dataplane.provider.late_transport import LateTransport
from dataplane.report.health_codec import TargetHealthMessage as TargetHealth
from dataplane.report.health_codec import health_message
from dataplane.report.judging import Judging
from dataplane.report.receipt_codec import receipt_message, started_message
from dataplane.report.reporter import ReceiptQueue, Reporter
from dataplane.report.started import StartedRuns
from dataplane.report.uplink import TIMEOUT, Uplink, connect
from dataplane.rpc.access import ACCESS
from dataplane.rpc.content import Content
from dataplane.rpc.decision_codec import ProtobufDecisionReader
from dataplane.rpc.inference import Admission, InferenceServicer
from dataplane.rpc.services import inference_service, payload_rules
from dataplane.rpc.tracing import RunTelemetry
from dataplane.snapshot.callers import known
from dataplane.snapshot.holder import SnapshotHolder
from dataplane.snapshot.model import WorkerSnapshot
from dataplane.sync.deciding import Decider
from dataplane.sync.jobs import JobRun, Jobs, JobSettings
from dataplane.sync.subscriber import Identity, SnapshotSource, Subscriber
from turnout_wire.batch import RememberedRoots
from turnout_wire.caches import Counted, watch_caches
from turnout_wire.dev import DEV, SAID
from turnout_wire.ed25519 import verify
from turnout_wire.hosting import Host
from turnout_wire.layers import Access, Deadlines, Errors, RequestIds, Validation
from turnout_wire.process import announce, collect_seldom, die_with_parent, until_signal
from turnout_wire.server import Principal
from turnout_wire.telemetry import RpcTelemetry, Telemetry, start_telemetry

if TYPE_CHECKING:
    from turnout_wire.http_server import HttpServer

_log = logging.getLogger(__name__)
GUARDED_DECISIONS = 50_000
"""Decisions that the replay guard remembers, at 300 bytes each: 60 s of 800 a second, more than one worker runs."""
SETTLING = 2.0
"""Seconds in which runs that were cut when a worker goes down may still state what they did."""
JUDGING = 2.0
"""Seconds in which answers are still judged when a worker goes down."""
PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"
"""What scrapers of Prometheus read."""
FEATURES = frozenset({"reservation"})
"""Features of decisions that this worker knows."""


def growing_wait(attempt: int) -> float:
    """Full jitter up to 50 ms · 2^attempt, at most 3 s, so that a thousand workers do not come back together."""
    return random.uniform(0.01, min(0.05 * 2.0**attempt, 3.0))  # noqa: S311 - spreading load, not a secret


def lookup(credentials: Credentials) -> Callable[[str], str | None]:
    """Credentials as the gate asks for them: None where there is none."""

    def resolve(reference: str) -> str | None:
        try:
            return credentials.resolve(reference)
        except CredentialMissing:
            return None

    return resolve


def _hedge(config: Config) -> HedgeSettings | None:
    return HedgeSettings(after=config.hedge_after, budget=config.hedge_budget) if config.hedge_after else None


class Worker:
    """A worker, from its start to its end."""

    def __init__(self, config: Config, telemetry: Telemetry, uplink: Uplink, clock: Clock | None = None) -> None:
        self._config = config
        self._telemetry = telemetry
        self._draining = False
        self._tasks: list[asyncio.Task[None]] = []
        self._reporting: list[asyncio.Task[None]] = []
        self._clock = clock or SystemClock()
        self._snapshots = SnapshotHolder(self._clock.monotonic, config.staleness_bound)
        self._queue = ReceiptQueue(config.receipt_queue, self._dropped)
        self._started = StartedRuns(config.receipt_queue, self._start_dropped)
        fits = SchemaFit(time.thread_time)
        self._judging = Judging(self._queue_receipt, lambda answer: judge(answer, fits))
        self._transport = LateTransport(allowed=config.allow_networks)
        self._observer = RunTelemetry(telemetry)
        self._gate = self._make_gate(config.secrets)
        self._reporter = self._make_reporter(uplink)
        self._subscriber = self._make_subscriber(uplink)
        self._provider = HttpProvider(self._transport, now=self._clock.now)
        self._permit = self._make_permit()
        self._runner = self._make_runner()
        self._decider = Decider(uplink, self._question_dropped)
        self._jobs = self._make_jobs(uplink) if config.jobs else None
        self._host = self._make_host()
        self._cache = opened_cache(config.cache, config.cache_seconds, self._clock.monotonic, self._cache_failed)
        watch_caches(telemetry.metrics, self._caches, {"turnout.worker": config.worker})
        self._http = self._make_http() if config.gateway else None
        self.gateway_address = ""
        self._snapshots.on_change(self._renew)

    async def run(self) -> None:
        """Serve until a signal, then finish what runs and report it."""
        address = await self.start()
        await self.ready()
        facts = {"gateway": self.gateway_address} if self.gateway_address else {}
        if self._config.dev:
            facts["dev"] = SAID
            _log.warning("this worker is %s", SAID)
        collect_seldom()
        announce(address=address, worker=self._config.worker, pool=self._config.pool, **facts)
        await until_signal()
        _log.info("draining", extra={"worker": self._config.worker})
        await self.stop()

    async def start(self) -> str:
        """Listen, subscribe and report, and give the address. Raises OSError if it is taken."""
        port = await self._host.start(self._config.listen)
        if self._http is not None:
            self.gateway_address = await self._http.start(self._config.gateway)
        self._tasks = [asyncio.create_task(self._subscriber.run())]
        self._reporting = [asyncio.create_task(self._reporter.run())]
        if self._jobs is not None:
            self._tasks.append(asyncio.create_task(self._jobs.run()))
        return f"{self._config.listen.rpartition(':')[0]}:{port}"

    async def ready(self) -> None:
        """A worker without a snapshot can do nothing, so it is not ready before it has one."""
        first = asyncio.Event()
        self._snapshots.on_change(lambda _: first.set())
        if self._snapshots.current is None:
            await first.wait()
        await self._host.set_serving(serving=True)
        self._tasks.append(asyncio.create_task(self._prepare()))

    async def _prepare(self) -> None:
        """Load what the first request will need, beside what runs already."""
        await self._transport.open()
        if self._http is not None:
            await self._decider.prepare()

    async def stop(self) -> None:
        """Refuse new calls, let those that run finish, and report what they did."""
        self._draining = True
        await asyncio.gather(self._host.stop(self._config.drain), self._close_gateway())
        await self._decider.close()
        if self._cache is not None:
            await self._cache.close()
        await _end(self._tasks)
        await self._runner.settled(SETTLING)
        await self._judging.settle(JUDGING)
        left = await self._reporter.flush(TIMEOUT)
        await _end(
            self._reporting
        )  # only now: a report that is given up under way is taken, but nobody hears that it was
        if left:
            _log.error("receipts could not be reported", extra={"receipts": left})
        await self._transport.close()
        self._telemetry.close()

    async def _close_gateway(self) -> None:
        """As long as runs go on the port is open, so that who comes now is told to go elsewhere, and does not find nobody there."""
        if self._http is None:
            return
        begun = self._clock.monotonic()
        await self._runner.settled(self._config.drain)
        await self._http.stop(self._config.drain - (self._clock.monotonic() - begun))

    def _renew(self, snapshot: WorkerSnapshot) -> None:
        self._gate.renew(snapshot)
        self._reporter.nudge()
        _log.info("snapshot in use", extra={"version": snapshot.version, "digest": snapshot.digest.hex()[:16]})

    def _make_gate(self, secrets: Mapping[str, str]) -> Gate:
        self._budgets = RetryBudgets(BudgetSettings())
        board = BreakerBoard(BoardSettings(), draw=random.random, notify=self._breaker_changed)
        return Gate(
            board=board,
            bulkheads=Bulkheads(),
            budgets=self._budgets,
            credentials=lookup(Credentials(secrets.get)),
            clock=self._clock,
        )

    def _breaker_changed(self, changed: BreakerChanged) -> None:
        self._observer.breaker_changed(changed)
        self._reporter.nudge()
        _log.warning("breaker %s", changed.change.after, extra={"target": str(changed.key)})

    def _make_reporter(self, uplink: Uplink) -> Reporter:
        return Reporter(
            self._config.worker, self._queue, self._health, uplink.report, growing_wait, started=self._started
        )

    def _health(self) -> list[TargetHealth]:
        snapshot = self._snapshots.current
        return [health_message(health) for health in self._gate.health(snapshot)] if snapshot else []

    def _caches(self) -> Mapping[str, Counted]:
        """Of answers and of words, as far as this worker has them by now."""
        caches = {"answer": self._cache, "word": self._decider.words}
        return {name: cache for name, cache in caches.items() if cache is not None}

    def _make_subscriber(self, uplink: Uplink) -> Subscriber:
        identity = Identity(
            worker=self._config.worker,
            pool=self._config.pool,
            software=version("turnout"),
            features=tuple(sorted(FEATURES)),
            pinned=self._config.pinned,
        )
        source = SnapshotSource(self._snapshots, identity, verify, self._clock.now)
        return Subscriber(uplink, uplink.metadata, source, self._snapshots, identity, growing_wait)

    def _make_host(self) -> Host:
        rules = payload_rules()
        servicer = InferenceServicer(
            self._make_admission(rules), self._runner, Content(wanted=self._config.trace_content)
        )
        layers = (
            RequestIds(),
            RpcTelemetry(self._telemetry),
            Errors(),
            Deadlines(lambda method: ACCESS[method.name].deadline),
            Access(ACCESS, self._authenticate),
            rules,
        )
        return Host(
            [inference_service(servicer)],
            layers,
            max_concurrent=self._config.max_concurrent,
            reflect=self._config.reflect,
        )

    def _authenticate(self, token: str) -> Principal | None:
        """A caller of the snapshot, however old. Raises Failure SNAPSHOT_STALE before the first, for then nobody can be known."""
        snapshot = self._snapshots.current or self._snapshots.fresh()
        return known(snapshot.callers, token, self._clock.now()) or (DEV if self._config.dev else None)

    def _make_http(self) -> "HttpServer":
        from turnout_wire.http_server import HttpServer  # its library, for workers with a gateway

        parts = Parts(
            snapshots=self._snapshots,
            permit=self._permit,
            decide=self._decider,
            runner=self._runner,
            authenticate=self._authenticate,
            draining=lambda: self._draining,
            telemetry=self._telemetry,
            content=Content(wanted=self._config.trace_content),
            clock=self._clock.now,
            monotonic=self._clock.monotonic,
            max_concurrent=self._config.max_concurrent,
            cache=self._cache,
            dev=self._config.dev,
            metrics=self._scraping(),
        )
        return HttpServer(gateway(parts), drain=self._config.drain, parser="httptools")

    def _scraping(self) -> Scraping:
        def opened() -> Callable[[str, str], bytes]:
            from turnout_wire.prometheus import Scrape  # its library, for workers whose figures somebody reads

            return Scrape(
                self._telemetry.metrics,
                self._authenticate,
                address=self._config.gateway,
                opened=self._config.metrics_open,
            )

        return Scraping(opened, PROMETHEUS)

    def _make_permit(self) -> Context:
        return Context(
            pool=self._config.pool,
            features=FEATURES,
            read=ProtobufDecisionReader(),
            verifier=RememberedRoots(verify),
            guard=ReplayGuard(capacity=GUARDED_DECISIONS),
        )

    def _make_admission(self, rules: Validation) -> Admission:
        return Admission(
            snapshots=self._snapshots,
            permit=self._permit,
            rules=rules,
            clock=self._clock.now,
            draining=lambda: self._draining,
        )

    def _make_jobs(self, uplink: Uplink) -> Jobs:
        settings = JobSettings(worker=self._config.worker, pool=self._config.pool, at_once=self._config.jobs)
        run = JobRun(
            snapshots=self._snapshots,
            permit=self._permit,
            rules=payload_rules(),
            runner=self._runner,
            clock=self._clock.now,
        )
        return Jobs(uplink, settings, run, growing_wait)

    def _make_runner(self) -> Runner:
        waiting = Waiting(
            WaitSettings(), budgets=self._budgets, clock=self._clock, draw=random.random, sleep=asyncio.sleep
        )
        return Runner(
            RunnerSettings(worker=self._config.worker, hedge=_hedge(self._config)),
            Equipment(
                provider=self._provider,
                gate=self._gate,
                waiting=waiting,
                clock=self._clock,
                sink=self._take_receipt,
                observer=self._observer,
                new_id=lambda: str(uuid.uuid4()),
                begun=self._take_begin,
                fits=fits_by_protocol(self._provider.passes),
            ),
        )

    def _dropped(self) -> None:
        self._telemetry.metrics.count("turnout.receipts.dropped", {"turnout.worker": self._config.worker})

    def _cache_failed(self) -> None:
        self._telemetry.metrics.count("turnout.cache.failures", {"turnout.worker": self._config.worker})

    def _question_dropped(self) -> None:
        self._telemetry.metrics.count("turnout.questions.dropped", {"turnout.worker": self._config.worker})

    def _start_dropped(self) -> None:
        self._telemetry.metrics.count("turnout.starts.dropped", {"turnout.worker": self._config.worker})

    def _take_begin(self, begun: Begun) -> None:
        self._started.put(started_message(begun))
        self._reporter.nudge()

    def _queue_receipt(self, receipt: Receipt) -> None:
        self._queue.put(receipt_message(receipt, with_decision=True))

    def _take_receipt(self, receipt: Receipt, answer: Answer | None) -> None:
        self._started.ended(receipt.receipt_id)
        self._judging.take(receipt, answer)
        facts = {
            "decision_id": receipt.decision_id,
            "result": str(receipt.result),
            "attempts": len(receipt.attempts),
            "cost_nanousd": receipt.cost_nanousd,
            "reason": receipt.error_reason,
        }
        _log.info("run ended", extra=facts)


async def serve(config: Config) -> None:
    """Run a worker until a signal."""
    if config.die_with_parent:
        die_with_parent()
    telemetry = start_telemetry("turnout-worker", config.worker, version("turnout"), enabled=config.telemetry)
    uplink = connect(config.control, config.token_file)
    try:
        await Worker(config, telemetry, uplink).run()
    finally:
        with suppress(asyncio.CancelledError):
            await uplink.close()


async def _end(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
