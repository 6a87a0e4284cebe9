"""The HTTP API's tables, and what it does when there is too much to do or too little time."""

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from google.protobuf.message import Message
from starlette.applications import Starlette

from controlplane.http.api import api
from controlplane.http.chat import with_payload
from controlplane.http.endpoint import Around
from controlplane.http.failures import STATUS, refusal, status_of
from controlplane.http.gate import Gate
from controlplane.http.reading import from_json, from_query
from controlplane.http.ready import Readiness
from controlplane.http.routes import ROUTES, Route
from controlplane.http.telling import to_json
from controlplane.http.watching import HttpTelemetry
from controlplane.journal.journal import JournalState
from controlplane.rpc.access import ACCESS
from turnout.budget.v1 import budget_pb2
from turnout.inference.v1 import chat_pb2
from turnout.insight.v1 import insight_pb2
from turnout.outcome.v1 import outcome_pb2
from turnout_wire.failure import CODES, Code, Failure
from turnout_wire.layers import Access, Rule, Validation
from turnout_wire.server import Call, Principal, Service
from turnout_wire.telemetry import Telemetry

BUDGET = budget_pb2.DESCRIPTOR.services_by_name["BudgetService"]
VALIDATION = Validation()
LIST = Route(verb="GET", path="/v1/budget", method="turnout.budget.v1.BudgetService/ListBudgets", does="List budgets.")


def test_every_code_and_every_reason_has_a_status_of_an_error() -> None:
    assert set(STATUS) == set(Code)
    assert all(400 <= status_of(Failure(reason, "no")) < 600 for reason in CODES)


def test_every_route_is_a_method_with_a_rule_and_a_role() -> None:
    assert [route.method for route in ROUTES if not ACCESS[route.method].roles] == []
    assert len({(route.verb, route.path) for route in ROUTES}) == len(ROUTES)


def test_a_refusal_tells_the_field_and_when_to_come_back() -> None:
    told = refusal(Failure("BUDGET_IN_FLIGHT", "held", field="x", retry_after=timedelta(seconds=1.5)))
    assert told.status_code == 429
    assert told.headers["retry-after"] == "2"
    error = {"reason": "BUDGET_IN_FLIGHT", "message": "held", "field": "x", "retry_after": 1.5}
    assert json.loads(bytes(told.body)) == {"error": error}
    short = refusal(Failure("INTERNAL", "broken"))
    assert json.loads(bytes(short.body)) == {"error": {"reason": "INTERNAL", "message": "broken"}}
    assert "retry-after" not in short.headers


def test_parameters_reach_fields_of_every_kind() -> None:
    given = [
        ("group_by", "workload"), ("group_by", "DIMENSION_MODEL"), ("workloads", "a"), ("filter.workloads", "b"),
        ("since", "2026-11-21T00:00:00Z"), ("bucket", "3600s"), ("page_size", "7"), ("task_types", "code"),
    ]  # fmt: skip
    message = from_query(insight_pb2.GetReportRequest, given)
    assert isinstance(message, insight_pb2.GetReportRequest)
    assert list(message.group_by) == [insight_pb2.DIMENSION_WORKLOAD, insight_pb2.DIMENSION_MODEL]
    assert list(message.filter.workloads) == ["a", "b"]
    assert (message.since.seconds, message.bucket.seconds, message.page_size) == (1_795_219_200, 3_600, 7)
    assert len(message.filter.task_types) == 1


@pytest.mark.parametrize("name", ["filter", "filter.", "filter.none", "since.seconds", "", ".", "group_by.x"])
def test_a_parameter_that_leads_nowhere_is_refused(name: str) -> None:
    with pytest.raises(Failure, match="INVALID_FIELD") as refused:
        from_query(insight_pb2.GetReportRequest, [(name, "1")])
    assert "there are " in refused.value.message


def test_a_flag_is_true_or_false_and_nothing_else() -> None:
    assert from_query(outcome_pb2.SubmitFeedbackRequest, [("success", "false")]).HasField("success")
    with pytest.raises(Failure, match="INVALID_FIELD: success"):
        from_query(outcome_pb2.SubmitFeedbackRequest, [("success", "yes")])


def test_a_field_that_is_unknown_is_named_with_its_way() -> None:
    body = json.dumps({"filter": {"workloads": ["a"], "colour": "red"}}).encode()
    with pytest.raises(Failure) as refused:
        from_json(insight_pb2.GetReportRequest, body)
    assert refused.value.field == "filter.colour"


def test_words_are_written_out_however_deep_they_are() -> None:
    body = json.dumps({"filter": {"task_types": ["code", "TASK_TYPE_QA"]}, "group_by": ["time"]}).encode()
    message = from_json(insight_pb2.GetReportRequest, body)
    wanted = to_json(message)["filter"]
    assert isinstance(wanted, dict)
    assert wanted["task_types"] == ["TASK_TYPE_CODE", "TASK_TYPE_QA"]
    assert wanted["workloads"] == []


