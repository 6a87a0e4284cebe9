"""Applications on the SDKs of Anthropic and Google that only changed their base_url."""

from collections.abc import AsyncIterator
from typing import Any

import anthropic
import httpx
import pytest
import pytest_asyncio
from google import genai
from google.genai import errors, types

from tests.support.backbone import PROMPT
from tests.support.gateway import Desk

ASKED: list[anthropic.types.MessageParam] = [{"role": "user", "content": PROMPT}]


@pytest_asyncio.fixture
async def claude(gateway: Desk) -> AsyncIterator[anthropic.AsyncAnthropic]:
    async with anthropic.AsyncAnthropic(base_url=gateway.url, api_key=gateway.key, max_retries=0) as client:
        yield client


@pytest_asyncio.fixture
async def google(gateway: Desk) -> AsyncIterator[genai.Client]:
    """Over httpx: over aiohttp, which is installed here for something else, the SDK warns of itself."""
    async with httpx.AsyncClient() as http:
        options = types.HttpOptions(base_url=gateway.url, httpx_async_client=http)
        yield genai.Client(api_key=gateway.key, vertexai=False, http_options=options)


async def test_a_message_is_decided_and_answered(claude: anthropic.AsyncAnthropic) -> None:
    raw = await claude.messages.with_raw_response.create(model="auto", max_tokens=64, messages=ASKED)
    message = await raw.parse()
    assert [block.text for block in message.content if block.type == "text"] == ["Blue."]
    assert message.usage.input_tokens > 0
    assert raw.headers["x-turnout-model"] == "small"


async def test_a_message_comes_as_a_stream(claude: anthropic.AsyncAnthropic) -> None:
    async with claude.messages.stream(model="auto", max_tokens=64, messages=ASKED) as stream:
        assert "".join([text async for text in stream.text_stream]) == "Blue."
        message = await stream.get_final_message()
    assert (message.stop_reason, message.usage.output_tokens > 0) == ("end_turn", True)


async def test_tokens_and_models_are_told_to_anthropics_sdk(claude: anthropic.AsyncAnthropic) -> None:
    assert (await claude.messages.count_tokens(model="auto", messages=ASKED)).input_tokens > 3
    assert "auto" in [model.id async for model in claude.models.list()]


async def test_anthropics_sdk_raises_its_own_classes(claude: anthropic.AsyncAnthropic) -> None:
    with pytest.raises(anthropic.NotFoundError):
        await claude.messages.create(model="nobody-has-it", max_tokens=64, messages=ASKED)
    with pytest.raises(anthropic.AuthenticationError):
        await claude.with_options(api_key="strange").messages.create(model="auto", max_tokens=64, messages=ASKED)
    wrong: Any = [{"role": "user", "content": 7}]
    with pytest.raises(anthropic.BadRequestError, match=r"messages\.0\.content"):
        await claude.messages.create(model="auto", max_tokens=64, messages=wrong)


async def test_content_is_decided_and_answered(google: genai.Client) -> None:
    response = await google.aio.models.generate_content(model="auto", contents=PROMPT)
    assert response.text == "Blue."
    assert response.usage_metadata is not None
    assert (response.usage_metadata.prompt_token_count or 0) > 0


async def test_content_comes_as_a_stream(google: genai.Client) -> None:
    chunks = [chunk async for chunk in await google.aio.models.generate_content_stream(model="auto", contents=PROMPT)]
    assert "".join(chunk.text or "" for chunk in chunks) == "Blue."
    assert chunks[-1].candidates is not None
    assert chunks[-1].candidates[0].finish_reason is types.FinishReason.STOP


async def test_tokens_and_models_are_told_to_googles_sdk(google: genai.Client) -> None:
    assert ((await google.aio.models.count_tokens(model="auto", contents=PROMPT)).total_tokens or 0) > 3
    assert "models/auto" in [model.name async for model in await google.aio.models.list()]


async def test_googles_sdk_raises_its_own_classes(google: genai.Client) -> None:
    with pytest.raises(errors.ClientError) as raised:
        await google.aio.models.generate_content(model="nobody-has-it", contents=PROMPT)
    assert (raised.value.code, raised.value.status) == (404, "NOT_FOUND")
