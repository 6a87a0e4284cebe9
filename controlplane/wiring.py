"""Builds a control plane out of its parts; nothing else constructs them."""

import asyncio
import hashlib
import logging
import os
import random
import secrets
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING

from controlplane.audit.documents import ReferredDocuments
from controlplane.audit.log_key import open_log_key
from controlplane.audit.metrics import LogMetrics
from controlplane.audit.sequencer import Sequencer
from controlplane.budget.alerts import AlertWatch
from controlplane.budget.metrics import BudgetMetrics
from controlplane.budget.model import Budget
from controlplane.catalog.restore import catalog_document
from controlplane.catalog.watch import CatalogWatch
from controlplane.classification.custom import load as load_classifier
from controlplane.classification.semantic_store import RouteFits
from controlplane.config import Config
from controlplane.http.ready import Readiness
from controlplane.insight.drift_watch import DriftWatch
from controlplane.insight.following import Following
from controlplane.journal.metrics import watch_journal
from controlplane.journal.model import Append, Expire
from controlplane.learned.book import QualityBook
from controlplane.learned.restore import learned_document
from controlplane.outcome.live import HealthReport, LiveView
from controlplane.outcome.shared_views import SharedViews
from controlplane.outcome.sight import PAUSE, Sight
from controlplane.policy.model import LLM
from controlplane.records import Records, Shell
from controlplane.routing.books import Books
from controlplane.routing.custom_rungs import CustomRungs
from controlplane.routing.further import FurtherReadings
from controlplane.routing.jobs import JobBoard
from controlplane.routing.memory import DecisionMemory
from controlplane.routing.remembered import READINGS, VECTORS, Readings, Remembered, RememberingEncoder
from controlplane.routing.worked_out import WorkedOut
from controlplane.rpc.access import ACCESS
from controlplane.rpc.erasing import BodyEraser
from controlplane.rpc.jobs import JobServicer
from controlplane.rpc.keys import key_set_message
from controlplane.rpc.record_facts import told_by
from controlplane.rpc.recording import EntryMaker
from controlplane.rpc.sealing import published
from controlplane.rpc.snapshot_codec import snapshot_message
from controlplane.rpc.unfit import unfit_failure
from controlplane.servicers import Parts, served
from controlplane.sharing import Shared, Sharing
from controlplane.signing import document
from controlplane.snapshot.holder import SnapshotHolder, snapshot_digest
from controlplane.snapshot.live_document import live_document
from controlplane.snapshot.model import Snapshot
from controlplane.snapshot.publication import Publication
from controlplane.snapshot.shared_versions import SharedVersions
from controlplane.snapshot.version_file import VersionFile
from controlplane.state import ROUTES, VERSION, State, open_state
from controlplane.store.open import open_store
from controlplane.store.protocols import Store, StoreUnavailable
from turnout_embedding import Encoder
from turnout_embedding import load as load_encoder
from turnout_features import Encode, prepare_merges
from turnout_wire.caches import Counted, watch_caches
from turnout_wire.dev import SAID
from turnout_wire.hosting import Host
from turnout_wire.layers import Access, Deadlines, Errors, RequestIds, Validation
from turnout_wire.process import announce, collect_seldom, die_with_parent, until_signal
from turnout_wire.server import Principal
from turnout_wire.telemetry import RpcTelemetry, Telemetry, start_telemetry
from turnout_wire.uuid7 import RANDOM_BITS, uuid7

if TYPE_CHECKING:
    from turnout_wire.http_server import HttpServer

_log = logging.getLogger(__name__)
SALT_BYTES = 16
FLUSH = 5.0
"""Seconds that what waits to be written has when the control plane ends."""
TIDY_EVERY = 60.0
"""Seconds between two looks for keys whose time is over."""


def utc_now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


def new_decision_id(now: datetime) -> str:
    """A UUIDv7; the random part comes from the system, so that ids cannot be guessed."""
    return uuid7(now, secrets.randbits(RANDOM_BITS))


