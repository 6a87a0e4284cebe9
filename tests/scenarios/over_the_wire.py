"""Runs a scenario against a control plane of this process, over gRPC on loopback: DecideRoute and ExplainRoute."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc.aio

from tests.scenarios import in_process
from tests.scenarios.in_process import balances_of
from tests.scenarios.scenario import ANEW, Asked, Scenario, Seen
from tests.support.backbone import Control, start_control
from tests.support.line import Line, Told, told
from turnout.catalog.v1 import catalog_pb2
from turnout.inference.v1 import chat_pb2, payload_pb2
from turnout.outcome.v1 import outcome_pb2, receipt_pb2
from turnout.routing.v1 import decision_pb2, routing_pb2
from turnout_wire.chat_payload import CHAT_REQUEST
from turnout_wire.conversation import features_to_proto

BUDGETS = ("BUDGET_EXHAUSTED", "BUDGET_IN_FLIGHT", "RATE_LIMITED")

PLANNED = ("policy", "workload", "stage", "targets", "limits", "reason", "propensity_ppm", "classification", "baseline",
    "reservation",
)  # fmt: skip
"""What of a decision follows from the plan alone, so that the explanation has it too."""

READY = "openai/gpt-4o"
"""Every report of a worker must name something; what is ready is as if nothing was said."""


class Desk:
    """A control plane on one catalog, its caller and its worker."""

    def __init__(self, control: Control, draws: list[float]) -> None:
        self._control = control
        self._draws = draws
        self._caller: Line = control.line("local")
        self._worker: Line = control.line("worker")

    async def run(self, scenario: Scenario) -> Seen:
        """What comes of `scenario`."""
        self._draws[:] = [scenario.draw]
        self._control.see(balances_of(scenario, datetime.now(UTC)))
        await self._worker(report(scenario))
        self._control.show()
        request = request_of(scenario)
        explained = await self._explained(request)
        decided = await self._decided(request)
        if isinstance(explained, Told):
            assert isinstance(decided, Told)
            assert (decided.reason, decided.field) == (explained.reason, explained.field.removeprefix("request."))
            return Seen(failure=decided.reason, failed_field=decided.field, message=decided.message)
        if isinstance(decided, Told) and decided.reason in BUDGETS:
            return seen(explained, None, decided.reason, decided.message)
        if isinstance(decided, Told):
            table = decided.detail(routing_pb2.CandidateTable)
            assert list(table.candidates) == list(explained.candidates)
            assert not explained.HasField("decision")
            return seen(explained, None, decided.reason)
        assert [getattr(decided, name) for name in PLANNED] == [getattr(explained.decision, name) for name in PLANNED]
        return seen(explained, decided, "")

    async def _explained(self, request: routing_pb2.DecideRouteRequest) -> Any:
        try:
            return await self._caller(routing_pb2.ExplainRouteRequest(request=request))
        except grpc.aio.AioRpcError as error:
            return told(error)

    async def _decided(self, request: routing_pb2.DecideRouteRequest) -> decision_pb2.RouteDecision | Told:
        try:
            response = await self._caller(request)
        except grpc.aio.AioRpcError as error:
            return told(error)
        return decision_pb2.RouteDecision.FromString(response.decision.payload)

    async def close(self) -> None:
        """Go down."""
        await self._control.stop()


class Desks:
    """A desk for each catalog, started when it is first wanted."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open: dict[Path | None, Desk] = {}

    async def of(self, catalog: Path | None) -> Desk:
        """The desk of `catalog`, the packaged one if None."""
        if catalog not in self._open:
            draws = [0.5]
            state = self._folder / f"state-{len(self._open)}"
            self._open[catalog] = Desk(await start_control(state, catalog, draw=lambda: draws[0]), draws)
        return self._open[catalog]

    async def close(self) -> None:
        """Go down with all."""
        for desk in self._open.values():
            await desk.close()


def report(scenario: Scenario) -> outcome_pb2.ReportReceiptsRequest:
    """A worker's view of its targets."""
    told = dict.fromkeys((READY, *scenario.headroom, *scenario.in_flight), "closed")
    states = {**told, **scenario.health}
    return outcome_pb2.ReportReceiptsRequest(
        worker="worker-1",
        health=[
            receipt_pb2.TargetHealth(
                deployment=name,
                state=receipt_pb2.TargetState.Value(f"TARGET_STATE_{state.upper()}"),
                in_flight=scenario.in_flight.get(name, 0),
                headroom=headroom(scenario.headroom[name]) if name in scenario.headroom else None,
            )
            for name, state in states.items()
        ],
    )


def headroom(told: Mapping[str, tuple[int, int]]) -> receipt_pb2.Headroom:
    """What a worker tells of rate limits."""
    message = receipt_pb2.Headroom()
    message.as_of.FromDatetime(datetime.now(UTC))
    for name, (remaining, limit) in told.items():
        setattr(message, f"{name}_remaining", remaining)
        setattr(message, f"{name}_limit", limit)
        getattr(message, f"{name}_reset_at").FromDatetime(ANEW)
    return message


