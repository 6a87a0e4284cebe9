"""What a collector really receives of requests through both planes, and what it never receives."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import pytest_asyncio
from opentelemetry.trace import format_trace_id

from tests.support.backbone import document
from tests.support.collector import Watching, watching
from tests.support.provider import Providers, answer, error, providers
from tests.support.stacks import entries, environment, logged
from turnout_cli.processes import Processes, Program
from turnout_cli.stack import Stack, StackSettings, start_stack
from turnout_client import Client, TurnoutError
from turnout_wire.sink import ReceivedSpan

pytestmark = pytest.mark.asyncio(loop_scope="module")

ASKED, ANSWERED = "Zanzibarcanary", "Quokkacanary"
"""Words that nobody but the prompt and the answer has."""
PROMPT = f"Why is the {ASKED} blue?"
DOWN = error("503 Service Unavailable", body=f'{{"error":{{"message":"cannot do {ASKED}"}}}}'.encode())
CONTROL, WORKER = "turnout-control-plane", "turnout-worker"
OWN = ("controlplane", "dataplane", "turnout_")
SWITCH = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """One request: its trace and its decision."""

    trace_id: str
    decision_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """Both planes under watch; `outspoken` is a worker whose operator wants content on spans."""

    watch: Watching
    stack: Stack
    providers: Providers
    outspoken: str
    runs: Mapping[str, Ran]

    def log(self, name: str) -> Path:
        """The log of one process."""
        return self.stack.state / "logs" / f"{name}.log"

    def client(self, worker: str = "") -> Client:
        """A client that traces, of this worker or the usual one."""
        token = (self.stack.state / "tokens" / "local").read_text(encoding="utf-8").strip()
        workers = worker or self.stack.workers[0].address
        return Client(control=self.stack.control.address, workers=workers, token=token, tracer=self.watch.tracer)

    async def spans(self, name: str, count: int) -> list[ReceivedSpan]:
        """The spans of one request once there are so many."""
        return await self.watch.all_of(self.runs[name].trace_id, count)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def watched(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Watched]:
    """Every kind of request was made once."""
    folder = tmp_path_factory.mktemp("watched")
    async with AsyncExitStack() as resources:
        watch = await resources.enter_async_context(watching())
        obeying = await resources.enter_async_context(providers())
        processes = await resources.enter_async_context(Processes())
        catalog = folder / "turnout.yaml"
        catalog.write_text(json.dumps(document(obeying.address)), encoding="utf-8")
        settings = StackSettings(
            state=folder / "state",
            catalog=catalog,
            environment=environment(**watch.variables),
            workers=1,
            log_level="debug",
        )
        stack = await start_stack(processes, settings)
        outspoken = await processes.start(outspoken_worker(stack, settings))
        running = Watched(watch=watch, stack=stack, providers=obeying, outspoken=outspoken.address, runs={})
        yield replace(running, runs=await made(running))


def outspoken_worker(stack: Stack, settings: StackSettings) -> Program:
    """A worker with content switched on."""
    return Program(
        name="outspoken",
        module="dataplane",
        arguments=[
            *("--listen", "127.0.0.1:0", "--control", stack.control.address, "--worker", "outspoken"),
            *("--token-file", str(stack.state / "tokens" / "worker"), "--log-level", "debug"),
            *("--allow-network", "127.0.0.0/8"),
        ],
        log=stack.state / "logs" / "outspoken.log",
        environment={**settings.environment, SWITCH: "true"},
    )


async def made(running: Watched) -> dict[str, Ran]:
    """One request of each kind."""
    said = answer(ANSWERED, " it is.")
    async with running.client() as client, running.client(running.outspoken) as outspoken:
        return {
            "whole": await one(running, client, said),
            "streamed": await one(running, client, said, stream=True),
            "fell back": await one(running, client, DOWN, said),
            "failed": await one(running, client, DOWN, DOWN),
            "outspoken": await one(running, outspoken, said),
            "outspoken stream": await one(running, outspoken, said, stream=True),
        }


async def one(running: Watched, client: Client, *steps: object, stream: bool = False) -> Ran:
    """One request below a span of the caller; `steps` are for the providers in the order of the plan."""
    for name, step in zip(("first", "second"), steps, strict=False):
        running.providers.then(name, step)  # type: ignore[arg-type] # steps are given as they are made
    with running.watch.tracer.start_as_current_span("caller") as span:
        decision_id = ""
        try:
            if stream:
                async with client.chat_stream(PROMPT) as events:
                    decision_id = events.decision.decision_id
                    async for _ in events:
                        pass
            else:
                decision_id = (await client.chat(PROMPT)).decision_id
        except TurnoutError as failed:
            decision_id = failed.decision_id
        return Ran(trace_id=format_trace_id(span.get_span_context().trace_id), decision_id=decision_id)


def by_name(spans: list[ReceivedSpan], name: str) -> ReceivedSpan:
    """The one span whose name ends so."""
    (found,) = [span for span in spans if span.name.endswith(name)]
    return found


def attempts(spans: list[ReceivedSpan]) -> list[ReceivedSpan]:
    """The spans of calls of providers."""
    return [span for span in spans if "turnout.attempt" in span.attributes]


@pytest.mark.parametrize(("kind", "method"), [("whole", "Generate"), ("streamed", "StreamGenerate")])
async def test_one_trace_goes_from_the_caller_to_the_attempt(watched: Watched, kind: str, method: str) -> None:
    spans = await watched.spans(kind, 5)
    caller, chat = by_name(spans, "caller"), by_name(spans, "turnout.chat")
    decided = by_name(spans, "turnout.routing.v1.RoutingService/DecideRoute")
    ran = by_name(spans, f"turnout.inference.v1.InferenceService/{method}")
    (attempt,) = attempts(spans)
    assert len(spans) == 5
    assert not caller.parent_id
    assert chat.parent_id == caller.span_id
    assert decided.parent_id == ran.parent_id == chat.span_id
    assert attempt.parent_id == ran.span_id
    assert [span.service for span in (caller, chat, decided, ran, attempt)] == [
        "caller",
        "caller",
        CONTROL,
        WORKER,
        WORKER,
    ]
    assert [span.kind for span in (decided, ran, attempt)] == ["server", "server", "client"]
    assert ran.start_ns <= attempt.start_ns <= attempt.end_ns <= ran.end_ns
    assert not any(span.failed for span in spans)


async def test_an_execution_is_linked_to_its_decision(watched: Watched) -> None:
    spans = await watched.spans("whole", 5)
    decided, ran = by_name(spans, "/DecideRoute"), by_name(spans, "/Generate")
    assert ran.links == ((decided.trace_id, decided.span_id),)


async def test_the_steps_of_a_decision_are_events_of_its_span(watched: Watched) -> None:
    decided = by_name(await watched.spans("whole", 5), "/DecideRoute")
    events = dict(decided.events)
    assert list(events) == ["turnout.classify", "turnout.decide", "turnout.sign", "turnout.record"]
    assert events["turnout.classify"]["task_type"] == "qa"
    assert events["turnout.decide"]["model"] == "small"
    assert events["turnout.sign"]["key_id"]


async def test_each_attempt_is_a_child_the_failed_one_and_the_fallback(watched: Watched) -> None:
    spans = await watched.spans("fell back", 6)
    ran, (first, second) = by_name(spans, "/Generate"), attempts(spans)
    assert first.parent_id == second.parent_id == ran.span_id
    assert [span.attributes["turnout.attempt"] for span in (first, second)] == [1, 2]
    assert [span.attributes["turnout.deployment"] for span in (first, second)] == ["first/small", "second/large"]
    assert [span.name for span in (first, second)] == ["chat small", "chat large"]
    assert (first.failed, second.failed, ran.failed) == (True, False, False)
    assert first.attributes["http.response.status_code"] == 503
    assert first.attributes["error.type"] == "overloaded"
    assert "error.type" not in second.attributes
    assert first.end_ns <= second.start_ns
    assert ran.attributes["turnout.attempts"] == 2


async def test_a_run_without_an_answer_fails_in_every_span_up_to_the_caller(watched: Watched) -> None:
    spans = await watched.spans("failed", 6)
    ran = by_name(spans, "/Generate")
    assert [span.failed for span in attempts(spans)] == [True, True]
    assert ran.failed
    assert ran.attributes["rpc.response.status_code"] == "UNAVAILABLE"
    assert ran.attributes["error.type"] == by_name(spans, "turnout.chat").attributes["error.type"]


async def test_an_attempt_has_the_attributes_of_the_genai_conventions(watched: Watched) -> None:
    (attempt,) = attempts(await watched.spans("whole", 5))
    expected = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "first",
        "gen_ai.request.model": "small",
        "gen_ai.usage.input_tokens": 12,
        "gen_ai.usage.output_tokens": 5,
        "turnout.cost_nanousd": 17_000,
        "turnout.outcome": "succeeded",
        "http.response.status_code": 200,
    }
    assert expected.items() <= attempt.attributes.items()


async def test_the_decision_is_named_on_every_span_but_the_callers_own(watched: Watched) -> None:
    for name, count in (("whole", 5), ("streamed", 5), ("fell back", 6), ("failed", 6)):
        spans = [span for span in await watched.spans(name, count) if span.name != "caller"]
        assert {span.attributes["turnout.decision.id"] for span in spans} == {watched.runs[name].decision_id}


async def test_the_decision_is_named_on_every_line_about_a_request(watched: Watched) -> None:
    last = watched.runs["outspoken stream"].decision_id
    await logged(watched.log("control-plane"), message="receipt taken", decision_id=last)
    known = {run.decision_id for run in watched.runs.values()}
    for name in ("control-plane", "worker-1", "outspoken"):
        lines = [line for line in entries(watched.log(name)) if str(line["logger"]).startswith(OWN)]
        about = [line for line in lines if line["message"] in ("run ended", "receipt taken")]
        assert about
        assert {line["decision_id"] for line in about} <= known
        rest = {str(line["message"]) for line in lines if not line.get("decision_id")}
        assert rest <= {"snapshot published", "snapshot in use", "worker connected"}


CHAT = ("gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.request.model", "turnout.deployment")
RPC = ("rpc.system.name", "rpc.method", "rpc.response.status_code")
METRICS = [
    (CONTROL, "rpc.server.call.duration", "s", RPC),
    (
        CONTROL,
        "turnout.decisions",
        "1",
        ("turnout.model", "turnout.reason", "turnout.workload", "turnout.task_type", "turnout.complexity"),
    ),
    (CONTROL, "turnout.receipts", "1", ("turnout.result",)),
    (CONTROL, "turnout.snapshot.acknowledgements", "1", ("turnout.kind",)),
    (WORKER, "rpc.server.call.duration", "s", RPC),
    (WORKER, "gen_ai.client.operation.duration", "s", CHAT),
    (WORKER, "gen_ai.client.operation.time_to_first_chunk", "s", CHAT),
    (WORKER, "gen_ai.client.token.usage", "{token}", (*CHAT, "gen_ai.token.type")),
    (WORKER, "turnout.cost", "nanousd", CHAT),
    (WORKER, "turnout.runs", "1", ("turnout.result",)),
]


@pytest.mark.parametrize(("service", "name", "unit", "keys"), METRICS)
async def test_metrics_have_the_names_and_attributes_that_dashboards_ask_for(
    watched: Watched, service: str, name: str, unit: str, keys: tuple[str, ...]
) -> None:
    collector = watched.watch.collector
    await collector.counted(service, name)
    assert collector.named[service][name].unit == unit
    points = collector.points(service, name)
    assert points
    assert all(set(keys) <= set(attributes) for attributes, _ in points)
    assert all(set(attributes) - set(keys) <= {"error.type"} for attributes, _ in points)


async def test_failed_calls_are_counted_by_what_went_wrong(watched: Watched) -> None:
    collector = watched.watch.collector

    def wrong(_: object) -> bool:
        with suppress(KeyError):
            points = collector.points(WORKER, "gen_ai.client.operation.duration")
            return any(attributes.get("error.type") == "overloaded" for attributes, _ in points)
        return False

    await collector.received(wrong)


async def test_neither_prompt_nor_answer_is_exported_or_logged(watched: Watched) -> None:
    await everything_came(watched)
    quiet = [watched.runs[name].trace_id for name in ("whole", "streamed", "fell back", "failed")]
    spoken = [raw for raw in watched.watch.collector.raw if ASKED.encode() in raw or ANSWERED.encode() in raw]
    for trace_id in quiet:
        assert not [raw for raw in spoken if bytes.fromhex(trace_id) in raw]
    assert all(b"outspoken" in raw for raw in spoken)
    for log in (watched.stack.state / "logs").iterdir():
        text = log.read_text(encoding="utf-8")
        assert ASKED not in text
        assert ANSWERED not in text


@pytest.mark.parametrize(("kind", "method"), [("outspoken", "/Generate"), ("outspoken stream", "/StreamGenerate")])
async def test_both_are_on_the_span_of_the_run_where_the_operator_wants_them(
    watched: Watched, kind: str, method: str
) -> None:
    ran = by_name(await watched.spans(kind, 5), method)
    asked = json.loads(str(ran.attributes["gen_ai.input.messages"]))
    said = json.loads(str(ran.attributes["gen_ai.output.messages"]))
    assert asked == [{"role": "user", "parts": [{"type": "text", "content": PROMPT}]}]
    text = {"type": "text", "content": f"{ANSWERED} it is."}
    assert said == [{"role": "assistant", "parts": [text], "finish_reason": "stop"}]


async def everything_came(watched: Watched) -> None:
    """All spans and metrics of all requests are here."""
    for name, run in watched.runs.items():
        await watched.watch.all_of(run.trace_id, 6 if name in ("fell back", "failed") else 5)
    await asyncio.gather(*(watched.watch.collector.counted(service, name) for service, name, *_ in METRICS))
