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
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from controlplane.access.callers import open_callers
from controlplane.access.model import Caller
from controlplane.audit.decisions import SqlDecisions
from controlplane.audit.documents import ReferredDocuments
from controlplane.audit.log_key import open_log_key
from controlplane.audit.metrics import LogMetrics
from controlplane.audit.sequencer import Sequencer
from controlplane.budget.alert_log import AlertLog
from controlplane.budget.alerts import AlertWatch
from controlplane.budget.commands import Accounts, BudgetCommands, GetBudget, ListAlerts, ListBudgets
from controlplane.budget.matching import Bearer, bookings, purses
from controlplane.budget.metrics import BudgetMetrics
from controlplane.budget.model import Budget, Hold, Used
from controlplane.catalog.commands import catalog_commands
from controlplane.catalog.overlay import OverlayFile
from controlplane.catalog.restore import catalog_document
from controlplane.catalog.shared_overlay import SharedOverlay
from controlplane.catalog.store import CatalogStore
from controlplane.catalog.watch import CatalogWatch
from controlplane.classification.ladder import Ladder
from controlplane.config import Config
from controlplane.decision.index import SnapshotIndex, index
from controlplane.http.ready import Readiness
from controlplane.insight.following import Following
from controlplane.journal.metrics import watch_journal
from controlplane.journal.model import Append, Expire
from controlplane.outcome.commands import ReportReceipts
from controlplane.outcome.feedback import SubmitFeedback
from controlplane.outcome.feedback import Surroundings as FeedbackSurroundings
from controlplane.outcome.live import HealthReport, LiveView
from controlplane.outcome.lost import LostReceipts
from controlplane.outcome.model import Decided
from controlplane.outcome.shared_views import SharedViews
from controlplane.outcome.sight import Sight
from controlplane.policy.model import RuleSet
from controlplane.records import Records, Shell
from controlplane.routing.books import Books
from controlplane.routing.commands import ClassifyRequest, ExplainRoute, Surroundings
from controlplane.routing.deciding import DecideRoute, owner_of
from controlplane.routing.memory import DecisionMemory
from controlplane.rpc.access import ACCESS
from controlplane.rpc.audit import AuditCommands, AuditServicer
from controlplane.rpc.budgets import BudgetServicer
from controlplane.rpc.catalogs import CatalogServicer
from controlplane.rpc.erasing import BodyEraser
from controlplane.rpc.feedback_codec import feedback_record, tenant_of
from controlplane.rpc.insights import InsightServicer
from controlplane.rpc.keys import KeyAdminServicer, KeyCommands, KeyServicer, key_set_message
from controlplane.rpc.outcomes import OutcomeServicer
from controlplane.rpc.receipt_reading import ReadReceipt
from controlplane.rpc.record_facts import told_by
from controlplane.rpc.recording import EntryMaker
from controlplane.rpc.routing import RoutingCommands, RoutingServicer
from controlplane.rpc.sealing import DecisionSealer, published
from controlplane.rpc.services import services
from controlplane.rpc.snapshot_codec import snapshot_message
from controlplane.rpc.snapshots import SnapshotServicer
from controlplane.rpc.unfit import unfit_failure
from controlplane.sharing import Shared, Sharing
from controlplane.signing import document
from controlplane.signing.commands import ActivateKey, GetKeySet, PrepareKey, RevokeKey
from controlplane.signing.file_store import FileKeyStore
from controlplane.signing.folder import DiskFolder
from controlplane.snapshot.holder import SnapshotHolder, snapshot_digest
from controlplane.snapshot.live_document import live_document
from controlplane.snapshot.model import Snapshot
from controlplane.snapshot.publication import Publication
from controlplane.snapshot.shared_versions import SharedVersions
from controlplane.snapshot.version_file import VersionFile
from controlplane.store.open import open_store
from controlplane.store.protocols import Store, StoreUnavailable
from turnout_features import RulePatterns, prepare_merges
from turnout_wire.ed25519 import verify
from turnout_wire.hosting import Host
from turnout_wire.layers import Access, Deadlines, Errors, RequestIds, Validation
from turnout_wire.process import announce, die_with_parent, until_signal
from turnout_wire.server import Principal, Service
from turnout_wire.telemetry import RpcTelemetry, Telemetry, start_telemetry
from turnout_wire.uuid7 import RANDOM_BITS, uuid7

