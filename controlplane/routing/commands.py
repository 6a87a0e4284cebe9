"""The use cases of routing that give no decision: read, explain, classify."""

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from controlplane.budget.matching import EMPTY, Balances
from controlplane.classification.model import Classification, Silence
from controlplane.classification.rules import Hint
from controlplane.decision.engine import explain
from controlplane.decision.index import SnapshotIndex
from controlplane.decision.model import Decision, Request
from controlplane.policy.model import ClassifierKind, Policy, RouteSet, RuleSet
from controlplane.routing.further import FurtherKey, FurtherRungs, Question
from controlplane.routing.model import Ask, Shown
from controlplane.routing.on_route import Match, on_route
from controlplane.routing.remembered import SLOW_S, ReadingKey, Readings, Understood
from controlplane.routing.rules import policy_for
from controlplane.snapshot.model import Catalog, Snapshot
from turnout_features import Encode, extract
from turnout_features.encoding import asked
from turnout_features.looks import looks
from turnout_features.model import Embedding, Features, Patterns
from turnout_wire.failure import Failure


class Classify(Protocol):
    """The ladder of classifiers."""

    def __call__(
        self, features: Features, rule_set: RuleSet, hint: Hint, classifiers: Collection[str], *, told: bool = False
    ) -> Classification:
        """What the request is taken for by `classifiers`, and with `told` what each said; never an error."""
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
    routes: Callable[[RouteSet], Match] = lambda _: _no_routes
    """The matcher of a set of semantic routes."""
    encoder: Callable[[], Encode] | None = None
    """Gives what makes vectors of texts that callers show; without it their requests have none."""
    readings: Readings | None = None
    """What requests were taken for lately; without it each is read anew."""
    seconds: Callable[[], float] = lambda: 0.0
    """A clock that only goes forward, for telling how long something took."""
    further: FurtherRungs | None = None
    """Asks the classifiers that take their time; without it none of them is asked."""


def _no_routes(_: Embedding | None) -> Silence:
    return Silence("semantic routes are not worked out here")


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How a request is read: by which policy, rules and semantic routes, and what makes a vector of its text, if anything is."""

    policy: Policy
    rules: RuleSet
    routes: RouteSet | None
    encode: Encode | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A request after it was read."""

    request: Request
    snapshot: Snapshot
    manner: Manner