class ControlPlane:
    """A control plane, from its start to its end."""

    def __init__(
        self,
        config: Config,
        state: State,
        store: Store,
        telemetry: Telemetry,
        *,
        draw: Callable[[], float] = random.random,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        """`draw` gives one uniform number in [0, 1) for each decision. Raises KeyFolderError if the log's key is damaged."""
        self._clock = clock
        self._config = config
        self._state = state
        self._telemetry = telemetry
        self._draw = draw
        self._readings: Readings = Remembered(READINGS)
        self._further: FurtherReadings = Remembered(READINGS)
        self._vectors: Remembered[bytes, bytes] = Remembered(VECTORS)
        self._custom = CustomRungs(load_classifier)
        self._board = JobBoard()
        self._jobs = JobServicer(self._board, telemetry)
        self._given = DecisionMemory()
        self._words: Encoder | None = None
        watch_caches(telemetry.metrics, self._caches)
        self._encoder: Callable[[], Encode] = cache(self._load_encoder)
        self._quality = QualityBook(store.database, lambda: self._encoder().name)
        self._worked_out = WorkedOut(RouteFits(self._encoder, config.state / ROUTES))
        versions = SharedVersions(store.database, self._clock) if config.shared else VersionFile(config.state / VERSION)
        self._snapshots = SnapshotHolder(versions, self._clock)
        self._sight = Sight(self._snapshots, LiveView(), self._clock, self._tell, pause=PAUSE)
        self._sharing = Sharing(self._shared(store, versions)) if isinstance(versions, SharedVersions) else None
        self._publication = Publication(config.heartbeat)
        self._entries = EntryMaker(clock=self._clock, salt=lambda: os.urandom(SALT_BYTES), new_id=new_decision_id)
        with state.keys_folder.exclusive():
            self._log_key = open_log_key(state.keys_folder, config.issuer, lambda: os.urandom(32))
        self._records = Records(
            store,
            Sequencer(store.tree, self._log_key, LogMetrics(telemetry.metrics), self._clock),
            ReferredDocuments(catalog_document, live_document, learned_document),
            Shell(clock=self._clock, seconds=time.monotonic, salt=self._entries.salt),
            shared=config.shared,
        )
        watch_journal(telemetry.metrics, lambda: self._records.journal.state)
        submit = self._records.journal.submit
        self._eraser = BodyEraser(store, submit, self._clock, self._entries.salt, self._entries.new_id)
        self._following = self._follow(store)
        self._alerts = self._alert_watch()
        self._watch = CatalogWatch(state.catalog)
        self._rules = Validation()
        self._served = served(self._parts())
        self._host = Host(self._served, self._layers(), max_concurrent=config.max_concurrent, reflect=config.reflect)
        self._http: HttpServer | None = None
        self.http_address = ""
        self._draining = False
        self._tasks: list[asyncio.Task[None]] = []
        self._snapshots.on_publish(self._publish)
        state.catalog.on_change(lambda _: self.renew())

    def _load_encoder(self) -> Encode:
        self._words = load_encoder()
        return RememberingEncoder(self._words, self._vectors)

    def _caches(self) -> Mapping[str, Counted]:
        """Those that there are by now: of words once the encoder is loaded."""
        caches: dict[str, Counted] = {"reading": self._readings, "further": self._further}
        caches |= {"decision": self._given, "vector": self._vectors}
        return caches if self._words is None else {**caches, "word": self._words}

    def renew(self) -> None:
        """Publish a new snapshot if catalog, keys or callers changed; soon, where others have to agree on its version."""
        if self._sharing is None:
            self._publish_now()

    def _publish_now(self) -> None:
        self._snapshots.publish(replace(self._state.catalog.current, learned=self._quality.learned), self._digest())

    async def _spread(self) -> None:
        """Publish a change before whoever asked for it hears that it is done."""
        if self._sharing is None:
            self._publish_now()
        else:
            await self._sharing.spread()

    def _shared(self, store: Store, versions: SharedVersions) -> Shared:
        return Shared(
            store=store,
            catalog=self._state.catalog,
            keys=self._state.keys,
            book=self._state.book,
            quality=self._quality,
            versions=versions,
            views=SharedViews(store.database, self._sight.elsewhere, self._clock),
            digest=self._digest,
            publish=self._publish_now,
        )

    def _tell(self, worker: str, health: Sequence[HealthReport], at: datetime) -> None:
        if self._sharing is not None:
            self._sharing.views.tell(worker, health, at)

    def _digest(self) -> bytes:
        catalog, active = self._state.catalog.current, self._quality.shelf.active
        return snapshot_digest(catalog, self._key_set_digest(), self._callers_digest(), active)

    def _key_set_digest(self) -> bytes:
        return hashlib.sha256(document.to_json(self._state.keys.ring)).digest()

    def _callers_digest(self) -> bytes:
        return self._state.callers.digest

    async def run(self) -> None:
        """Serve until a signal, then let calls finish."""
        address = await self.start()
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._watch.reload)
        snapshot = self._snapshots.current.version
        facts = {"http": self.http_address} if self.http_address else {}
        if self._config.dev:
            facts["dev"] = SAID
            _log.warning("this control plane is %s", SAID)
        collect_seldom()
        announce(address=address, state=str(self._config.state), snapshot=snapshot, **facts)
        await until_signal()
        _log.info("draining")
        await self.stop()

    async def start(self) -> str:
        """Serve, and give the address. Raises OSError if it is taken, StoreUnavailable, and what Sharing.begin raises."""
        weights = asyncio.get_running_loop().run_in_executor(None, self._encoder)
        await self._state.book.refresh()
        await self._quality.refresh()
        if self._sharing is not None:
            await self._sharing.begin()
        self.renew()
        self._record_keys()
        with suppress(StoreUnavailable):  # then its refusals will tell
            await self._records.recall(self._budgets(), self._clock())
        self._records.start(
            self._alerts.run(),
            self._following.run(),
            self._drift_watch().run(),
            *([self._sharing.run()] if self._sharing else []),
        )
        await weights  # which the first caller should not wait for
        port = await self._host.start(self._config.listen)
        if self._config.http:
            self._http = self._http_server()
            self.http_address = await self._http.start(self._config.http)
        await self._host.set_serving(serving=True)
        self._tasks = [asyncio.create_task(self._watch.run()), asyncio.create_task(self._tidy())]
        return f"{self._config.listen.rpartition(':')[0]}:{port}"

    async def stop(self) -> None:
        """Refuse new calls and let those that run finish."""
        for task in self._tasks:
            task.cancel()
        self._publication.end()
        self._jobs.end()
        self._draining = True
        await asyncio.gather(self._host.stop(self._config.drain), *([self._http.stop()] if self._http else []))
        await self._records.stop(FLUSH)
        self._telemetry.close()

    async def _tidy(self) -> None:
        while True:
            await asyncio.sleep(TIDY_EVERY)
            self._state.keys.tidy()
            self._records.documents.forget()
            self.renew()

    def _publish(self, snapshot: Snapshot) -> None:
        self._worked_out.prepare(snapshot)
        for policy in snapshot.catalog.policies.values():
            self._custom.prepare(entry for entry in policy.further if entry.name != LLM)
        self._alerts.watch(snapshot.catalog.budgets)
        key_set = key_set_message(self._state.keys.ring)
        message = snapshot_message(snapshot, key_set, self._state.callers.all, self._config.issuer)
        self._publication.publish(published(message, self._state.keys))
        self._record(snapshot)
        _log.info("snapshot published", extra={"version": snapshot.version, "digest": snapshot.digest.hex()[:16]})

    def _record(self, snapshot: Snapshot) -> None:
        """A new configuration is an entry of the log, and so are new keys; those that are known change nothing."""
        post, documents = self._records.journal.post, self._records.documents
        referred, keys = documents.of(snapshot), self._key_set_digest()
        entry = self._entries.snapshot(snapshot, referred, keys, self._callers_digest())
        post(Append(entry=entry, documents=documents.missing(referred)))
        post(Append(entry=self._entries.keys(self._state.keys.ring, keys)))

    def _record_keys(self) -> None:
        """A process may have ended after a change was kept and before it was written down; what is known changes nothing."""
        for key in self._state.book.keys.values():
            self._records.journal.post(Append(entry=self._entries.api_key(key)))
        if (change := self._quality.shelf.change) is not None:
            self._records.journal.post(Append(entry=self._entries.quality_model(change)))

    def _http_server(self) -> "HttpServer":
        # And with them starlette and uvicorn, which nobody needs who does not serve HTTP.
        from controlplane.http.api import api
        from controlplane.http.endpoint import Around
        from controlplane.http.gate import Gate
        from controlplane.http.watching import HttpTelemetry
        from turnout_wire.http_server import HttpServer
        from turnout_wire.prometheus import Scrape

        around = Around(
            access=Access(ACCESS, self._authenticate),
            validation=self._rules,
            telemetry=HttpTelemetry(self._telemetry),
            gate=Gate(self._config.max_concurrent),
            dev=self._config.dev,
        )
        scrape = Scrape(
            self._telemetry.metrics,
            self._authenticate,
            address=self._config.http,
            opened=self._config.metrics_open,
        )
        return HttpServer(api(self._served, around, self._readiness(), scrape), drain=self._config.drain)

    def _readiness(self) -> Readiness:
        records = self._records
        return Readiness(
            snapshot=lambda: self._snapshots.current,
            database=records.store.database,
            journal=lambda: records.journal.state,
            probe=lambda: records.journal.submit(Expire(decision_id="", now=self._clock(), salt=self._entries.salt())),
            draining=lambda: self._draining,
        )

    def _layers(self) -> tuple[RequestIds, RpcTelemetry, Errors, Deadlines, Access, Validation]:
        return (
            RequestIds(),
            RpcTelemetry(self._telemetry),
            Errors(),
            Deadlines(lambda method: ACCESS[method.name].deadline),
            Access(ACCESS, self._authenticate),
            self._rules,
        )

    def _authenticate(self, token: str) -> Principal | None:
        caller = self._state.callers(token)
        return Principal(name=caller.name, tenant=caller.tenant, roles=caller.roles) if caller else None

    def _follow(self, store: Store) -> Following:
        """Figures are made where the log is extended."""
        sequencer, metrics = self._records.sequencer, self._telemetry.metrics
        return Following(
            store,
            told_by,
            leading=lambda: sequencer.leading,
            clock=self._clock,
            erase=self._eraser.aged,
            retention=self._config.retention,
            on_dropped=lambda kind, count: metrics.count("turnout.dropped", {"turnout.kind": kind}, count),
        )

    def _drift_watch(self) -> DriftWatch:
        following, sequencer = self._following, self._records.sequencer
        metrics = self._telemetry.metrics
        return DriftWatch(
            following.drifts, following.alarms, metrics, leading=lambda: sequencer.leading, clock=self._clock
        )

    def _budgets(self) -> Sequence[Budget]:
        return self._snapshots.current.catalog.budgets

    def _alert_watch(self) -> AlertWatch:
        records = self._records
        metrics = BudgetMetrics(self._telemetry.metrics, self._budgets, lambda: records.view.balances, self._clock)
        watch = AlertWatch(records.journal.submit, records.store.ledger, metrics, self._clock, self._entries.salt)
        records.view.on_update(watch.heard)
        return watch

    def _parts(self) -> Parts:
        return Parts(
            issuer=self._config.issuer,
            clock=self._clock,
            draw=self._draw,
            state=self._state,
            snapshots=self._snapshots,
            publication=self._publication,
            worked_out=self._worked_out,
            encoder=self._encoder,
            quality=self._quality,
            readings=self._readings,
            further=self._further,
            given=self._given,
            custom=self._custom,
            board=self._board,
            jobs=self._jobs,
            sight=self._sight,
            records=self._records,
            entries=self._entries,
            books=self._books(),
            log_key=self._log_key,
            eraser=self._eraser,
            following=self._following,
            rules=self._rules,
            telemetry=self._telemetry,
            spread=self._spread,
        )

    def _books(self) -> Books:
        records = self._records
        return Books(
            journal=records.journal,
            recorder=self._entries,
            documents=records.documents,
            balances=lambda: records.view.balances,
            checkpoint=lambda: records.checkpoint,
            word=unfit_failure,
        )


async def serve(config: Config) -> None:
    """Run a control plane until a signal. Raises what open_state raises."""
    if config.die_with_parent:
        die_with_parent()
    merges = asyncio.get_running_loop().run_in_executor(None, prepare_merges)
    store = await open_store(config.store)
    try:
        state = open_state(config, store, utc_now)
    except BaseException:
        await store.close()
        raise
    telemetry = start_telemetry(
        "turnout-control-plane", f"{config.issuer}-{os.getpid()}", version("turnout"), enabled=config.telemetry
    )
    try:
        control = ControlPlane(config, state, store, telemetry)
        await merges  # which the first caller should not wait for
        await control.run()
    finally:
        await store.close()
        with suppress(OSError):
            state.keys_folder.close()