if TYPE_CHECKING:
    from controlplane.http.server import HttpServer

_log = logging.getLogger(__name__)
KEYS, OVERLAY, VERSION = "keys", "overlay.json", "snapshot.json"
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


class WorkedOut:
    """What is worked out once: the index of the newest snapshot, and the compiled patterns of its rule sets."""

    def __init__(self) -> None:
        self._snapshot: Snapshot | None = None
        self._index: SnapshotIndex | None = None
        self._patterns: dict[bytes, RulePatterns] = {}

    def index(self, snapshot: Snapshot) -> SnapshotIndex:
        """The index of `snapshot`; what did not change since the one before is taken from that."""
        if self._index is None or self._snapshot is not snapshot:
            self._snapshot, self._index = snapshot, index(snapshot, self._index)
        return self._index

    def patterns(self, rules: RuleSet) -> RulePatterns:
        """The compiled patterns of `rules`."""
        found = self._patterns.get(rules.digest)
        if found is None:
            found = self._patterns[rules.digest] = compiled(rules)
        return found

    def prepare(self, snapshot: Snapshot) -> None:
        """Compile everything that `snapshot` needs, and forget what it does not, before anybody asks."""
        self.index(snapshot)
        rule_sets = snapshot.catalog.rule_sets.values()
        self._patterns = {rules.digest: self.patterns(rules) for rules in rule_sets}


