"""Builds the services that a control plane offers out of its parts."""

import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from time import perf_counter

from controlplane.access.commands import Around, CreateApiKey, ListApiKeys, RevokeApiKey, RotateApiKey
from controlplane.access.delegation import Delegation
from controlplane.access.model import ApiKey
from controlplane.audit.decisions import SqlDecisions
from controlplane.audit.log_key import LogKey
from controlplane.budget.alert_log import AlertLog
from controlplane.budget.commands import Accounts, BudgetCommands, GetBudget, ListAlerts, ListBudgets
from controlplane.catalog.commands import catalog_commands
from controlplane.classification.standard import ladder
from controlplane.insight.acknowledging import Acknowledge
from controlplane.insight.drift import Drift
from controlplane.insight.following import Following
from controlplane.insight.pins import Around as AroundPins
from controlplane.insight.pins import PinReference, Repinned, UnpinReference
from controlplane.journal.model import Append
from controlplane.learned.book import QualityBook
from controlplane.learned.commands import (
    ActivateQualityModel,
    ImportQualityModel,
    ListQualityModels,
    RollbackQualityModel,
)
from controlplane.learned.commands import Around as QualityAround
from controlplane.learned.model import Change
from controlplane.outcome.booking import Booking
from controlplane.outcome.commands import ReportReceipts
from controlplane.outcome.feedback import SubmitFeedback
from controlplane.outcome.feedback import Surroundings as FeedbackSurroundings
from controlplane.outcome.lost import LostReceipts
from controlplane.outcome.sight import Sight
from controlplane.policy.model import LLM, FurtherClassifier
from controlplane.records import Records
from controlplane.routing.books import Books
from controlplane.routing.commands import ClassifyRequest, ExplainRoute, Surroundings
from controlplane.routing.custom_rungs import CustomRungs
from controlplane.routing.deciding import DecideRoute
from controlplane.routing.further import FurtherReadings, FurtherRung, FurtherRungs
from controlplane.routing.jobs import JobBoard
from controlplane.routing.memory import DecisionMemory
from controlplane.routing.remembered import Readings
from controlplane.routing.worked_out import WorkedOut
from controlplane.rpc.api_keys import ApiKeyCommands, ApiKeyServicer
from controlplane.rpc.audit import AuditCommands, AuditServicer
from controlplane.rpc.budgets import BudgetServicer
from controlplane.rpc.catalogs import CatalogServicer
from controlplane.rpc.erasing import BodyEraser
from controlplane.rpc.feedback_codec import feedback_record, tenant_of
from controlplane.rpc.insights import InsightServicer, References
from controlplane.rpc.jobs import JobServicer
from controlplane.rpc.keys import KeyAdminServicer, KeyCommands, KeyServicer
from controlplane.rpc.llm_rung import LlmRung
from controlplane.rpc.outcomes import OutcomeServicer
from controlplane.rpc.quality_models import QualityModelCommands
from controlplane.rpc.receipt_reading import ReadReceipt
from controlplane.rpc.recording import EntryMaker
from controlplane.rpc.routing import RoutingCommands, RoutingServicer
from controlplane.rpc.sealing import DecisionSealer
from controlplane.rpc.services import services
from controlplane.rpc.snapshots import SnapshotServicer
from controlplane.signing.commands import ActivateKey, GetKeySet, PrepareKey, RevokeKey
from controlplane.signing.own import OwnSignatures
from controlplane.snapshot.holder import SnapshotHolder
from controlplane.snapshot.publication import Publication
from controlplane.state import State
from turnout_features import Encode
from turnout_wire.ed25519 import verify
from turnout_wire.layers import Validation
from turnout_wire.server import Service
from turnout_wire.telemetry import Telemetry

