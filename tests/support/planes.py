"""Both planes with scripted servicers behind the real wire: what a client meets, one step after the other."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from itertools import count
from types import SimpleNamespace
from typing import Any

from google.protobuf.message import Message

from turnout.catalog.v1 import catalog_pb2
from turnout.inference.v1 import chat_pb2, inference_pb2
from turnout.outcome.v1 import receipt_pb2, usage_pb2
from turnout.routing.v1 import decision_pb2, routing_pb2
from turnout.trust.v1 import envelope_pb2
from turnout_client.pool import Surroundings
from turnout_wire.digest import request_digest
from turnout_wire.failure import Failure
from turnout_wire.hosting import Host
from turnout_wire.layers import Access, Deadlines, Errors, RequestIds, Rule, Validation
from turnout_wire.payload_type import PayloadType
from turnout_wire.server import Call, Layer, Method, Principal, Service

TOKEN = "caller-secret-token"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
DECISION_ID = "01930000-0000-7000-8000-000000000001"
RULE_SET = bytes(range(32))

Step = Callable[[Any, Call], Any] | Failure
"""What a servicer does with one call: fail, or answer."""


@dataclass(slots=True, kw_only=True)
class Seen:
    """One call as a servicer saw it."""

    method: str
    request: Any
    metadata: Mapping[str, str | bytes]
    time_left: float


@dataclass(slots=True)
class Script:
    """Steps for the coming calls by method; the usual answer when there are none. `seen` is every call that came."""

    steps: dict[str, deque[Step]] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)

    def then(self, method: str, *steps: Step) -> None:
        """Do this with the next calls of `method`."""
        self.steps.setdefault(method, deque()).extend(steps)

    def of(self, method: str) -> list[Seen]:
        """The calls of `method` that came."""
        return [seen for seen in self.seen if seen.method == method]

    async def perform(self, request: Any, call: Call, usual: Step) -> Message | None:
        """The next step for this call."""
        method = call.method.name.rpartition("/")[2]
        left = call.time_left()
        self.seen.append(
            Seen(method=method, request=request, metadata=call.metadata, time_left=-1.0 if left is None else left)
        )
        waiting = self.steps.get(method)
        step = waiting.popleft() if waiting else usual
        return await performed(step, request, call)


async def performed(step: Step, request: Any, call: Call) -> Message | None:
    """What a step answers."""
    if isinstance(step, Failure):
        raise step
    done = step(request, call)
    answer: Message | None = await done if isinstance(done, Awaitable) else done
    return answer


def routing(script: Script) -> SimpleNamespace:
    """RoutingService: decides on `gpt-4o-mini` unless the script says otherwise."""
    usual: dict[str, Step] = {
        "DecideRoute": lambda asked, _: decided(asked),
        "DecideRoutes": lambda asked, _: decided_many(asked),
        "ExplainRoute": lambda *_: explained(),
        "Classify": lambda *_: classified(),
        "GetRuleSet": lambda *_: rule_set(RULE_SET),
    }
    return SimpleNamespace(**{name: partial(script.perform, usual=step) for name, step in usual.items()})


def inference(script: Script) -> SimpleNamespace:
    """InferenceService: answers "Blue." unless the script says otherwise."""
    usual: dict[str, Step] = {
        "Generate": lambda *_: generated("Blue."),
        "StreamGenerate": streaming(delta("Bl"), delta("ue."), used(), finish()),
    }
    return SimpleNamespace(**{name: partial(script.perform, usual=step) for name, step in usual.items()})


def layers() -> list[Layer]:
    """The layers of the product, with one known caller."""
    known = Principal(name="app", tenant="acme", roles=frozenset({"caller"}))
    services = ("turnout.routing.v1.RoutingService", "turnout.inference.v1.InferenceService")
    methods = ("DecideRoute", "DecideRoutes", "ExplainRoute", "Classify", "GetRuleSet", "Generate", "StreamGenerate")
    table = {f"{service}/{method}": Rule(roles=frozenset({"caller"})) for service in services for method in methods}

    def needs_deadline(_: Method) -> bool:
        return True

    return [
        RequestIds(),
        Errors(),
        Deadlines(needs_deadline),
        Access(table, lambda token: known if token == TOKEN else None),
        validation(),
    ]


@cache
def validation() -> Validation:
    """One for all servers of a test run: compiling the rules takes most of the time that starting one takes."""
    return Validation()


@dataclass(slots=True, kw_only=True)
class Plane:
    """A server of one plane, its address, and what it is told to do."""

    script: Script
    host: Host
    address: str

    async def stop(self, grace: float = 0.0) -> None:
        """Stop listening, and cut what runs after `grace` seconds."""
        await self.host.stop(grace)


_ROUTING = routing_pb2.DESCRIPTOR.services_by_name["RoutingService"]
_INFERENCE = inference_pb2.DESCRIPTOR.services_by_name["InferenceService"]


async def start_control(address: str = "127.0.0.1:0", *, extra: tuple[Layer, ...] = (), limit: int = 100) -> Plane:
    """A control plane."""
    script = Script()
    return await _started(Service(descriptor=_ROUTING, servicer=routing(script)), script, address, extra, limit)


async def start_worker(address: str = "127.0.0.1:0", *, extra: tuple[Layer, ...] = (), limit: int = 100) -> Plane:
    """A worker."""
    script = Script()
    return await _started(Service(descriptor=_INFERENCE, servicer=inference(script)), script, address, extra, limit)


async def _started(service: Service, script: Script, address: str, extra: tuple[Layer, ...], limit: int) -> Plane:
    first, *rest = layers()
    host = Host([service], [first, *extra, *rest], max_concurrent=limit)
    port = await host.start(address)
    await host.set_serving(serving=True)
    return Plane(script=script, host=host, address=f"127.0.0.1:{port}")


@dataclass(slots=True, kw_only=True)
class Planes:
    """One control plane and some workers."""

    control: Plane
    workers: list[Plane]

    @property
    def worker(self) -> Plane:
        """The first worker."""
        return self.workers[0]

    @property
    def addresses(self) -> list[str]:
        """The workers' addresses."""
        return [worker.address for worker in self.workers]


