"""Deciding, explaining, classifying and the catalog over HTTP: the same as over gRPC, also as people write it."""

import base64
import io
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from jsonschema import Draft202012Validator

from tests.support.api_keys import created
from tests.support.backbone import Backbone, backbone, payload
from tools.openapi import OUT
from turnout.inference.v1 import inference_pb2, payload_pb2
from turnout.trust.v1 import envelope_pb2
from turnout_wire.chat_payload import CHAT_REQUEST

pytestmark = pytest.mark.asyncio(loop_scope="module")
PROMPT = "Translate into French: good morning"
CANARY = "zanzibarquokka"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rest:
    """Both planes, and a session to the control plane's HTTP API."""

    planes: Backbone
    session: aiohttp.ClientSession

    async def __call__(self, verb: str, path: str, body: Any = None, token: str | None = None) -> tuple[int, Any]:
        """Status and body, as the caller `local` unless a token is given."""
        bearer = token if token is not None else self.planes.control.token("local")
        headers = {"authorization": f"Bearer {bearer}"} if bearer else {}
        if body is not None:
            headers["content-type"] = "application/json"
        data = io.BytesIO(json.dumps(body).encode()) if body is not None else None
        async with self.session.request(verb, path, data=data, headers=headers) as response:
            told = await response.json()
            as_promised(verb, path, response.status, told)
            return response.status, told


def as_promised(verb: str, path: str, status: int, told: Any) -> None:
    """Every answer fits the schema that the OpenAPI document has for it."""
    plain, document = path.partition("?")[0], json.loads(OUT.read_text(encoding="utf-8"))
    known = plain if plain in document["paths"] else plain.rpartition("/")[0] + "/{name}"
    responses = document["paths"][known][verb.lower()]["responses"]
    schema = responses.get(str(status), responses["default"])["content"]["application/json"]["schema"]
    Draft202012Validator({**schema, "components": document["components"]}).validate(told)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rest(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Rest]:
    async with backbone(tmp_path_factory.mktemp("rest"), http="127.0.0.1:0") as planes:
        address = planes.control.plane.http_address
        async with aiohttp.ClientSession(f"http://{address}") as session:
            yield Rest(planes=planes, session=session)


def in_base64(chat: payload_pb2.Payload) -> Mapping[str, str]:
    return {"content_type": chat.content_type, "body": base64.b64encode(chat.body).decode()}


async def test_a_decision_that_came_over_http_is_run_like_any_other(rest: Rest) -> None:
    chat = payload(PROMPT)
    status, body = await rest("POST", "/v1/route", {"payload": in_base64(chat)})
    assert status == 200, body
    plan, envelope = body["plan"], body["decision"]
    assert (plan["targets"][0]["deployment"], plan["presenter"]) == ("first/small", "local")
    signed = envelope_pb2.Envelope(payload_type=envelope["payload_type"], payload=base64.b64decode(envelope["payload"]))
    for signature in envelope["signatures"]:
        signed.signatures.add(key_id=signature["key_id"], value=base64.b64decode(signature["value"]))
    answered = await rest.planes.runner(inference_pb2.GenerateRequest(decision=signed, payload=chat))
    assert answered.response.parts[0].text == "Blue."


@pytest.mark.parametrize(
    "given",
    [
        {"prompt": PROMPT},
        {"messages": [{"role": "user", "content": PROMPT}]},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": PROMPT}]}]},
    ],
)
async def test_a_prompt_or_messages_are_the_payload_that_they_would_be(rest: Rest, given: Any) -> None:
    status, body = await rest("POST", "/v1/route", {**given, "hints": {"feature": "cr"}})
    _, same = await rest("POST", "/v1/route", {"payload": in_base64(payload(PROMPT)), "hints": {"feature": "cr"}})
    assert (status, body["plan"]["workload"]) == (200, "code-review")
    assert body["plan"]["request_digest"] == same["plan"]["request_digest"]


async def test_settings_stand_beside_the_messages(rest: Rest) -> None:
    settings = {"max_output_tokens": 100, "response_format": "json", "tools": [{"name": "look", "parameters": {}}]}
    _, body = await rest("POST", "/v1/classify", {"messages": [{"role": "user", "content": PROMPT}], **settings})
    features = body["features"]
    assert (features["max_output_tokens"], features["tools"]) == (100, 1)
    assert body["classification"]["task_type"] == "TASK_TYPE_TRANSLATION"


async def test_a_request_is_explained_with_and_without_its_cover(rest: Rest) -> None:
    for asked in ({"prompt": PROMPT, "why_not": ["large"]}, {"request": {"prompt": PROMPT}, "why_not": ["large"]}):
        status, body = await rest("POST", "/v1/explain", asked)
        assert status == 200, body
        assert {one["deployment"] for one in body["candidates"]} == {"first/small", "second/large"}
        assert len(body["why_not"]) == 1
        assert sum(one["share"] for one in body["distribution"]) == pytest.approx(1.0)


