"""The HTTP API over a real socket: the same answers, rules and refusals as over gRPC."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from prometheus_client.parser import text_string_to_metric_families

from controlplane.store.protocols import StoreUnavailable
from tests.support.backbone import Control, Json, asked, document, replaced, start_control
from turnout.budget.v1 import budget_pb2
from turnout.routing.v1 import decision_pb2

pytestmark = pytest.mark.asyncio(loop_scope="module")

REQUEST_ID = "x-turnout-request-id"
UNKNOWN = "00000000-0000-7000-8000-000000000000"
BUDGETS: list[Json] = [
    {"name": "all", "limit_usd": 1, "window": "day"},
    {"name": "others", "limit_usd": 5, "window": "month", "tenants": ["globex"]},
    {"name": "runs", "limit_requests": 100, "window": "total"},
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """One answer."""

    status: int
    body: Any
    headers: Mapping[str, str]

    @property
    def error(self) -> Any:
        """What a refused caller is told."""
        assert set(self.body) == {"error"}
        return self.body["error"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Web:
    """A control plane and a session to its HTTP API."""

    control: Control
    session: aiohttp.ClientSession

    async def __call__(self, verb: str, path: str, caller: str = "local", **more: Any) -> Answered:
        """Ask as a caller; as nobody if that is empty."""
        headers = {"authorization": f"Bearer {self.control.token(caller)}"} if caller else {}
        headers |= more.pop("headers", {})
        async with self.session.request(verb, path, headers=headers, **more) as response:
            assert response.content_type == "application/json"
            return Answered(status=response.status, body=json.loads(await response.read()), headers=response.headers)

    async def decided(self) -> str:
        """The id of a decision."""
        response = await self.control.line()(asked())
        return decision_pb2.RouteDecision.FromString(response.decision.payload).decision_id


@asynccontextmanager
async def serving(folder: Any, drain: float = 0) -> AsyncIterator[Web]:
    catalog = replaced(folder / "turnout.yaml", document("http://127.0.0.1:9", budgets=BUDGETS))
    control = await start_control(folder / "state", catalog, http="127.0.0.1:0", drain=drain)
    async with aiohttp.ClientSession(f"http://{control.plane.http_address}") as session:
        try:
            yield Web(control=control, session=session)
        finally:
            await control.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def web(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Web]:
    async with serving(tmp_path_factory.mktemp("web")) as running:
        yield running


async def test_budgets_are_those_of_the_rpc(web: Web) -> None:
    told = await web("GET", "/v1/budget", params={"page_size": "1"})
    assert told.status == 200
    (status,) = told.body["statuses"]
    response = await web.control.line()(budget_pb2.ListBudgetsRequest(page_size=1))
    assert (status["account"], status["limit"]) == (response.statuses[0].account, str(response.statuses[0].limit))
    assert (status["measure"], status["window"], status["utilisation_ppm"]) == ("MEASURE_COST", "WINDOW_DAY", "0")
    rest = await web("GET", "/v1/budget", params={"page_token": told.body["next_page_token"]})
    assert [one["budget"] for one in rest.body["statuses"]] == ["runs"]
    assert "forecast" not in rest.body["statuses"][0]
    assert rest.body["next_page_token"] == ""


async def test_one_budget_is_found_by_its_name_and_others_are_not(web: Web) -> None:
    found = await web("GET", "/v1/budget/runs")
    assert (found.status, found.body["budget"]["alerts_ppm"]) == (200, [500_000, 800_000, 1_000_000])
    hidden = await web("GET", "/v1/budget/others")
    assert (hidden.status, hidden.error["reason"], hidden.error["field"]) == (404, "NOT_FOUND", "name")
    assert (await web("GET", "/v1/budget/others", "operator")).status == 200


@pytest.mark.parametrize(
    ("query", "names"), [("name_prefix=r", ["runs"]), ("filter.tenant=globex", ["all", "others", "runs"])]
)
async def test_filters_can_be_given_with_and_without_their_prefix(web: Web, query: str, names: list[str]) -> None:
    told = await web("GET", f"/v1/budget?{query}", "operator")
    assert [one["budget"] for one in told.body["statuses"]] == names


async def test_feedback_is_taken_once_and_words_may_be_short(web: Web) -> None:
    said = {"decision_id": await web.decided(), "quality": 0.9, "label": "accepted", "request_id": "first"}
    assert (await web("POST", "/v1/feedback", json=said)).body == {"fresh": True}
    assert (await web("POST", "/v1/feedback", json=said)).body == {"fresh": False}
    long = {**said, "label": "FEEDBACK_LABEL_CORRECTED", "request_id": "second"}
    assert (await web("POST", "/v1/feedback", json=long)).body == {"fresh": True}
    unknown = await web("POST", "/v1/feedback", json={"decision_id": UNKNOWN, "success": True})
    assert (unknown.status, unknown.error["reason"]) == (404, "NOT_FOUND")


async def test_metrics_are_those_of_the_report_over_the_window_that_is_asked_for(web: Web) -> None:
    await web.decided()
    window = {"since": "2026-11-01T00:00:00Z", "until": "2026-11-02T00:00:00Z"}
    told = await web("GET", "/v1/metrics", params=[*window.items(), ("group_by", "model"), ("group_by", "workload")])
    assert (told.status, told.body["rows"], told.body["totals"]["requests"]) == (200, [], "0")
    assert (told.body["since"], told.body["until"]) == tuple(window.values())
    wrong = await web("GET", "/v1/metrics", params={"group_by": "colour"})
    assert (wrong.status, wrong.error["field"]) == (400, "group_by")


@pytest.mark.parametrize(
    ("body", "reason", "word"),
    [
        (b"", "PAYLOAD_EMPTY", "empty"),
        (b"{", "PAYLOAD_MALFORMED", "no JSON"),
        (b"[" * 50_000, "PAYLOAD_MALFORMED", "no JSON"),
        (b"[]", "PAYLOAD_MALFORMED", "no object"),
        (b'{"quality": NaN}', "PAYLOAD_MALFORMED", "NaN"),
        (b'{"quality": 1, "quality": 0}', "PAYLOAD_MALFORMED", "`quality` comes twice"),
        (b'{"qualty": 1}', "INVALID_FIELD", "qualty: there is no such field"),
        (b'{"decisionId": "x"}', "INVALID_FIELD", "decisionId"),
        (b'{"quality": "much"}', "INVALID_FIELD", "quality: "),
        (b'{"label": "lovely"}', "INVALID_FIELD", "label: "),
        (b'{"label": ["accepted"]}', "INVALID_FIELD", "label: "),
        (b'{"quality": 2, "decision_id": "00000000-0000-7000-8000-000000000000"}', "INVALID_FIELD", "quality: "),
        (b'{"decision_id": "00000000-0000-7000-8000-000000000000"}', "INVALID_FIELD", "say at least one"),
    ],
    ids=lambda value: value[:30].decode() if isinstance(value, bytes) else None,
)
async def test_a_bad_body_is_refused_with_what_is_wrong_in_it(web: Web, body: bytes, reason: str, word: str) -> None:
    told = await web("POST", "/v1/feedback", data=body, headers={"content-type": "application/json"})
    assert (told.status, told.error["reason"]) == (400, reason)
    assert word in told.error["message"]


async def test_a_body_that_is_no_json_by_its_type_or_too_large_has_a_status_of_its_own(web: Web) -> None:
    form = await web("POST", "/v1/feedback", data={"quality": "1"})
    assert (form.status, form.error["reason"]) == (415, "CONTENT_TYPE_UNKNOWN")
    large = await web("POST", "/v1/feedback", json={"comment": "x" * 70_000})
    assert (large.status, large.error["reason"]) == (413, "PAYLOAD_TOO_LARGE")


@pytest.mark.parametrize(
    ("query", "field"),
    [("colour=red", "colour"), ("page_size=many", "page_size"), ("page_size=1&page_size=2", "page_size"),
     ("page_size=5000", "page_size"), ("page_token=x", "page_token"), ("filter=x", "filter"), ("filter.x=1", "x")],
)  # fmt: skip
async def test_a_bad_parameter_is_named(web: Web, query: str, field: str) -> None:
    told = await web("GET", f"/v1/budget?{query}")
    assert (told.status, told.error["field"]) == (400, field)


@pytest.mark.parametrize(
    ("verb", "path"),
    [("GET", "/v1/budget"), ("GET", "/v1/budget/all"), ("GET", "/v1/metrics"), ("POST", "/v1/feedback")],
)
async def test_nobody_is_let_in_without_a_token_or_the_role(web: Web, verb: str, path: str) -> None:
    stranger = await web(verb, path, "", data=b"{", headers={"content-type": "text/plain"})
    assert (stranger.status, stranger.error["reason"]) == (401, "UNAUTHENTICATED")
    assert stranger.headers["www-authenticate"] == "Bearer"
    forged = await web(verb, path, "", headers={"authorization": "Bearer made-up"})
    assert forged.status == 401
    worker = await web(verb, path, "worker")
    assert (worker.status, worker.error["reason"]) == (403, "ACCESS_DENIED")


async def test_what_is_not_served_says_what_is(web: Web) -> None:
    for path in ("/", "/v1/budget/", "/v1/budget/all/more", "/v1/model"):
        told = await web("GET", path)
        assert (told.status, told.error["reason"]) == (404, "NOT_FOUND")
        assert "/v1/feedback" in told.error["message"]
    wrong = await web("DELETE", "/v1/budget/all")
    assert (wrong.status, wrong.error["reason"]) == (405, "UNIMPLEMENTED")
    assert "GET" in wrong.headers["allow"]


async def test_a_request_keeps_its_id_and_gets_one_if_it_has_none(web: Web) -> None:
    told = await web("GET", "/v1/budget/none", headers={REQUEST_ID: "mine-7"})
    assert told.headers[REQUEST_ID] == "mine-7"
    assert len((await web("GET", "/v1/budget")).headers[REQUEST_ID]) == 16


async def test_pages_of_other_origins_get_no_leave(web: Web) -> None:
    asking = {"origin": "https://elsewhere.example", "access-control-request-method": "GET"}
    told = await web("OPTIONS", "/v1/budget", headers=asking)
    assert told.status == 405
    for answered in (told, await web("GET", "/v1/budget", headers=asking)):
        assert not [name for name in answered.headers if name.lower().startswith("access-control")]
        assert answered.headers["cache-control"] == "no-store"


async def test_a_fault_of_ours_tells_no_secret_and_names_the_request(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr(type(web.control.store.ledger), "windows", broken)
    told = await web("GET", "/v1/budget", headers={REQUEST_ID: "mine-8"})
    assert (told.status, told.error["reason"]) == (500, "INTERNAL")
    assert "secret" not in str(told.body)
    assert "mine-8" in told.error["message"]


async def test_a_store_that_is_away_is_told_as_unavailable(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_: object) -> None:
        raise StoreUnavailable("away")

    monkeypatch.setattr(type(web.control.store.ledger), "windows", away)
    told = await web("GET", "/v1/budget")
    assert (told.status, told.error["reason"]) == (503, "STORE_UNAVAILABLE")


async def test_it_is_up_and_ready_and_says_so_to_everybody(web: Web) -> None:
    assert (await web("GET", "/health", "")).body == {"up": True}
    assert (await web("GET", "/ready", "")).body == {"ready": True, "wrong": {}}


async def test_it_is_not_ready_while_the_store_is_away_and_says_what_is_wrong(
    web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise StoreUnavailable("postgresql://user:secret@host")

    with monkeypatch.context() as patched:
        patched.setattr(type(web.control.store.database), "fetch", away)
        patched.setattr(type(web.control.store.writer), "run", away)
        assert (await web("POST", "/v1/feedback", json={"decision_id": UNKNOWN, "success": True})).status == 503
        told = await web("GET", "/ready", "")
        assert (told.status, told.body["ready"]) == (503, False)
        assert "store" in told.body["wrong"]
        assert "secret" not in str(told.body)
        assert (await web("GET", "/health", "")).status == 200
    assert (await web("GET", "/ready", "")).status == 200


async def test_what_took_how_long_is_measured_by_route_and_not_by_path(web: Web) -> None:
    await web("GET", "/v1/budget/none-such")
    seen = [has for name, has, _ in web.control.meter.counted if name == "http.server.request.duration"]
    route = {"http.request.method": "GET", "http.route": "/v1/budget/{name}", "http.response.status_code": 404}
    assert route in seen
    assert "none-such" not in str(seen)


async def test_prometheus_reads_what_was_decided_and_answered(web: Web) -> None:
    await web.decided()
    await web("GET", "/v1/budget")
    async with web.session.get("/metrics") as response:
        assert (response.status, response.content_type) == (200, "text/plain")
        families = {family.name: family for family in text_string_to_metric_families(await response.text())}
    (decided,) = [one for one in families["turnout_decisions"].samples if one.labels["turnout_workload"] == "default"]
    assert (decided.name, decided.value >= 1) == ("turnout_decisions_total", True)
    counts = [one for one in families["http_server_request_duration_seconds"].samples if one.name.endswith("_count")]
    assert {"GET", "/v1/budget"} <= {value for one in counts for value in one.labels.values()}
    assert "turnout_journal_waiting" in families
    caches = {one.labels["turnout_cache"] for one in families["turnout_cache_entries"].samples}
    assert caches == {"reading", "further", "decision", "vector", "word"}
    lookups = families["turnout_cache_lookups"].samples
    assert sum(one.value for one in lookups if one.labels["turnout_cache"] == "word") > 0


async def test_metrics_that_are_asked_for_by_another_name_take_a_token(web: Web) -> None:
    other = {"host": "evil.example"}
    assert (await web("GET", "/metrics", "", headers=other)).error["reason"] == "UNAUTHENTICATED"
    token = {"authorization": f"Bearer {web.control.token('worker')}"}
    async with web.session.get("/metrics", headers={**other, **token}) as response:
        assert response.status == 200


async def test_a_request_that_runs_is_finished_when_the_control_plane_stops(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(tmp_path, drain=20) as web:
        begun, go_on = asyncio.Event(), asyncio.Event()
        windows = type(web.control.store.ledger).windows

        async def slow(*arguments: Any) -> Any:
            begun.set()
            await go_on.wait()
            return await windows(*arguments)

        monkeypatch.setattr(type(web.control.store.ledger), "windows", slow)
        running = asyncio.create_task(web("GET", "/v1/budget"))
        await begun.wait()
        stopping = asyncio.create_task(web.control.stop())
        await until_refused(web.control.plane.http_address)
        go_on.set()
        assert (await running).status == 200
        await stopping


async def until_refused(address: str) -> None:
    """Connect, once at a time, until nobody listens there any more. Raises TimeoutError."""
    host, _, port = address.rpartition(":")
    async with asyncio.timeout(60):
        with suppress(ConnectionRefusedError, ConnectionResetError):
            while True:
                _, writer = await asyncio.open_connection(host, int(port))
                writer.close()
                await writer.wait_closed()


async def test_an_address_that_is_taken_or_none_is_refused_with_the_way_out(web: Web, tmp_path: Any) -> None:
    from turnout_wire.http_server import HttpServer

    for address in (web.control.plane.http_address, "nowhere"):
        with pytest.raises(OSError, match="cannot listen"):
            await HttpServer(lambda *_: None, drain=0).start(address)  # type: ignore[arg-type]


async def test_who_does_not_serve_http_does_not_import_what_it_takes() -> None:
    looks = "import sys, controlplane.wiring; print([name for name in ('starlette', 'uvicorn') if name in sys.modules])"
    done = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", looks], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