class Servicer:
    """A BudgetService whose ListBudgets does what a test wants."""

    def __init__(self, act: Callable[[], Awaitable[None]]) -> None:
        self._act = act

    async def ListBudgets(self, request: Message, call: Call) -> budget_pb2.ListBudgetsResponse:  # noqa: N802, ARG002 - as the contract
        """See BudgetService."""
        await self._act()
        return budget_pb2.ListBudgetsResponse()


def application(act: Callable[[], Awaitable[None]], *, limit: int = 10, seconds: float = 20.0) -> Starlette:
    """The API with one route."""
    known = Principal(name="app", tenant="acme", roles=frozenset({"caller"}))
    around = Around(
        access=Access({LIST.method: Rule(roles=frozenset({"caller"}))}, lambda token: known if token == "t" else None),
        validation=VALIDATION,
        telemetry=HttpTelemetry(Telemetry()),
        gate=Gate(limit),
        seconds=seconds,
    )

    async def ready() -> dict[str, str]:
        return {}

    return api([Service(descriptor=BUDGET, servicer=Servicer(act))], around, ready, lambda *_: b"", [LIST])


async def asked(application: Starlette) -> tuple[int, Any]:
    """Status and body of one request, without a socket."""
    sent: list[Any] = []
    headers = [(b"authorization", b"Bearer t")]
    scope = {"type": "http", "method": "GET", "path": "/v1/budget", "query_string": b"", "headers": headers}

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await application(scope, receive, send)
    return sent[0]["status"], json.loads(b"".join(message.get("body", b"") for message in sent[1:]))


async def test_more_requests_than_allowed_are_refused_and_the_others_answered() -> None:
    go_on, inside = asyncio.Event(), asyncio.Semaphore(0)

    async def wait() -> None:
        inside.release()
        await go_on.wait()

    api_of_two = application(wait, limit=2)
    running = [asyncio.create_task(asked(api_of_two)) for _ in range(2)]
    for _ in running:
        await inside.acquire()
    status, body = await asked(api_of_two)
    assert (status, body["error"]["reason"]) == (429, "OVERLOADED")
    go_on.set()
    assert [status for status, _ in await asyncio.gather(*running)] == [200, 200]
    assert (await asked(api_of_two))[0] == 200


async def test_a_request_that_takes_too_long_is_given_up() -> None:
    async def for_ever() -> None:
        await asyncio.Event().wait()

    status, body = await asked(application(for_ever, seconds=0.0))
    assert (status, body["error"]["reason"]) == (504, "DEADLINE_EXCEEDED")


async def test_a_time_out_of_something_else_is_a_fault_of_ours() -> None:
    async def late() -> None:
        raise TimeoutError

    assert (await asked(application(late)))[0] == 500


def test_a_route_without_a_service_or_a_rule_cannot_be_served() -> None:
    async def nothing() -> None: ...

    with pytest.raises(KeyError):
        api([], application_around(nothing), nothing, [LIST])  # type: ignore[arg-type]
    with pytest.raises(KeyError):
        api([Service(descriptor=BUDGET, servicer=Servicer(nothing))], application_around(nothing), nothing, [LIST])  # type: ignore[arg-type]


def application_around(_: object) -> Around:
    """Surroundings whose table of access is empty."""
    return Around(
        access=Access({}, lambda _: None),
        validation=VALIDATION,
        telemetry=HttpTelemetry(Telemetry()),
        gate=Gate(1),
    )


class Silent:
    """A database that never answers."""

    async def fetch(self, sql: str, *values: object) -> list[Any]:
        """See Database."""
        del sql, values
        await asyncio.Event().wait()
        return []

    async def write(self, statements: object) -> None:
        """See Database."""


async def test_a_store_that_never_answers_and_a_journal_that_fails_are_what_is_wrong() -> None:
    tried = []

    async def probe() -> None:
        tried.append(1)

    def no_snapshot() -> Any:
        raise RuntimeError

    failing = JournalState(waiting=0, groups=0, written=0, failures=1, dropped=0, failing=True)
    ready = Readiness(
        snapshot=no_snapshot,
        database=Silent(),
        journal=lambda: failing,
        probe=probe,
        draining=lambda: True,
        seconds=0.0,
    )
    assert set(await ready()) == {"process", "snapshot", "store"}
    assert tried == [1]


def test_the_payload_of_a_prompt_is_one_message_of_a_user() -> None:
    made = with_payload({"prompt": "hi", "system": "Be kind.", "policy": "p"})
    chat = chat_pb2.ChatRequest.FromString(base64.b64decode(made["payload"]["body"]))
    assert [part.text for message in chat.messages for part in message.parts] == ["Be kind.", "hi"]
    assert (made["policy"], "prompt" in made) == ("p", False)