class ReadRequest:
    """Finds features and classifies; the part that all use cases share."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around

    def __call__(self, ask: Ask, snapshot: Snapshot, *, told: bool = False) -> Reading:
        """With `told`, the classification has what each classifier said.

        Raises Failure RULE_SET_OUTDATED when a client's features were made with another rule set.
        """
        manner = self._manner(ask, snapshot.catalog)
        features, taken = self._understood(ask, manner, None if told else self._key(ask, manner), told=told)
        ask.trace.event(
            "turnout.classify",
            {
                "task_type": taken.task_type,
                "complexity": taken.complexity,
                "confidence": taken.confidence,
                "route": taken.route,
            },
        )
        request = Request(
            features=features,
            classification=taken,
            origin=ask.origin,
            constraints=ask.constraints,
            policy=ask.policy,
            tenant=ask.tenant,
            key=ask.presenter,
            max_runs=ask.max_runs,
            model=ask.model,
            operation=ask.operation,
            affinity=ask.affinity,
        )
        return Reading(request=request, snapshot=snapshot, manner=manner)

    async def thoroughly(self, ask: Ask, snapshot: Snapshot, *, told: bool = False) -> Reading:
        """The same, and where that is not sure enough, what those classifiers say that take their time. Raises Failure."""
        reading = self(ask, snapshot, told=told)
        ask_further, entries = self._around.further, reading.manner.policy.further
        if ask_further is None or not entries:
            return reading
        request = reading.request
        question = Question(
            features=request.features,
            rule_set=reading.manner.rules,
            hint=ask.hint,
            text=_text_of(ask.content) if isinstance(ask.content, Shown) else None,
            key=None if told else self._further_key(ask, reading.manner),
        )
        taken = await ask_further(question, entries, request.classification, told=told)
        if taken is request.classification:
            return reading
        ask.trace.event(
            "turnout.classify.further",
            {
                "classifier": taken.classifier,
                "task_type": taken.task_type,
                "complexity": taken.complexity,
                "confidence": taken.confidence,
            },
        )
        return replace(reading, request=replace(request, classification=taken))

    def _further_key(self, ask: Ask, manner: Manner) -> FurtherKey | None:
        key = self._key(ask, manner)
        return None if key is None else (key, manner.policy.further)

    def _manner(self, ask: Ask, catalog: Catalog) -> Manner:
        policy = policy_for(ask.origin, ask.policy, catalog, ask.model)
        encoder = self._around.encoder if embeds(policy, catalog) else None
        return Manner(
            policy=policy,
            rules=catalog.rule_sets[policy.rule_set],
            routes=None if policy.routes is None else catalog.route_sets[policy.routes],
            encode=None if encoder is None else encoder(),
        )

    def _key(self, ask: Ask, manner: Manner) -> ReadingKey | None:
        """What is found is kept under; None for what a client found, which only its word ties to the digest."""
        if self._around.readings is None or not isinstance(ask.content, Shown):
            return None
        return ReadingKey(
            request_digest=ask.content.request_digest,
            rule_set=manner.rules.digest,
            route_set=b"" if manner.routes is None else manner.routes.digest,
            classifiers=manner.policy.classifiers,
            encoder="" if manner.encode is None else manner.encode.name,
            task_type=ask.hint.task_type,
            complexity=ask.hint.complexity,
        )

    def _understood(self, ask: Ask, manner: Manner, key: ReadingKey | None, *, told: bool) -> Understood:
        readings = self._around.readings
        if key is None or readings is None:
            return self._found(ask, manner, told=told)
        known = readings.find(key)
        if known is None:
            start = self._around.seconds()
            known = self._found(ask, manner, told=told)
            if self._around.seconds() - start < SLOW_S:
                readings.keep(key, known)
        return known

    def _found(self, ask: Ask, manner: Manner, *, told: bool) -> Understood:
        around, features = self._around, self._features(ask, manner)
        taken = around.classify(features, manner.rules, ask.hint, manner.policy.classifiers, told=told)
        if manner.routes is not None:
            taken = on_route(taken, features.embedding, around.routes(manner.routes), around.seconds, told=told)
        return features, taken

    def _features(self, ask: Ask, manner: Manner) -> Features:
        rules = manner.rules
        if isinstance(ask.content, Shown):
            return extract(ask.content.read(), self._around.patterns(rules), encode=manner.encode)
        found = ask.content.features
        if found.rule_set_digest != rules.digest:
            raise Failure(
                "RULE_SET_OUTDATED",
                f"description.features.rule_set_digest: not that of rule set {rules.name!r}; call GetRuleSet and make the features again",
                field="description.features.rule_set_digest",
            )
        return found


def embeds(policy: Policy, catalog: Catalog) -> bool:
    """Whether anybody looks at the vector of a text: the learned classifier, those of packages, semantic routes, what was learned."""
    return (
        ClassifierKind.LEARNED in policy.classifiers
        or bool(policy.further)
        or policy.routes is not None
        or catalog.learned is not None
    )


def _text_of(content: Shown) -> Callable[[], str]:
    return lambda: asked(looks(content.read()))


class ExplainRoute:
    """What would be decided, without signing; nothing eligible, or no room in a budget, is an answer here, not a failure."""

    def __init__(self, around: Surroundings, balances: Callable[[], Balances] = lambda: EMPTY) -> None:
        self._around = around
        self._balances = balances
        self._read = ReadRequest(around)

    async def __call__(self, ask: Ask) -> tuple[Decision, Reading]:
        """The plan and what it was made from. Raises Failure."""
        reading = await self._read.thoroughly(ask, self._around.snapshot(), told=True)
        around = self._around
        indexed = around.index(reading.snapshot)
        # Many decisions in one: others go on meanwhile.
        plan = await asyncio.to_thread(
            explain,
            reading.request,
            reading.snapshot,
            now=around.clock(),
            draw=around.draw(),
            balances=self._balances(),
            indexed=indexed,
            likely=True,
        )
        return plan, reading


class ClassifyRequest:
    """Only reads the request."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._read = ReadRequest(around)

    async def __call__(self, ask: Ask) -> Reading:
        """Features and classification. Raises Failure."""
        return await self._read.thoroughly(ask, self._around.snapshot(), told=True)
