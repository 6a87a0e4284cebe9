"""The use cases of routing, one object each."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from controlplane.classification.model import Classification
from controlplane.classification.rules import Hint
from controlplane.decision.engine import decide, explain
from controlplane.decision.index import SnapshotIndex
from controlplane.decision.model import Decision, Request
from controlplane.policy.model import RuleSet
from controlplane.routing.memory import DecisionMemory
from controlplane.routing.model import Ask, IssuedDecision, NoEligibleTarget, Shown, SignedDecision
from controlplane.routing.rules import rule_set_for
from controlplane.snapshot.model import Snapshot
from turnout_features import extract
from turnout_features.model import Features, Patterns
from turnout_wire.failure import Failure

LIFE = timedelta(seconds=60)
"""How long a decision may be presented."""


class Classify(Protocol):
    """The ladder of classifiers."""

    def __call__(self, features: Features, rule_set: RuleSet, hint: Hint) -> Classification:
        """What the request is taken for; never an error."""
        ...


class Sealer(Protocol):
    """Serializes and signs."""

    def __call__(self, issued: IssuedDecision) -> SignedDecision:
        """The decision as bytes under a signature."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the use cases take from outside: state, time, chance and identity."""

    snapshot: Callable[[], Snapshot]
    index: Callable[[Snapshot], SnapshotIndex]
    patterns: Callable[[RuleSet], Patterns]
    classify: Classify
    clock: Callable[[], datetime]
    draw: Callable[[], float]
    new_id: Callable[[datetime], str]
    issuer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A request after it was read."""

    request: Request
    snapshot: Snapshot
    rule_set: RuleSet


class ReadRequest:
    """Finds features and classifies; the part that all use cases share."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around

    def __call__(self, ask: Ask, snapshot: Snapshot) -> Reading:
        """Raises Failure RULE_SET_OUTDATED when a client's features were made with another rule set."""
        rules = rule_set_for(ask.origin, ask.policy, snapshot.catalog)
        features = self._features(ask, rules)
        taken = self._around.classify(features, rules, ask.hint)
        ask.trace.event(
            "turnout.classify",
            {"task_type": taken.task_type, "complexity": taken.complexity, "confidence": taken.confidence},
        )
        request = Request(
            features=features,
            classification=taken,
            origin=ask.origin,
            constraints=ask.constraints,
            policy=ask.policy,
        )
        return Reading(request=request, snapshot=snapshot, rule_set=rules)

    def _features(self, ask: Ask, rules: RuleSet) -> Features:
        if isinstance(ask.content, Shown):
            return extract(ask.content.read(), self._around.patterns(rules))
        found = ask.content.features
        if found.rule_set_digest != rules.digest:
            raise Failure(
                "RULE_SET_OUTDATED",
                f"description.features.rule_set_digest: not that of rule set {rules.name!r}; call GetRuleSet and make the features again",
                field="description.features.rule_set_digest",
            )
        return found


class ExplainRoute:
    """What would be decided, without signing; nothing eligible is an answer here, not a failure."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._read = ReadRequest(around)

    def __call__(self, ask: Ask) -> tuple[Decision, Reading]:
        """The plan and what it was made from. Raises Failure."""
        reading = self._read(ask, self._around.snapshot())
        around = self._around
        indexed = around.index(reading.snapshot)
        plan = explain(reading.request, reading.snapshot, now=around.clock(), draw=around.draw(), indexed=indexed)
        return plan, reading


class ClassifyRequest:
    """Only reads the request."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._read = ReadRequest(around)

    def __call__(self, ask: Ask) -> Reading:
        """Features and classification. Raises Failure."""
        return self._read(ask, self._around.snapshot())


class DecideRoute:
    """Decides and signs."""

    def __init__(self, around: Surroundings, seal: Sealer, memory: DecisionMemory) -> None:
        self._around = around
        self._read = ReadRequest(around)
        self._seal = seal
        self._memory = memory

    def __call__(self, ask: Ask, snapshot: Snapshot | None = None) -> SignedDecision:
        """The signed decision; the same one again for the same request id. Raises Failure or NoEligibleTarget.

        `snapshot` is given when many are decided at once, so that all read the same one.
        """
        now = self._around.clock()
        known = self._memory.recall(ask, now)
        if known is not None:
            return known
        signed = self._decide(ask, snapshot or self._around.snapshot(), now)
        self._memory.keep(ask, signed)
        return signed

    def _decide(self, ask: Ask, snapshot: Snapshot, now: datetime) -> SignedDecision:
        reading = self._read(ask, snapshot)
        indexed = self._around.index(snapshot)
        plan = decide(reading.request, snapshot, now=now, draw=self._around.draw(), indexed=indexed)
        if not plan.targets:
            raise NoEligibleTarget(plan, now)
        ask.trace.event(
            "turnout.decide",
            {"model": plan.targets[0].model, "reason": plan.reason_code or "", "policy": plan.policy},
        )
        signed = self._seal(self._issue(ask, snapshot, plan, now))
        ask.trace.event("turnout.sign", {"key_id": signed.key_id})
        return signed

    def _issue(self, ask: Ask, snapshot: Snapshot, plan: Decision, now: datetime) -> IssuedDecision:
        return IssuedDecision(
            decision_id=self._around.new_id(now),
            issuer=self._around.issuer,
            audiences=(ask.pool,),
            tenant=ask.tenant,
            presenter=ask.presenter,
            issued_at=now,
            expires_at=now + LIFE,
            request_digest=ask.content.request_digest,
            snapshot_version=snapshot.version,
            snapshot_digest=snapshot.digest,
            live_revision=snapshot.live.revision,
            plan=plan,
            max_runs=ask.max_runs,
            traceparent=ask.traceparent,
            request_id=ask.request_id,
        )
