"""Builds a control plane out of its parts; nothing else constructs them."""

import asyncio
import hashlib
import logging
import os
import random
import secrets
import signal
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from controlplane.access.callers import open_callers
from controlplane.access.model import Caller
from controlplane.catalog.commands import catalog_commands
from controlplane.catalog.overlay import OverlayFile
from controlplane.catalog.store import CatalogStore
from controlplane.catalog.watch import CatalogWatch
from controlplane.classification.ladder import Ladder
from controlplane.config import Config
from controlplane.decision.index import SnapshotIndex, index
from controlplane.outcome.commands import ReportReceipts, SeenReceipts
from controlplane.outcome.live import LiveView
from controlplane.outcome.lost import LostReceipts
from controlplane.policy.model import RuleSet
from controlplane.routing.commands import ClassifyRequest, DecideRoute, ExplainRoute, Surroundings
from controlplane.routing.memory import DecisionMemory
from controlplane.rpc.access import ACCESS
from controlplane.rpc.catalogs import CatalogServicer
from controlplane.rpc.keys import KeyAdminServicer, KeyCommands, KeyServicer, key_set_message
from controlplane.rpc.outcomes import OutcomeServicer
from controlplane.rpc.routing import RoutingCommands, RoutingServicer
from controlplane.rpc.sealing import DecisionSealer, published
from controlplane.rpc.services import services
from controlplane.rpc.snapshot_codec import snapshot_message
from controlplane.rpc.snapshots import SnapshotServicer
from controlplane.signing import document
from controlplane.signing.commands import ActivateKey, GetKeySet, PrepareKey, RevokeKey
from controlplane.signing.file_store import FileKeyStore
from controlplane.signing.folder import DiskFolder
from controlplane.snapshot.holder import SnapshotHolder, snapshot_digest
from controlplane.snapshot.model import Snapshot
from controlplane.snapshot.publication import Publication
from controlplane.snapshot.version_file import VersionFile
from turnout_features import RulePatterns, prepare_merges
from turnout_wire.ed25519 import verify
from turnout_wire.hosting import Host
from turnout_wire.layers import Access, Deadlines, Errors, RequestIds, Validation
from turnout_wire.process import announce, die_with_parent, until_signal
from turnout_wire.server import Principal, Service
from turnout_wire.telemetry import RpcTelemetry, Telemetry, start_telemetry
from turnout_wire.uuid7 import RANDOM_BITS, uuid7

_log = logging.getLogger(__name__)
KEYS, OVERLAY, VERSION = "keys", "overlay.json", "snapshot.json"
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


def open_state(config: Config) -> State:
    """Open the state folder; makes keys and callers on first start.

    Raises OSError, CallersInvalid, CatalogInvalid or KeyFolderError, each with what to do.
    """
    config.state.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = DiskFolder(config.state / KEYS)
    keys = FileKeyStore(folder, issuer=config.issuer, clock=utc_now, seed=lambda: os.urandom(32))
    return State(
        folder=config.state,
        keys_folder=folder,
        keys=keys,
        callers=open_callers(config.state, lambda: secrets.token_urlsafe(32)),
        catalog=CatalogStore(config.catalog, OverlayFile(config.state / OVERLAY), utc_now),
    )