@asynccontextmanager
async def planes(workers: int = 1, extra: tuple[Layer, ...] = ()) -> AsyncIterator[Planes]:
    """Running planes, stopped at the end."""
    async with AsyncExitStack() as stack:
        running = [await start_control(extra=extra)]
        running += [await start_worker(extra=extra) for _ in range(workers)]
        for plane in running:
            stack.push_async_callback(plane.stop)
        yield Planes(control=running[0], workers=running[1:])


def decided(
    request: routing_pb2.DecideRouteRequest, *, digest: bytes = b"", decision_id: str = DECISION_ID
) -> routing_pb2.DecideRouteResponse:
    """A decision on this request, as far as a client looks at it: the signature is none."""
    message = route_decision(request, digest or digest_of(request), decision_id)
    envelope = envelope_pb2.Envelope(
        payload_type=PayloadType.DECISION,
        payload=message.SerializeToString(),
        signatures=[envelope_pb2.Signature(key_id="k1", value=bytes(64))],
    )
    return routing_pb2.DecideRouteResponse(decision=envelope, snapshot_version=7)


def decided_many(request: routing_pb2.DecideRoutesRequest) -> routing_pb2.DecideRoutesResponse:
    """A decision on each request."""
    results = [routing_pb2.RouteResult(decision=decided(one)) for one in request.requests]
    return routing_pb2.DecideRoutesResponse(results=results, snapshot_version=7)


def digest_of(request: routing_pb2.DecideRouteRequest) -> bytes:
    """The digest that a decision on this request binds."""
    if request.HasField("description"):
        return request.description.request_digest
    return request_digest(request.payload.content_type, request.payload.body)


