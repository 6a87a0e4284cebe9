"""Bodies of the audit log's entries: decisions and refusals with all that they were made from, and read back for replay."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from controlplane.budget.model import Account, AccountId, Balance, BudgetName, Measure, Purse
from controlplane.catalog.model import Complexity, TaskType
from controlplane.classification.model import Classification, Nearness, Signal
from controlplane.decision.model import UNCONSTRAINED, Constraints, Operation, Request
from controlplane.routing.model import Ask, Basis, Known, SignedDecision
from controlplane.rpc.decision_codec import put_classification
from controlplane.rpc.enums import (
    CAPABILITY,
    COMPLEXITIES,
    COMPLEXITY,
    DOMAINS,
    OPERATION,
    PROTOCOL,
    TASK_TYPE,
    TASK_TYPES,
)
from controlplane.rpc.routing_codec import affinity_from, constraints_from, hint_from, operation_from, origin_from
from turnout.audit.v1 import record_pb2
from turnout.catalog.v1 import catalog_pb2
from turnout.routing.v1 import routing_pb2
from turnout.trust.v1 import envelope_pb2
from turnout_wire.conversation import features_from_proto, put_features
from turnout_wire.envelope import put_signature
from turnout_wire.payload_type import PayloadType
from turnout_wire.times import duration, moment, put_moment


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A request and what was decided on, as a record tells them: all arguments of `decide` but the snapshot."""

    request: Request
    hint: Known
    basis: Basis

    @property
    def balances(self) -> Mapping[Account, Balance]:
        """The balances that the decision saw; accounts that are absent were not used yet."""
        return {purse.account: purse.balance for purse in self.basis.purses}


def decision_record(signed: SignedDecision, ask: Ask, request: Request, basis: Basis, owner: str) -> bytes:
    """The body of a decision's entry."""
    record = record_pb2.DecisionRecord(owner=owner)
    put_envelope(record.decision, signed)
    _put_asked(record.asked, ask, request)
    _put_basis(record.basis, basis)
    return record.SerializeToString()


def adopted_record(envelope: envelope_pb2.Envelope) -> bytes:
    """The body of the entry of a decision that is only known from its receipt."""
    return record_pb2.DecisionRecord(decision=envelope, adopted=True).SerializeToString()


def put_envelope(message: envelope_pb2.Envelope, signed: SignedDecision) -> None:
    """Write a signed decision into `message`, which is empty."""
    message.payload_type = PayloadType.DECISION
    message.payload = signed.payload
    put_signature(message, signed.signature)


def refusal_record(
    reason: str, message: str, ask: Ask, request: Request | None, basis: Basis | None, place: Sequence[str]
) -> bytes:
    """The body of a refusal's entry; `place` is workload, owner and policy, each empty where it was not known."""
    workload, owner, policy = place
    record = record_pb2.RefusalRecord(
        reason=reason,
        message=message,
        tenant=ask.tenant,
        presenter=ask.presenter,
        request_id=ask.request_id,
        request_digest=ask.content.request_digest,
        workload=workload,
        owner=owner,
        policy=policy,
    )
    if request is not None:
        _put_asked(record.asked, ask, request)
    if basis is not None:
        _put_basis(record.basis, basis)
    return record.SerializeToString()


def recorded(asked: record_pb2.Asked, basis: record_pb2.Basis, *, tenant: str, key: str) -> Recorded:
    """What `decision_record` was given, from the record. Raises Failure if a time in it is out of range."""
    request = Request(
        features=features_from_proto(asked.features),
        classification=_classification(asked.classification),
        origin=origin_from(asked.hints),
        constraints=constraints_from(asked.constraints) if asked.HasField("constraints") else UNCONSTRAINED,
        policy=asked.policy,
        tenant=tenant,
        key=key,
        max_runs=asked.max_runs,
        model=asked.model,
        operation=operation_from(asked.operation),
        affinity=affinity_from(asked.affinity) if asked.HasField("affinity") else None,
    )
    return Recorded(request=request, hint=hint_from(asked.hints), basis=_basis_from(basis))


def _put_asked(message: record_pb2.Asked, ask: Ask, request: Request) -> None:
    put_features(message.features, request.features)
    _put_hints(message.hints, ask)
    if request.constraints is not UNCONSTRAINED and request.constraints != UNCONSTRAINED:
        message.constraints.CopyFrom(_constraints(request.constraints))
    message.policy = request.policy
    put_classification(message.classification, request.classification)
    message.max_runs = ask.max_runs
    message.model = request.model
    if request.affinity is not None:
        message.affinity.deployment = request.affinity.deployment
        message.affinity.cached_tokens = request.affinity.cached_tokens
    if request.operation is not Operation.CHAT:
        message.operation = OPERATION[request.operation]