KEY_ID_BYTES = 5
"""Random bytes of an API key's public id."""
SECRET_BYTES = 32
"""Random bytes of its secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What services are made of. `draw` gives a number in [0, 1) for each decision; `spread` publishes what was changed.

    `encoder` gives what makes vectors of texts, and loads it when it is first called.
    """

    issuer: str
    clock: Callable[[], datetime]
    draw: Callable[[], float]
    state: State
    snapshots: SnapshotHolder
    publication: Publication
    worked_out: WorkedOut
    encoder: Callable[[], Encode]
    quality: QualityBook
    readings: Readings
    further: FurtherReadings
    given: DecisionMemory
    custom: CustomRungs
    board: JobBoard
    jobs: JobServicer
    sight: Sight
    records: Records
    entries: EntryMaker
    books: Books
    log_key: LogKey
    eraser: BodyEraser
    following: Following
    rules: Validation
    telemetry: Telemetry
    spread: Callable[[], Awaitable[None]]

    def public_key(self, key_id: str) -> bytes | None:
        """The signing key of that id, if it is known."""
        return next((key.public_key for key in self.state.keys.ring.keys if key.key_id == key_id), None)


def served(parts: Parts) -> list[Service]:
    """All services of the contract's control plane."""
    keys = _key_commands(parts)
    signatures = OwnSignatures(parts.state.keys, verify)
    catalog = catalog_commands(parts.state.catalog)
    return services(
        {
            "RoutingService": _routing(parts, signatures),
            "CatalogService": CatalogServicer(
                catalog, _quality_models(parts), lambda: parts.snapshots.current, changed=parts.spread
            ),
            "BudgetService": _budgets(parts),
            "AuditService": _audit(parts),
            "JobService": parts.jobs,
            "SnapshotService": SnapshotServicer(parts.publication, parts.clock, parts.telemetry),
            "OutcomeService": _outcomes(parts, signatures),
            "InsightService": _insights(parts),
            "KeyService": KeyServicer(keys),
            "KeyAdminService": KeyAdminServicer(keys, changed=parts.spread),
            "ApiKeyService": ApiKeyServicer(_api_keys(parts), parts.clock),
        }
    )


def _routing(parts: Parts, signatures: OwnSignatures) -> RoutingServicer:
    around = Surroundings(
        snapshot=lambda: parts.snapshots.current,
        index=parts.worked_out.index,
        patterns=parts.worked_out.patterns,
        routes=parts.worked_out.routes,
        encoder=parts.encoder,
        readings=parts.readings,
        seconds=perf_counter,
        classify=ladder(perf_counter),
        clock=parts.clock,
        draw=parts.draw,
        new_id=parts.entries.new_id,
        issuer=parts.issuer,
    )
    seal = DecisionSealer(signatures)
    for_itself = DecideRoute(around, seal, DecisionMemory(), parts.books)

    def rung(entry: FurtherClassifier) -> FurtherRung:
        """What `for_itself` decides is classified by quick classifiers alone: no request asks for another one."""
        return LlmRung(entry=entry, decide=for_itself, board=parts.board) if entry.name == LLM else parts.custom(entry)

    around = replace(around, further=FurtherRungs(rung, parts.telemetry.metrics, perf_counter, parts.further))
    commands = RoutingCommands(
        decide=DecideRoute(around, seal, parts.given, parts.books),
        explain=ExplainRoute(around, lambda: parts.records.view.balances),
        classify=ClassifyRequest(around),
        snapshot=around.snapshot,
    )
    delegation = Delegation(lambda: parts.state.callers.everybody, lambda: parts.snapshots.current.version, parts.clock)
    return RoutingServicer(commands, parts.rules.check, parts.telemetry, delegation)


def _budgets(parts: Parts) -> BudgetServicer:
    store = parts.records.store
    accounts = Accounts(store.ledger, parts.clock)
    commands = BudgetCommands(
        list_budgets=ListBudgets(accounts, lambda: parts.snapshots.current.catalog.budgets),
        get_budget=GetBudget(accounts, lambda: parts.snapshots.current.catalog.budgets),
        list_alerts=ListAlerts(AlertLog(store.database)),
    )
    return BudgetServicer(commands, lambda: parts.snapshots.current)