async def test_models_are_listed_and_found(rest: Rest) -> None:
    status, body = await rest("GET", "/v1/models?page_size=1")
    assert (status, [one["name"] for one in body["models"]]) == (200, ["large"])
    _, more = await rest("GET", f"/v1/models?page_token={body['next_page_token']}")
    assert [one["name"] for one in more["models"]] == ["small"]
    assert (await rest("GET", "/v1/models/small"))[1]["model"]["name"] == "small"
    assert (await rest("GET", "/v1/models/none"))[0] == 404


async def test_a_summary_has_each_models_share_unless_it_is_grouped_otherwise(rest: Rest) -> None:
    status, body = await rest("GET", "/v1/metrics")
    totals = body["totals"]
    wanted = {"requests", "success_rate", "cost_nanousd", "latency", "savings_nanousd", "savings_rate"}
    assert (status, wanted - set(totals) - {"success_rate", "latency", "savings_rate"}) == (200, set())
    assert all(set(row["group"]) & {"model"} for row in body["rows"])
    assert (await rest("GET", "/v1/metrics?group_by=workload"))[0] == 200


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "content"),
        ({"prompt": 5}, "prompt"),
        ({"messages": CANARY}, "messages"),
        ({"messages": [{"role": CANARY[:4], "content": ""}]}, "messages[0].role"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"prompt": CANARY, "messages": []}, "messages"),
        ({"prompt": CANARY, "payload": {}}, "payload"),
        ({"temperature": 1}, "temperature"),
        ({"prompt": CANARY, "temperature": "hot"}, "temperature"),
        ({"prompt": CANARY, "colour": "red"}, "colour"),
        ({"payload": {"content_type": CHAT_REQUEST, "body": "?"}}, "payload"),
    ],
)
async def test_what_is_wrong_is_named_and_not_repeated(rest: Rest, body: Any, field: str) -> None:
    status, told = await rest("POST", "/v1/route", body)
    assert status == 400, told
    assert field in (told["error"].get("field", "") or "request")
    assert CANARY not in json.dumps(told)


async def test_nothing_eligible_tells_why_of_each(rest: Rest) -> None:
    status, told = await rest("POST", "/v1/route", {"prompt": PROMPT, "constraints": {"max_cost_nanousd": 1}})
    assert (status, told["error"]["reason"]) == (400, "NO_ELIGIBLE_TARGET")
    assert {one["deployment"] for one in told["error"]["details"][0]["candidates"]} == {"first/small", "second/large"}


async def test_a_payload_of_some_megabytes_is_taken_and_a_larger_one_is_not(rest: Rest) -> None:
    assert (await rest("POST", "/v1/classify", {"prompt": "word " * 1_000_000}))[0] == 200
    status, told = await rest("POST", "/v1/classify", {"prompt": "word " * 1_700_000})
    assert (status, told["error"]["reason"]) == (413, "PAYLOAD_TOO_LARGE")
    status, told = await rest("POST", "/v1/feedback", {"comment": "x" * 70_000})
    assert (status, told["error"]["reason"]) == (413, "PAYLOAD_TOO_LARGE")


async def test_an_api_key_opens_the_api_and_no_key_does_not(rest: Rest) -> None:
    made = await created(rest.planes.control.known_line("operator"), "script", tenant="acme")
    _, body = await rest("POST", "/v1/route", {"prompt": PROMPT}, made.secret)
    assert (body["plan"]["tenant"], body["plan"]["presenter"]) == ("acme", "script")
    for path in ("/v1/route", "/v1/explain", "/v1/classify"):
        assert (await rest("POST", path, {"prompt": PROMPT}, ""))[0] == 401
        assert (await rest("POST", path, {"prompt": PROMPT}, rest.planes.control.token("worker")))[0] in (400, 403)
    assert (await rest("GET", "/v1/models", token=""))[0] == 401


async def test_an_answer_names_its_decision(rest: Rest) -> None:
    headers = {"authorization": f"Bearer {rest.planes.control.token('local')}"}
    async with rest.session.post("/v1/route", json={"prompt": PROMPT}, headers=headers) as response:
        body = await response.json()
        assert response.headers["x-turnout-decision-id"] == body["plan"]["decision_id"]


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/docs", "text/html"),
        ("/docs/style.css", "text/css"),
        ("/docs/script.js", "text/javascript"),
        ("/openapi.json", "application/json"),
    ],
)
async def test_the_page_is_whole_by_itself_and_keeps_others_out(rest: Rest, path: str, kind: str) -> None:
    async with rest.session.get(path) as response:
        text = await response.text()
        assert (response.status, response.content_type) == (200, kind)
        assert "default-src 'none'" in response.headers["content-security-policy"]
    assert "://" not in text.replace("https://github.com", "") or kind == "application/json"
    assert "innerHTML" not in text