def route_decision(
    request: routing_pb2.DecideRouteRequest, digest: bytes, decision_id: str
) -> decision_pb2.RouteDecision:
    """A plan with a fallback on another provider."""
    message = decision_pb2.RouteDecision(
        decision_id=decision_id,
        issuer="turnout",
        audiences=[request.pool or "default"],
        tenant="acme",
        presenter="app",
        request_digest=digest,
        snapshot_version=7,
        snapshot_digest=bytes(32),
        policy=decision_pb2.PolicyRef(name="standard", digest=bytes(32)),
        workload="default",
        stage=decision_pb2.STAGE_ENFORCE,
        targets=[
            target("openai/gpt-4o-mini", "gpt-4o-mini", "openai", 180_000),
            target("anthropic/claude-haiku", "claude-haiku", "anthropic", 950_000),
        ],
        limits=decision_pb2.Limits(max_attempts=3, max_output_tokens=1024, max_runs=max(request.max_runs, 1)),
        reason=decision_pb2.Reason(
            code=decision_pb2.REASON_CODE_CHEAPEST,
            text="the cheapest of 4 that meet quality 0.80",
            notices=[decision_pb2.NOTICE_LOW_CONFIDENCE],
        ),
        propensity_ppm=1_000_000,
        classification=decision_pb2.ClassificationSummary(
            task_type=catalog_pb2.TASK_TYPE_QA, complexity=catalog_pb2.COMPLEXITY_MODERATE, confidence_ppm=640_000
        ),
        baseline=decision_pb2.Baseline(model="gpt-4o", cost_nanousd=3_000_000),
        request_id=request.request_id,
    )
    message.issued_at.FromDatetime(NOW)
    message.expires_at.FromDatetime(NOW + timedelta(seconds=60))
    message.limits.deadline.FromTimedelta(timedelta(seconds=30))
    return message


def target(deployment: str, model: str, provider: str, cost_nanousd: int) -> decision_pb2.Target:
    """A target that is expected to take 0.8 s."""
    estimate = decision_pb2.Estimate(cost_nanousd=cost_nanousd, quality_ppm=850_000, input_tokens=12, output_tokens=200)
    estimate.latency.FromTimedelta(timedelta(milliseconds=800))
    return decision_pb2.Target(deployment=deployment, model=model, provider=provider, estimate=estimate)


def classified() -> routing_pb2.ClassifyResponse:
    """A question."""
    return routing_pb2.ClassifyResponse(
        classification=_classification(),
        features=routing_pb2.Features(input_tokens=12, questions=1),
        snapshot_version=7,
    )


def _classification() -> routing_pb2.Classification:
    return routing_pb2.Classification(
        task_type=catalog_pb2.TASK_TYPE_QA,
        complexity=catalog_pb2.COMPLEXITY_SIMPLE,
        domain=catalog_pb2.DOMAIN_MEDICAL,
        confidence=0.8,
        classifier="rules",
        signals=[routing_pb2.Signal(name="question", votes_for="task_type=qa", weight=1.5)],
    )


def explained() -> routing_pb2.ExplainRouteResponse:
    """Nothing is eligible."""
    return routing_pb2.ExplainRouteResponse(
        classification=_classification(),
        candidates=[excluded("openai/gpt-4o", routing_pb2.EXCLUSION_COST, "0.003 $ is above 0.001 $")],
        quality_floor=routing_pb2.QualityFloor(quality_ppm=800_000, source="complexity"),
        snapshot_version=7,
        features=routing_pb2.Features(input_tokens=12),
        steps=["workload default: the last one"],
        why_not=["openai/gpt-4o may not serve"],
    )


def excluded(deployment: str, why: routing_pb2.Exclusion.ValueType, detail: str) -> routing_pb2.Candidate:
    """A candidate that may not serve."""
    return routing_pb2.Candidate(
        deployment=deployment, model="gpt-4o", provider="openai", exclusion=why, detail=detail, rank=0
    )


def rule_set(digest: bytes) -> routing_pb2.GetRuleSetResponse:
    """Two patterns."""
    patterns = [
        routing_pb2.Pattern(signal="question", regex=r"\?"),
        routing_pb2.Pattern(signal="sky", regex=r"(?i)\bsky\b"),
    ]
    return routing_pb2.GetRuleSetResponse(digest=digest, patterns=patterns)