class ControlPlane:
    """A control plane, from its start to its end."""

    def __init__(
        self, config: Config, state: State, telemetry: Telemetry, *, draw: Callable[[], float] = random.random
    ) -> None:
        """`draw` gives one uniform number in [0, 1) for each decision."""
        self._config = config
        self._state = state
        self._telemetry = telemetry
        self._draw = draw
        self._worked_out = WorkedOut()
        self._snapshots = SnapshotHolder(VersionFile(config.state / VERSION), utc_now)
        self._publication = Publication(config.heartbeat)
        self._watch = CatalogWatch(state.catalog)
        self._rules = Validation()
        self._host = Host(
            self._services(), self._layers(), max_concurrent=config.max_concurrent, reflect=config.reflect
        )
        self._tasks: list[asyncio.Task[None]] = []
        self._snapshots.on_publish(self._publish)
        state.catalog.on_change(lambda _: self.renew())
        self.renew()

    def renew(self) -> None:
        """Publish a new snapshot if catalog, keys or callers changed."""
        catalog = self._state.catalog.current
        key_set = hashlib.sha256(document.to_json(self._state.keys.ring)).digest()
        callers = hashlib.sha256(b"".join(sorted(self._state.callers))).digest()
        self._snapshots.publish(catalog, snapshot_digest(catalog, key_set, callers))

    async def run(self) -> None:
        """Serve until a signal, then let calls finish."""
        address = await self.start()
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._watch.reload)
        announce(address=address, state=str(self._config.state), snapshot=self._snapshots.current.version)
        await until_signal()
        _log.info("draining")
        await self.stop()

    async def start(self) -> str:
        """Serve, and give the address. Raises OSError if it is taken."""
        port = await self._host.start(self._config.listen)
        await self._host.set_serving(serving=True)
        self._tasks = [asyncio.create_task(self._watch.run()), asyncio.create_task(self._tidy())]
        return f"{self._config.listen.rpartition(':')[0]}:{port}"

    async def stop(self) -> None:
        """Refuse new calls and let those that run finish."""
        for task in self._tasks:
            task.cancel()
        self._publication.end()
        await self._host.stop(self._config.drain)
        self._telemetry.close()

    async def _tidy(self) -> None:
        while True:
            await asyncio.sleep(TIDY_EVERY)
            self._state.keys.tidy()
            self.renew()

    def _publish(self, snapshot: Snapshot) -> None:
        self._worked_out.prepare(snapshot)
        key_set = key_set_message(self._state.keys.ring)
        message = snapshot_message(snapshot, key_set, self._state.callers.values(), self._config.issuer)
        self._publication.publish(published(message, self._state.keys))
        _log.info("snapshot published", extra={"version": snapshot.version, "digest": snapshot.digest.hex()[:16]})

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
        catalog = CatalogServicer(catalog_commands(self._state.catalog), lambda: self._snapshots.current)
        snapshots = SnapshotServicer(self._publication, utc_now, self._telemetry)
        return services(
            {
                "RoutingService": self._routing(),
                "CatalogService": catalog,
                "SnapshotService": snapshots,
                "OutcomeService": self._outcomes(),
                "KeyService": KeyServicer(keys),
                "KeyAdminService": KeyAdminServicer(keys, changed=self.renew),
            }
        )

    def _routing(self) -> RoutingServicer:
        around = Surroundings(
            snapshot=lambda: self._snapshots.current,
            index=self._worked_out.index,
            patterns=self._worked_out.patterns,
            classify=Ladder(),
            clock=utc_now,
            draw=self._draw,
            new_id=new_decision_id,
            issuer=self._config.issuer,
        )
        commands = RoutingCommands(
            decide=DecideRoute(around, DecisionSealer(self._state.keys), DecisionMemory()),
            explain=ExplainRoute(around),
            classify=ClassifyRequest(around),
            snapshot=around.snapshot,
        )
        return RoutingServicer(commands, self._rules.check, self._telemetry)

    def _outcomes(self) -> OutcomeServicer:
        report = ReportReceipts(self._snapshots, LiveView(), SeenReceipts(), LostReceipts(), utc_now)
        return OutcomeServicer(report, self._public_key, verify, self._telemetry)

    def _public_key(self, key_id: str) -> bytes | None:
        return next((key.public_key for key in self._state.keys.ring.keys if key.key_id == key_id), None)

    def _key_commands(self) -> KeyCommands:
        store = self._state.keys
        return KeyCommands(
            get=GetKeySet(store=store),
            prepare=PrepareKey(store=store, clock=utc_now, issuer=self._config.issuer),
            activate=ActivateKey(store=store, clock=utc_now),
            revoke=RevokeKey(store=store, clock=utc_now),
        )


async def serve(config: Config) -> None:
    """Run a control plane until a signal. Raises what open_state raises."""
    if config.die_with_parent:
        die_with_parent()
    merges = asyncio.get_running_loop().run_in_executor(None, prepare_merges)
    state = open_state(config)
    telemetry = start_telemetry(
        "turnout-control-plane", f"{config.issuer}-{os.getpid()}", version("turnout"), enabled=config.telemetry
    )
    try:
        control = ControlPlane(config, state, telemetry)
        await merges  # which the first caller should not wait for
        await control.run()
    finally:
        with suppress(OSError):
            state.keys_folder.close()
