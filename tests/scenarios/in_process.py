"""Runs a scenario through the pure core: features, classification, decision. No server, no signature, no clock."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from types import MappingProxyType

from controlplane.budget.matching import Balances
from controlplane.budget.model import Account, AccountId, Balance
from controlplane.budget.refusal import refusal
from controlplane.budget.windows import span
from controlplane.catalog.load import load
from controlplane.catalog.model import Complexity, DeploymentName, TaskType, WireProtocol
from controlplane.classification.ladder import Ladder
from controlplane.classification.semantic import Matcher
from controlplane.classification.semantic_fit import fit
from controlplane.classification.standard import ladder
from controlplane.decision.engine import decide, explain
from controlplane.decision.model import Affinity, Constraints, Decision, Operation, Origin, Request
from controlplane.policy.model import RouteSetName
from controlplane.routing.model import Known
from controlplane.routing.on_route import on_route
from controlplane.routing.rules import policy_for
from controlplane.routing.worked_out import compiled
from controlplane.snapshot.model import Headroom, Health, HealthState, Live, Room, Snapshot
from tests.scenarios.scenario import ANEW, Asked, Scenario, Seen
from tests.support.catalogs import NOW, snapshot
from tests.support.decisions import insisting
from tests.support.routes import encoder
from turnout.inference.v1 import payload_pb2
from turnout.routing.v1 import routing_pb2
from turnout_features import extract
from turnout_features.model import Conversation, Features, OutputFormat, Patterns, Speaker, Utterance
from turnout_wire.chat_payload import parse_chat
from turnout_wire.conversation import conversation as conversation_from
from turnout_wire.failure import Failure
from turnout_wire.layers import Validation

TENANT, CALLER = "default", "local"
"""Who asks: the caller that every state folder begins with."""

_catalog = cache(load)


def run(scenario: Scenario) -> Seen:
    """What comes of `scenario`."""
    try:
        request, reading = request_of(scenario), snapshot_of(scenario)
        seeing = balances_of(scenario, NOW)
        told = explain(request, reading, now=NOW, draw=scenario.draw, balances=seeing)
        made = decide(request, reading, now=NOW, draw=scenario.draw, balances=seeing)
    except Failure as failure:
        return Seen(failure=failure.reason, failed_field=failure.field, message=failure.message)
    assert (made.targets, made.reason_text, made.propensity) == (told.targets, told.reason_text, told.propensity)
    return seen(told, request.features)


def balances_of(scenario: Scenario, now: datetime) -> Balances:
    """What is booked and held, in the windows of `now`. Raises KeyError for an account of no budget."""
    budgets = {str(budget.name): budget for budget in _catalog(scenario.catalog).budgets}
    return {
        Account(
            id=AccountId(written), window_start=span(budgets[written.partition("{")[0]].window, now).start
        ): Balance(spent=_amount(figures, "spent"), reserved=_amount(figures, "reserved"))
        for written, figures in scenario.balances.items()
    }


def _amount(figures: Mapping[str, float], name: str) -> int:
    return round(figures.get(f"{name}_usd", 0) * 1_000_000_000) or int(figures.get(name, 0))


def snapshot_of(scenario: Scenario) -> Snapshot:
    """The catalog of `scenario` with the health that it tells of."""
    health = {DeploymentName(name): Health(state=HealthState(state)) for name, state in scenario.health.items()}
    live = Live(
        health=MappingProxyType(health),
        headroom=MappingProxyType({DeploymentName(name): headroom(told) for name, told in scenario.headroom.items()}),
        in_flight=MappingProxyType({DeploymentName(name): calls for name, calls in scenario.in_flight.items()}),
    )
    return snapshot(_catalog(scenario.catalog), live)


def headroom(told: Mapping[str, tuple[int, int]]) -> Headroom:
    """What a provider's rate limits leave."""
    rooms = {name: Room(limit=limit, remaining=remaining, reset_at=ANEW) for name, (remaining, limit) in told.items()}
    return Headroom(as_of=NOW, **rooms)