def receipt(*, succeeded: bool = True) -> receipt_pb2.Receipt:
    """A receipt of a run that failed at the first target, and went well at the second unless told otherwise."""
    outcome = receipt_pb2.ATTEMPT_OUTCOME_SUCCEEDED if succeeded else receipt_pb2.ATTEMPT_OUTCOME_FAILED
    usage = usage_pb2.Usage(input_tokens=12, output_tokens=5)
    message = receipt_pb2.Receipt(
        receipt_id="01930000-0000-7000-8000-0000000000aa",
        decision_id=DECISION_ID,
        worker="worker-1",
        result=receipt_pb2.RUN_RESULT_SUCCEEDED if succeeded else receipt_pb2.RUN_RESULT_FAILED,
        attempts=[
            receipt_pb2.Attempt(
                number=1,
                deployment="openai/gpt-4o-mini",
                model="gpt-4o-mini",
                outcome=receipt_pb2.ATTEMPT_OUTCOME_FAILED,
                error="http_500",
                http_status=500,
            ),
            receipt_pb2.Attempt(
                number=2, deployment="anthropic/claude-haiku", model="claude-haiku", outcome=outcome, usage=usage
            ),
        ],
        cost_nanousd=1_250_000,
        finish_reason=usage_pb2.FINISH_REASON_STOP,
        snapshot_version=7,
    )
    message.started_at.FromDatetime(NOW)
    message.duration.FromTimedelta(timedelta(milliseconds=900))
    message.time_to_first_token.FromTimedelta(timedelta(milliseconds=300))
    return message


def generated(text: str) -> inference_pb2.GenerateResponse:
    """A whole answer."""
    response = chat_pb2.ChatResponse(
        parts=[chat_pb2.Part(text=text)],
        finish_reason=usage_pb2.FINISH_REASON_STOP,
        usage=usage_pb2.Usage(input_tokens=12, output_tokens=5),
        provider_model="claude-haiku-20260101",
        provider_response_id="msg_1",
    )
    return inference_pb2.GenerateResponse(response=response, receipt=receipt())


Sent = inference_pb2.StreamGenerateResponse


def streaming(*events: Sent) -> Step:
    """Send these events and end."""

    async def step(_: Any, call: Call) -> None:
        for event in events:
            await call.send(event)

    return step


def delta(text: str) -> Sent:
    """More text."""
    return Sent(delta=inference_pb2.Delta(text=text))


def tool_call_delta(index: int, arguments: str, *, id: str = "", name: str = "") -> Sent:  # noqa: A002
    """More of a tool call."""
    more = inference_pb2.ToolCallDelta(index=index, id=id, name=name, arguments=arguments.encode())
    return Sent(tool_call_delta=more)


def thinking_delta(text: str = "", *, signature: bytes = b"") -> Sent:
    """More of what is thought."""
    return Sent(thinking_delta=chat_pb2.Thinking(text=text, signature=signature, protocol="anthropic"))


def used(output_tokens: int = 5) -> Sent:
    """What was used."""
    return Sent(usage=usage_pb2.Usage(input_tokens=12, output_tokens=output_tokens))


def finish() -> Sent:
    """The answer is whole."""
    return Sent(
        finish=inference_pb2.Finish(
            reason=usage_pb2.FINISH_REASON_STOP, receipt=receipt(), provider_model="claude-haiku-20260101"
        )
    )


async def hang(_: Any, call: Call) -> None:
    """Never answer."""
    await asyncio.Event().wait()


class Gate:
    """A step that tells when a call has come, waits until it may go on, and tells if it was cancelled."""

    def __init__(self, then: Step) -> None:
        self.came = asyncio.Event()
        self.go = asyncio.Event()
        self.cancelled = asyncio.Event()
        self._then = then

    async def __call__(self, request: Any, call: Call) -> Message | None:
        self.came.set()
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return await performed(self._then, request, call)


class FakeTime:
    """A clock that moves when something sleeps, or when it is told to."""

    def __init__(self, draw: float = 1.0) -> None:
        self.now = 1000.0
        self.slept: list[float] = []
        self._draw = draw
        self._ids = count(1)

    def clock(self) -> float:
        """Seconds."""
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Let others run, and be later."""
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)

    def surroundings(self) -> Surroundings:
        """What a client takes from outside, from here."""
        return Surroundings(
            clock=self.clock, sleep=self.sleep, draw=lambda: self._draw, new_id=lambda: f"request-{next(self._ids)}"
        )