def _put_hints(message: routing_pb2.Hints, ask: Ask) -> None:
    origin, hint = ask.origin, ask.hint
    message.workload = origin.workload
    message.feature = origin.feature
    message.endpoint = origin.endpoint
    message.labels.update(origin.labels)
    message.task_type = TASK_TYPE[hint.task_type] if hint.task_type else catalog_pb2.TASK_TYPE_UNSPECIFIED
    message.complexity = COMPLEXITY[hint.complexity] if hint.complexity else catalog_pb2.COMPLEXITY_UNSPECIFIED
    message.session = ask.session
    message.user = ask.user


def _constraints(constraints: Constraints) -> routing_pb2.Constraints:
    """Sets in order, so that the same constraints give the same bytes."""
    return routing_pb2.Constraints(
        min_quality=constraints.min_quality,
        max_cost_nanousd=constraints.max_cost_nanousd,
        max_latency=duration(constraints.max_latency) if constraints.max_latency is not None else None,
        providers=sorted(constraints.providers),
        excluded_providers=sorted(constraints.excluded_providers),
        regions=sorted(constraints.regions),
        capabilities=sorted(CAPABILITY[capability] for capability in constraints.capabilities),
        models=sorted(constraints.models),
        excluded_models=sorted(constraints.excluded_models),
        tiers=sorted(constraints.tiers),
        protocols=sorted(PROTOCOL[protocol] for protocol in constraints.protocols),
    )


def _put_basis(message: record_pb2.Basis, basis: Basis) -> None:
    put_moment(message.decided_at, basis.decided_at)
    message.draw = basis.draw
    message.snapshot_version = basis.snapshot_version
    message.snapshot_digest = basis.snapshot_digest
    message.catalog_digest = basis.catalog_digest
    message.live_digest = basis.live_digest
    message.live_revision = basis.live_revision
    message.learned_digest = basis.learned_digest
    message.purses.extend([_purse(purse) for purse in basis.purses])


def _purse(purse: Purse) -> record_pb2.Purse:
    return record_pb2.Purse(
        budget=purse.budget,
        account=purse.account.id,
        window_start=purse.account.window_start,
        measure=purse.measure,
        model=purse.model,
        limit=purse.limit,
        spent=purse.balance.spent,
        reserved=purse.balance.reserved,
    )


def _basis_from(message: record_pb2.Basis) -> Basis:
    return Basis(
        decided_at=decided_at(message),
        draw=message.draw,
        snapshot_version=message.snapshot_version,
        snapshot_digest=message.snapshot_digest,
        catalog_digest=message.catalog_digest,
        live_digest=message.live_digest,
        live_revision=message.live_revision,
        learned_digest=message.learned_digest,
        purses=tuple(_purse_from(purse) for purse in message.purses),
    )


def _purse_from(message: record_pb2.Purse) -> Purse:
    return Purse(
        budget=BudgetName(message.budget),
        account=Account(id=AccountId(message.account), window_start=message.window_start),
        measure=Measure(message.measure),
        limit=message.limit,
        balance=Balance(spent=message.spent, reserved=message.reserved),
        model=message.model,
    )


def decided_at(message: record_pb2.Basis) -> datetime:
    """When it was decided, to the microsecond. Raises Failure if it is out of range."""
    return moment(message.decided_at, "basis.decided_at")


def _classification(message: routing_pb2.Classification) -> Classification:
    task: TaskType = TASK_TYPES[message.task_type]
    complexity: Complexity = COMPLEXITIES[message.complexity]
    return Classification(
        task_type=task,
        complexity=complexity,
        domain=DOMAINS.get(message.domain),
        confidence=message.confidence,
        classifier=message.classifier,
        signals=tuple(
            Signal(name=signal.name, votes_for=signal.votes_for, weight=signal.weight) for signal in message.signals
        ),
        nearest=_nearness(message.nearest) if message.HasField("nearest") else None,
    )


def _nearness(message: routing_pb2.RouteNearness) -> Nearness:
    return Nearness(route=message.route, similarity=message.similarity, threshold=message.threshold)
