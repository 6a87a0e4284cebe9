"""What goes wrong raises the SDKs' own exceptions, before an answer and in the middle of one."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import anthropic
import openai
import pytest
from google import genai
from google.genai import errors, types
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from tests.support.matrix_said import BRIEF, LONG
from tests.support.matrix_stage import Heard, Stage
from tools.compatibility_errors import CLIENTS, CUT, ERRORS, Wrong
from tools.compatibility_table import Client, Kind

pytestmark = pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning")
Asking = Callable[[str, str, str, Mapping[str, str], Any], Any]
"""Asks (gateway, key, model, headers, content)."""


def _chat(url: str, key: str, model: str, headers: Mapping[str, str], content: Any) -> Any:
    with openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0) as client:
        messages: Any = [{"role": "user", "content": content}]
        return client.chat.completions.create(model=model, messages=messages, extra_headers=headers)


def _responses(url: str, key: str, model: str, headers: Mapping[str, str], content: Any) -> Any:
    with openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0) as client:
        said: Any = [{"role": "user", "content": content}]
        return client.responses.create(model=model, input=said, extra_headers=headers)


def _messages(url: str, key: str, model: str, headers: Mapping[str, str], content: Any) -> Any:
    with anthropic.Anthropic(base_url=url, api_key=key, max_retries=0) as client:
        messages: Any = [{"role": "user", "content": content}]
        return client.messages.create(model=model, max_tokens=64, messages=messages, extra_headers=headers)


def _google(url: str, key: str) -> genai.Client:
    return genai.Client(api_key=key, vertexai=False, http_options=types.HttpOptions(base_url=url))


def _content(url: str, key: str, model: str, headers: Mapping[str, str], content: Any) -> Any:
    client = _google(url, key)
    options = types.HttpOptions(headers=dict(headers))
    # The SDK itself checks contents, so what is wrong is elsewhere.
    config = types.GenerateContentConfig(http_options=options, temperature=None if isinstance(content, str) else 9.0)
    try:
        return client.models.generate_content(
            model=model, contents=content if isinstance(content, str) else BRIEF, config=config
        )
    finally:
        client.close()


def _langchain(url: str, key: str, model: str, headers: Mapping[str, str], content: Any) -> Any:
    more: dict[str, Any] = {} if isinstance(content, str) else {"temperature": 9.0}
    chat = ChatOpenAI(
        model=model,
        base_url=f"{url}/v1",
        api_key=SecretStr(key),
        max_retries=0,
        default_headers=headers,
        **more,
    )
    return chat.invoke(content if isinstance(content, str) else BRIEF)


ASKING: Mapping[Client, Asking] = {
    Client.CHAT: _chat,
    Client.RESPONSES: _responses,
    Client.MESSAGES: _messages,
    Client.CONTENT: _content,
    Client.LANGCHAIN: _langchain,
}


def _is(error: BaseException, wanted: str) -> bool:
    """Whether it is of that class of an SDK, or of one derived from it; Google's have their status after the name."""
    name, _, code = wanted.partition(" ")
    named = any(one.__name__ == name for one in type(error).__mro__)
    return named and (not code or str(getattr(error, "code", "")) == code)


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("wrong", ERRORS, ids=[wrong.what for wrong in ERRORS])
def test_the_sdk_raises_its_own_class(shared_stage: Stage, wrong: Wrong, client: Client) -> None:
    heard = shared_stage.listen(client, Kind.OPENAI)
    key = "strange" if wrong.reason == "UNAUTHENTICATED" else heard.key
    content = [{"type": 7}] if wrong.reason == "INVALID_FIELD" else LONG
    with pytest.raises((openai.OpenAIError, anthropic.AnthropicError, errors.APIError)) as raised:
        ASKING[client](heard.url, key, wrong.model, wrong.headers, content)
    assert _is(raised.value, wrong.raised(client)), repr(raised.value)
    assert heard.header("x-turnout-error") == wrong.reason


@pytest.mark.parametrize("client", CLIENTS)
def test_a_rate_limit_tells_when_to_come_back(shared_stage: Stage, client: Client) -> None:
    heard = shared_stage.listen(client, Kind.OPENAI)
    with pytest.raises((openai.OpenAIError, anthropic.AnthropicError, errors.APIError)):
        ASKING[client](heard.url, heard.key, "throttled", {"x-turnout-timeout-ms": "2000"}, LONG)
    assert 1 <= int(heard.header("retry-after")) <= 30


@pytest.mark.parametrize("client", [Client.CHAT, Client.RESPONSES])
def test_a_wrong_field_is_named(shared_stage: Stage, client: Client) -> None:
    heard = shared_stage.listen(client, Kind.OPENAI)
    with pytest.raises(openai.BadRequestError) as raised:
        ASKING[client](heard.url, heard.key, "openai", {}, [{"type": 7}])
    assert raised.value.param in ("messages[0].content[0].type", "input[0].content[0].type")


def _cut(client: Client, heard: Heard) -> Iterator[Any]:
    """The SDK's own iterator over a stream that breaks off."""
    asked: Any = [{"role": "user", "content": LONG}]
    model = f"{heard.kind}-cut"
    match client:
        case Client.CHAT:
            with openai.OpenAI(base_url=f"{heard.url}/v1", api_key=heard.key, max_retries=0) as one:
                yield from one.chat.completions.create(model=model, messages=asked, stream=True)
        case Client.RESPONSES:
            with openai.OpenAI(base_url=f"{heard.url}/v1", api_key=heard.key, max_retries=0) as one:
                yield from one.responses.create(model=model, input=LONG, stream=True)
        case Client.MESSAGES:
            with anthropic.Anthropic(base_url=heard.url, api_key=heard.key, max_retries=0) as two:
                yield from two.messages.create(model=model, messages=asked, max_tokens=512, stream=True)
        case Client.CONTENT:
            three = _google(heard.url, heard.key)
            try:
                yield from three.models.generate_content_stream(model=model, contents=LONG)
            finally:
                three.close()
        case _:
            key = SecretStr(heard.key)
            yield from ChatOpenAI(model=model, base_url=f"{heard.url}/v1", api_key=key, max_retries=0).stream(LONG)


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("client", CLIENTS)
def test_a_stream_that_breaks_off_raises_in_the_iterator(shared_stage: Stage, client: Client, kind: Kind) -> None:
    came: list[Any] = []
    with pytest.raises((openai.OpenAIError, anthropic.AnthropicError, errors.APIError)) as raised:
        came.extend(_cut(client, shared_stage.listen(client, kind)))
    assert came
    assert _is(raised.value, CUT[client]), repr(raised.value)