def request_of(scenario: Scenario) -> Request:
    """The request, read and classified. Raises Failure."""
    asked, catalog = scenario.asked, _catalog(scenario.catalog)
    origin = Origin(
        workload=asked.workload,
        feature=asked.feature,
        endpoint=asked.endpoint,
        labels=MappingProxyType({**asked.labels}),
    )
    reads = policy_for(origin, asked.policy, catalog, asked.model)
    rules = catalog.rule_sets[reads.rule_set]
    features = extract(conversation_of(asked), _patterns(scenario.catalog, rules.name), encode=encoder())
    hint = Known(
        task_type=TaskType(asked.task_type) if asked.task_type else None,
        complexity=Complexity(asked.complexity) if asked.complexity else None,
    )
    taken = _ladder()(features, rules, hint, reads.classifiers)
    if reads.routes is not None:
        match = _matcher(scenario.catalog, reads.routes)
        taken = on_route(taken, features.embedding, match, lambda: 0.0, told=False)
    return Request(
        features=features,
        classification=taken,
        origin=origin,
        constraints=constraints_of(asked.constraints),
        policy=asked.policy,
        tenant=TENANT,
        key=CALLER,
        max_runs=asked.max_runs,
        model=asked.model,
        operation=Operation(asked.operation),
        affinity=Affinity(**asked.affinity) if asked.affinity else None,
    )


@cache
def _matcher(path: Path | None, name: RouteSetName) -> Matcher:
    return fit(_catalog(path).route_sets[name], encoder(), encoder().name)


@cache
def _ladder() -> Ladder:
    return ladder()


@cache
def _patterns(path: Path | None, name: str) -> Patterns:
    rule_sets: Mapping[str, object] = {str(known): rules for known, rules in _catalog(path).rule_sets.items()}
    rules = rule_sets[name]
    return compiled(rules)  # type: ignore[arg-type]  # values of the mapping above


def conversation_of(asked: Asked) -> Conversation:
    """What is said, as features look at it; a payload that is given as it is goes through the reading of the wire."""
    if asked.content_type is not None:
        payload = payload_pb2.Payload(content_type=asked.content_type, body=asked.body.encode())
        Validation().check(routing_pb2.DecideRouteRequest(payload=payload))
        return conversation_from(parse_chat(payload))
    *before, (role, last) = asked.messages
    utterances = [Utterance(speaker=Speaker(speaker), text=text) for speaker, text in before]
    return Conversation(
        utterances=(*utterances, Utterance(speaker=Speaker(role), text=last * asked.times, images=asked.pictures)),
        tools=len(asked.tools),
        tool_text="\n".join(f"{name} Does it. " for name in asked.tools),
        output_format=OutputFormat(asked.format),
        max_output_tokens=asked.max_output_tokens,
    )


def constraints_of(written: Mapping[str, object]) -> Constraints:
    """Constraints as a scenario writes them: lists of names, `max_cost_usd`, `max_latency` in seconds."""
    written = {**written, "protocols": [WireProtocol(name) for name in written.get("protocols", ())]}  # type: ignore[attr-defined]
    fields: dict[str, object] = {
        name: frozenset(value) if isinstance(value, list) else value for name, value in written.items()
    }
    if "max_cost_usd" in fields:
        fields["max_cost_nanousd"] = round(float(str(fields.pop("max_cost_usd"))) * 1_000_000_000)
    if "max_latency" in fields:
        fields["max_latency"] = timedelta(seconds=float(str(fields["max_latency"])))
    return insisting(**fields)


def seen(told: Decision, features: Features) -> Seen:
    """An explained decision as a scenario tells of it."""
    taken = told.classification
    refused = refusal(told, NOW) if told.shortages else None
    return Seen(
        failure="" if told.targets else refused.reason if refused else "NO_ELIGIBLE_TARGET",
        message=refused.message if refused else "",
        task_type=taken.task_type,
        complexity=taken.complexity,
        domain=taken.domain or "",
        route=taken.route,
        language=features.language,
        input_tokens=features.input_tokens,
        workload=told.workload if told.targets else "",
        policy=told.policy if told.targets else "",
        model=told.targets[0].model if told.targets else "",
        targets=tuple(target.deployment for target in told.targets),
        costs_nanousd=tuple(target.estimate.cost_nanousd for target in told.targets),
        dearest_nanousd=tuple(target.max_cost_nanousd for target in told.targets),
        reserved_nanousd=told.reserved_nanousd or 0,
        accounts=tuple(dict.fromkeys(str(hold.account.id) for hold in told.holds)),
        reason=told.reason_code or "",
        says=told.reason_text if told.targets else "",
        notices=tuple(str(notice) for notice in told.notices) if told.targets else (),
        chance=round(told.propensity * 1_000_000),
        max_output_tokens=told.limits.max_output_tokens if told.targets else 0,
        floor=(round(told.floor.quality * 1_000_000), told.floor.source),
        exclusions={each.deployment: str(each.exclusion) for each in told.candidates if each.exclusion},
        details={each.deployment: each.detail for each in told.candidates if each.detail},
        scores={each.deployment: each.score for each in told.candidates},
        steps=told.steps,
    )