def request_of(scenario: Scenario) -> routing_pb2.DecideRouteRequest:
    """What a caller sends; texts to make vectors of are described."""
    asked = scenario.asked
    hints = routing_pb2.Hints(
        workload=asked.workload,
        feature=asked.feature,
        endpoint=asked.endpoint,
        labels=asked.labels,
        task_type=catalog_pb2.TaskType.Value(f"TASK_TYPE_{(asked.task_type or 'unspecified').upper()}"),
        complexity=catalog_pb2.Complexity.Value(f"COMPLEXITY_{(asked.complexity or 'unspecified').upper()}"),
    )
    embeds = asked.operation == "embed"
    return routing_pb2.DecideRouteRequest(
        payload=None if embeds else payload_of(asked),
        description=description_of(scenario) if embeds else None,
        hints=hints,
        policy=asked.policy,
        constraints=constraints_of(asked.constraints),
        max_runs=asked.max_runs,
        model=asked.model,
        operation=routing_pb2.Operation.Value(f"OPERATION_{asked.operation.upper()}"),
        affinity=routing_pb2.Affinity(**asked.affinity) if asked.affinity else None,
    )


def description_of(scenario: Scenario) -> routing_pb2.Description:
    """The features of what is asked, as a caller makes them."""
    return routing_pb2.Description(
        request_digest=bytes(32), features=features_to_proto(in_process.request_of(scenario).features)
    )


def payload_of(asked: Asked) -> payload_pb2.Payload:
    """The serialized request, or what is sent instead."""
    if asked.content_type is not None:
        return payload_pb2.Payload(content_type=asked.content_type, body=asked.body.encode())
    *before, (role, last) = asked.messages
    pictures = [chat_pb2.Part(image=chat_pb2.Image(url="https://example.com/a.png")) for _ in range(asked.pictures)]
    chat = chat_pb2.ChatRequest(
        messages=[
            *(_message(speaker, chat_pb2.Part(text=text)) for speaker, text in before),
            _message(role, chat_pb2.Part(text=last * asked.times), *pictures),
        ],
        tools=[chat_pb2.Tool(name=name, description="Does it.") for name in asked.tools],
    )
    if asked.max_output_tokens:
        chat.max_output_tokens = asked.max_output_tokens
    if asked.format != "text":
        getattr(chat.response_format, asked.format).SetInParent()
    if asked.format == "json_schema":
        chat.response_format.json_schema.name = "answer"
        chat.response_format.json_schema.schema["type"] = "object"
    return payload_pb2.Payload(content_type=CHAT_REQUEST, body=chat.SerializeToString())


def _message(role: str, *parts: chat_pb2.Part) -> chat_pb2.Message:
    return chat_pb2.Message(role=chat_pb2.Role.Value(f"ROLE_{role.upper()}"), parts=parts)


def constraints_of(written: Mapping[str, Any]) -> routing_pb2.Constraints | None:
    """What the caller insists on; absent if that is nothing."""
    if not written:
        return None
    fields = dict(written)
    if "max_cost_usd" in fields:
        fields["max_cost_nanousd"] = round(fields.pop("max_cost_usd") * 1_000_000_000)
    if "capabilities" in fields:
        fields["capabilities"] = [
            catalog_pb2.Capability.Value(f"CAPABILITY_{name.upper()}") for name in fields["capabilities"]
        ]
    if "protocols" in fields:
        fields["protocols"] = [catalog_pb2.Protocol.Value(f"PROTOCOL_{name.upper()}") for name in fields["protocols"]]
    latency = fields.pop("max_latency", None)
    message = routing_pb2.Constraints(**fields)
    if latency is not None:
        message.max_latency.FromTimedelta(timedelta(seconds=latency))
    return message


def seen(
    explained: routing_pb2.ExplainRouteResponse,
    decided: decision_pb2.RouteDecision | None,
    failure: str,
    message: str = "",
) -> Seen:
    """The two answers as a scenario tells of them."""
    taken, plan = explained.classification, decided or decision_pb2.RouteDecision()
    return Seen(
        failure=failure,
        message=message,
        task_type=_word(catalog_pb2.TaskType.Name(taken.task_type), "TASK_TYPE"),
        complexity=_word(catalog_pb2.Complexity.Name(taken.complexity), "COMPLEXITY"),
        domain=_word(catalog_pb2.Domain.Name(taken.domain), "DOMAIN"),
        route=taken.route,
        language=explained.features.language,
        input_tokens=explained.features.input_tokens,
        workload=plan.workload,
        policy=plan.policy.name,
        model=plan.targets[0].model if plan.targets else "",
        targets=tuple(target.deployment for target in plan.targets),
        costs_nanousd=tuple(target.estimate.cost_nanousd for target in plan.targets),
        dearest_nanousd=tuple(target.max_cost_nanousd for target in plan.targets),
        reserved_nanousd=plan.reservation.max_cost_nanousd,
        accounts=tuple(plan.reservation.accounts),
        reason=_word(decision_pb2.ReasonCode.Name(plan.reason.code), "REASON_CODE"),
        says=plan.reason.text,
        notices=tuple(_word(decision_pb2.Notice.Name(notice), "NOTICE") for notice in plan.reason.notices),
        chance=plan.propensity_ppm,
        max_output_tokens=plan.limits.max_output_tokens,
        floor=(explained.quality_floor.quality_ppm, explained.quality_floor.source),
        exclusions={
            each.deployment: _word(routing_pb2.Exclusion.Name(each.exclusion), "EXCLUSION")
            for each in explained.candidates
            if each.exclusion
        },
        details={each.deployment: each.detail for each in explained.candidates if each.detail},
        scores={each.deployment: each.score for each in explained.candidates},
        steps=tuple(explained.steps),
    )


def _word(name: str, prefix: str) -> str:
    """A value of the contract as scenarios write it; empty if it is unset."""
    word = name.removeprefix(f"{prefix}_").lower()
    return "" if word == "unspecified" else word
