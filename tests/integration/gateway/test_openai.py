"""An application on OpenAI's SDK that only changed its base_url."""

import json

import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam

from tests.support.backbone import PROMPT
from tests.support.gateway import Desk

ASKED: list[ChatCompletionMessageParam] = [{"role": "user", "content": PROMPT}]


async def test_a_question_is_decided_and_answered(gateway: Desk) -> None:
    raw = await gateway.openai.chat.completions.with_raw_response.create(model="auto", messages=ASKED)
    answer = raw.parse()
    assert answer.choices[0].message.content == "Blue."
    told = {name: value for name, value in raw.headers.items() if name.startswith("x-turnout-")}
    assert told["x-turnout-model"] == "small"
    assert told["x-turnout-attempts"] == "1"
    assert len(told["x-turnout-decision-id"]) == 36
    assert float(told["x-turnout-cost-usd"]) > 0
    assert 0 < float(told["x-turnout-quality-estimate"]) <= 1
    assert float(told["x-turnout-overhead-ms"]) >= 0
    assert told["x-turnout-reason"]


async def test_a_stream_comes_with_its_account_before_the_end(gateway: Desk) -> None:
    asked = {"model": "auto", "messages": ASKED, "stream": True}
    async with gateway.http.stream("POST", "/v1/chat/completions", json=asked) as reply:
        assert reply.status_code == 200
        lines = [line async for line in reply.aiter_lines() if line]
    assert lines[-1] == "data: [DONE]"
    assert lines[-2].startswith(": turnout ")
    account = json.loads(lines[-2].removeprefix(": turnout "))
    assert (account["result"], account["model"], account["attempts"]) == ("succeeded", "small", 1)
    assert account["cost_usd"] > 0


async def test_the_sdk_streams(gateway: Desk) -> None:
    stream = await gateway.openai.chat.completions.create(model="auto", messages=ASKED, stream=True)
    texts = [chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices]
    assert "".join(texts) == "Blue."


async def test_who_has_no_key_is_told_so_in_the_sdks_own_class(gateway: Desk) -> None:
    with pytest.raises(openai.AuthenticationError):
        await gateway.openai.with_options(api_key="sk-strange").chat.completions.create(model="auto", messages=ASKED)


@pytest.mark.parametrize(
    "header", [("x-turnout-timeout-ms", "soon"), ("x-turnout-cache", "maybe"), ("x-turnout-min-quality", "9")]
)
async def test_what_a_caller_says_wrongly_is_found_before_anything_is_decided(
    gateway: Desk, header: tuple[str, str]
) -> None:
    asked = {"model": "auto", "messages": ASKED}
    reply = await gateway.http.post("/v1/chat/completions", json=asked, headers=dict([header]))
    assert reply.status_code == 400
    assert reply.json()["error"]["param"] == header[0]
    assert gateway.planes.control.meter.total("turnout.decisions") == 0


async def test_a_conversation_that_fits_into_no_window_is_too_long_in_the_sdks_own_words(gateway: Desk) -> None:
    long: list[ChatCompletionMessageParam] = [{"role": "user", "content": "word " * 120_000}]
    with pytest.raises(openai.BadRequestError) as refused:
        await gateway.openai.chat.completions.create(model="auto", messages=long)
    assert refused.value.code == "context_length_exceeded"
    assert gateway.planes.providers.called() == []


async def test_constraints_that_nothing_meets_are_a_bad_request(gateway: Desk) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        await gateway.openai.chat.completions.create(
            model="auto", messages=ASKED, extra_headers={"x-turnout-max-cost-usd": "0.000000001"}
        )
    assert refused.value.code == "no_eligible_target"