def _audit(parts: Parts) -> AuditServicer:
    store = parts.records.store
    return AuditServicer(
        AuditCommands(
            store=store,
            decisions=SqlDecisions(store.database),
            erase=parts.eraser,
            keys=parts.log_key.known,
            clock=parts.clock,
        )
    )


def _outcomes(parts: Parts, signatures: OwnSignatures) -> OutcomeServicer:
    records = parts.records
    holds_of = Booking(lambda: parts.snapshots.current, lambda: records.view.balances)
    report = ReportReceipts(parts.sight, LostReceipts(), records.journal.submit, holds_of, records.sequencer.witness)
    read = ReadReceipt(public_key=parts.public_key, verify=signatures.verify, entries=parts.entries)
    return OutcomeServicer(report, read, parts.telemetry, _feedback(parts))


def _feedback(parts: Parts) -> SubmitFeedback:
    return SubmitFeedback(
        FeedbackSurroundings(
            submit=parts.records.journal.submit,
            entry=parts.records.store.entries.get,
            tenant_of=tenant_of,
            body=feedback_record,
            clock=parts.clock,
            new_id=lambda: parts.entries.new_id(parts.clock()),
            salt=parts.entries.salt,
        )
    )


def _insights(parts: Parts) -> InsightServicer:
    following = parts.following
    return InsightServicer(
        following.reports.report,
        following.segments,
        following.drifts,
        _references(parts),
        progress=following.progress,
        clock=parts.clock,
    )


def _references(parts: Parts) -> References:
    async def written(change: Repinned) -> None:
        await parts.records.journal.submit(Append(entry=parts.entries.drift_reference(change)))

    pins = parts.following.pins
    around = AroundPins(
        pins=pins,
        workloads=lambda: {workload.name for workload in parts.snapshots.current.catalog.workloads},
        written=written,
        clock=parts.clock,
    )

    async def known(drifts: Sequence[Drift]) -> None:
        await parts.records.journal.submit(Append(entry=parts.entries.drift_acknowledgement(drifts)))

    acknowledge = Acknowledge(
        drifts=parts.following.drifts, kept=parts.following.acknowledged, written=known, clock=parts.clock
    )
    return References(
        pins=pins,
        pin=PinReference(around=around),
        unpin=UnpinReference(around=around),
        acknowledge=acknowledge,
    )


def _api_keys(parts: Parts) -> ApiKeyCommands:
    async def changed(key: ApiKey) -> None:
        """It is written down whenever the store can: at the next start at the latest, see ControlPlane."""
        parts.records.journal.post(Append(entry=parts.entries.api_key(key)))
        await parts.spread()

    book = parts.state.book
    around = Around(
        book=book,
        directory=parts.state.callers,
        clock=parts.clock,
        new_id=lambda: secrets.token_hex(KEY_ID_BYTES),
        new_token=lambda: secrets.token_urlsafe(SECRET_BYTES),
        changed=changed,
    )
    return ApiKeyCommands(
        create=CreateApiKey(around=around),
        list=ListApiKeys(book=book),
        rotate=RotateApiKey(around=around),
        revoke=RevokeApiKey(around=around),
    )


def _quality_models(parts: Parts) -> QualityModelCommands:
    async def changed(change: Change) -> None:
        """As with API keys, it is written down at the next start at the latest."""
        parts.records.journal.post(Append(entry=parts.entries.quality_model(change)))
        await parts.spread()

    around = QualityAround(book=parts.quality, encoder=lambda: parts.encoder().name, clock=parts.clock, changed=changed)
    return QualityModelCommands(
        keep=ImportQualityModel(around=around),
        list=ListQualityModels(around=around),
        activate=ActivateQualityModel(around=around),
        roll_back=RollbackQualityModel(around=around),
    )


def _key_commands(parts: Parts) -> KeyCommands:
    store = parts.state.keys
    return KeyCommands(
        get=GetKeySet(store=store),
        prepare=PrepareKey(store=store, clock=parts.clock, issuer=parts.issuer),
        activate=ActivateKey(store=store, clock=parts.clock),
        revoke=RevokeKey(store=store, clock=parts.clock),
    )