def compiled(rules: RuleSet) -> RulePatterns:
    """The patterns of a rule set as one RE2 set."""
    return RulePatterns.compiled([(rule.signal, rule.regex) for rule in rules.patterns], rules.digest)


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What the state folder holds."""

    folder: Path
    keys_folder: DiskFolder
    keys: FileKeyStore
    callers: Mapping[bytes, Caller]
    catalog: CatalogStore


def open_state(config: Config, store: Store, clock: Callable[[], datetime] = utc_now) -> State:
    """Open the state folder; makes keys and callers on first start.

    Control planes that share a store may share the folders too: then what changes is in the store, and keys change in turn.

    Raises OSError, CallersInvalid, CatalogInvalid or KeyFolderError, each with what to do.
    """
    config.state.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = DiskFolder(config.keys or config.state / KEYS, shared=config.shared)
    overlay = SharedOverlay(store.database) if config.shared else OverlayFile(config.state / OVERLAY)
    keys = FileKeyStore(folder, issuer=config.issuer, clock=clock, seed=lambda: os.urandom(32))
    with folder.exclusive():
        callers = open_callers(config.state, lambda: secrets.token_urlsafe(32))
    return State(
        folder=config.state,
        keys_folder=folder,
        keys=keys,
        callers=callers,
        catalog=CatalogStore(config.catalog, overlay, clock),
    )


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
        self._worked_out = WorkedOut()
        versions = SharedVersions(store.database, self._clock) if config.shared else VersionFile(config.state / VERSION)
        self._snapshots = SnapshotHolder(versions, self._clock)
        self._sight = Sight(self._snapshots, LiveView(), self._clock, self._tell)
        self._sharing = Sharing(self._shared(store, versions)) if isinstance(versions, SharedVersions) else None
        self._publication = Publication(config.heartbeat)
        self._entries = EntryMaker(clock=self._clock, salt=lambda: os.urandom(SALT_BYTES), new_id=new_decision_id)
        with state.keys_folder.exclusive():
            self._log_key = open_log_key(state.keys_folder, config.issuer, lambda: os.urandom(32))
        self._records = Records(
            store,
            Sequencer(store.tree, self._log_key, LogMetrics(telemetry.metrics), self._clock),
            ReferredDocuments(catalog_document, live_document),
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
        self._served = self._services()
        self._host = Host(self._served, self._layers(), max_concurrent=config.max_concurrent, reflect=config.reflect)
        self._http: HttpServer | None = None
        self.http_address = ""
        self._draining = False
        self._tasks: list[asyncio.Task[None]] = []
        self._snapshots.on_publish(self._publish)
        state.catalog.on_change(lambda _: self.renew())
        self.renew()

    def renew(self) -> None:
        """Publish a new snapshot if catalog, keys or callers changed; soon, where others have to agree on its version."""
        if self._sharing is None:
            self._publish_now()

    def _publish_now(self) -> None:
        self._snapshots.publish(self._state.catalog.current, self._digest())

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
            versions=versions,
            views=SharedViews(store.database, self._sight.elsewhere, self._clock),
            digest=self._digest,
            publish=self._publish_now,
        )

    def _tell(self, worker: str, health: Sequence[HealthReport], at: datetime) -> None:
        if self._sharing is not None:
            self._sharing.views.tell(worker, health, at)

    def _digest(self) -> bytes:
        return snapshot_digest(self._state.catalog.current, self._key_set_digest(), self._callers_digest())

    def _key_set_digest(self) -> bytes:
        return hashlib.sha256(document.to_json(self._state.keys.ring)).digest()

    def _callers_digest(self) -> bytes:
        return hashlib.sha256(b"".join(sorted(self._state.callers))).digest()

    async def run(self) -> None:
        """Serve until a signal, then let calls finish."""
        address = await self.start()
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._watch.reload)
        snapshot = self._snapshots.current.version
        facts = {"http": self.http_address} if self.http_address else {}
        announce(address=address, state=str(self._config.state), snapshot=snapshot, **facts)
        await until_signal()
        _log.info("draining")
        await self.stop()

    async def start(self) -> str:
        """Serve, and give the address. Raises OSError if it is taken, and what Sharing.begin raises."""
        if self._sharing is not None:
            await self._sharing.begin()
        with suppress(StoreUnavailable):  # then its refusals will tell
            await self._records.recall(self._budgets(), self._clock())
        self._records.start(
            self._alerts.run(), self._following.run(), *([self._sharing.run()] if self._sharing else [])
        )
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
        self._alerts.watch(snapshot.catalog.budgets)
        key_set = key_set_message(self._state.keys.ring)
        message = snapshot_message(snapshot, key_set, self._state.callers.values(), self._config.issuer)
        self._publication.publish(published(message, self._state.keys))
        self._record(snapshot)
        _log.info("snapshot published", extra={"version": snapshot.version, "digest": snapshot.digest.hex()[:16]})

    def _record(self, snapshot: Snapshot) -> None:
        """A new configuration is an entry of the log, and so are new keys; those that are known change nothing."""
        post, documents = self._records.journal.post, self._records.documents
        referred, keys = documents.of(snapshot), self._key_set_digest()
        entry = self._entries.snapshot(snapshot, referred.catalog_digest, keys, self._callers_digest())
        post(Append(entry=entry, documents=documents.missing(referred)))
        post(Append(entry=self._entries.keys(self._state.keys.ring, keys)))

    def _http_server(self) -> "HttpServer":
        # And with them starlette and uvicorn, which nobody needs who does not serve HTTP.
        from controlplane.http.api import api
        from controlplane.http.endpoint import Around
        from controlplane.http.gate import Gate
        from controlplane.http.server import HttpServer
        from controlplane.http.watching import HttpTelemetry

        around = Around(
            access=Access(ACCESS, self._authenticate),
            validation=self._rules,
            telemetry=HttpTelemetry(self._telemetry),
            gate=Gate(self._config.max_concurrent),
        )
        return HttpServer(api(self._served, around, self._readiness()), drain=self._config.drain)

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
        caller = self._state.callers.get(hashlib.sha256(token.encode()).digest())
        return Principal(name=caller.name, tenant=caller.tenant, roles=caller.roles) if caller else None

    def _services(self) -> list[Service]:
        keys = self._key_commands()
        catalog = CatalogServicer(
            catalog_commands(self._state.catalog), lambda: self._snapshots.current, changed=self._spread
        )
        snapshots = SnapshotServicer(self._publication, self._clock, self._telemetry)
        return services(
            {
                "RoutingService": self._routing(),
                "CatalogService": catalog,
                "BudgetService": self._budget_service(),
                "AuditService": self._audit_service(),
                "SnapshotService": snapshots,
                "OutcomeService": self._outcomes(),
                "InsightService": InsightServicer(
                    self._following.reports.report,
                    self._following.segments,
                    progress=self._following.progress,
                    clock=self._clock,
                ),
                "KeyService": KeyServicer(keys),
                "KeyAdminService": KeyAdminServicer(keys, changed=self._spread),
            }
        )

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

    def _budgets(self) -> Sequence[Budget]:
        return self._snapshots.current.catalog.budgets

    def _alert_watch(self) -> AlertWatch:
        records = self._records
        metrics = BudgetMetrics(self._telemetry.metrics, self._budgets, lambda: records.view.balances, self._clock)
        watch = AlertWatch(records.journal.submit, records.store.ledger, metrics, self._clock, self._entries.salt)
        records.view.on_update(watch.heard)
        return watch

    def _budget_service(self) -> BudgetServicer:
        store = self._records.store
        accounts = Accounts(store.ledger, self._clock)
        commands = BudgetCommands(
            list_budgets=ListBudgets(accounts, self._budgets),
            get_budget=GetBudget(accounts, self._budgets),
            list_alerts=ListAlerts(AlertLog(store.database)),
        )
        return BudgetServicer(commands, lambda: self._snapshots.current)

    def _audit_service(self) -> AuditServicer:
        records = self._records
        return AuditServicer(
            AuditCommands(
                store=records.store,
                decisions=SqlDecisions(records.store.database),
                erase=self._eraser,
                keys=self._log_key.known,
                clock=self._clock,
            )
        )

    def _routing(self) -> RoutingServicer:
        around = Surroundings(
            snapshot=lambda: self._snapshots.current,
            index=self._worked_out.index,
            patterns=self._worked_out.patterns,
            classify=Ladder(),
            clock=self._clock,
            draw=self._draw,
            new_id=new_decision_id,
            issuer=self._config.issuer,
        )
        commands = RoutingCommands(
            decide=DecideRoute(around, DecisionSealer(self._state.keys), DecisionMemory(), self._books()),
            explain=ExplainRoute(around, lambda: self._records.view.balances),
            classify=ClassifyRequest(around),
            snapshot=around.snapshot,
        )
        return RoutingServicer(commands, self._rules.check, self._telemetry)

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

    def _outcomes(self) -> OutcomeServicer:
        records = self._records
        report = ReportReceipts(
            self._sight,
            LostReceipts(),
            records.journal.submit,
            self._holds_of,
            records.sequencer.witness,
        )
        read = ReadReceipt(public_key=self._public_key, verify=verify, entries=self._entries)
        return OutcomeServicer(report, read, self._telemetry, self._feedback())

    def _feedback(self) -> SubmitFeedback:
        return SubmitFeedback(
            FeedbackSurroundings(
                submit=self._records.journal.submit,
                entry=self._records.store.entries.get,
                tenant_of=tenant_of,
                body=feedback_record,
                clock=self._clock,
                new_id=lambda: new_decision_id(self._clock()),
                salt=self._entries.salt,
            )
        )

    def _holds_of(self, decided: Decided, used: Sequence[Used]) -> tuple[Hold, ...]:
        """The accounts of now that a run is booked to for which nothing is held."""
        catalog = self._snapshots.current.catalog
        bearer = Bearer(
            tenant=decided.tenant,
            team=owner_of(catalog, decided.workload),
            workload=decided.workload,
            key=decided.presenter,
        )
        models = [one.model for one in used]
        return bookings(purses(catalog.budgets, bearer, models, self._records.view.balances, decided.issued_at))

    def _public_key(self, key_id: str) -> bytes | None:
        return next((key.public_key for key in self._state.keys.ring.keys if key.key_id == key_id), None)

    def _key_commands(self) -> KeyCommands:
        store = self._state.keys
        return KeyCommands(
            get=GetKeySet(store=store),
            prepare=PrepareKey(store=store, clock=self._clock, issuer=self._config.issuer),
            activate=ActivateKey(store=store, clock=self._clock),
            revoke=RevokeKey(store=store, clock=self._clock),
        )


async def serve(config: Config) -> None:
    """Run a control plane until a signal. Raises what open_state raises."""
    if config.die_with_parent:
        die_with_parent()
    merges = asyncio.get_running_loop().run_in_executor(None, prepare_merges)
    store = await open_store(config.store)
    try:
        state = open_state(config, store)
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
