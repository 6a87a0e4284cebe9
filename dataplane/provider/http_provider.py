"""Calls deployments over HTTP: a transport in front, an adapter for each wire protocol behind."""

from collections.abc import AsyncGenerator, Callable, Mapping
from datetime import datetime
from functools import lru_cache
from types import MappingProxyType

from dataplane.chat.model import ChatRequest, Image, StreamEvent
from dataplane.provider import json_text
from dataplane.provider.adapter import Adapter, ErrorInAnswer, Outgoing
from dataplane.provider.anthropic import AnthropicAdapter
from dataplane.provider.bedrock import BedrockAdapter
from dataplane.provider.conversation import options_of
from dataplane.provider.endpoint import same_origin
from dataplane.provider.failure import (
    Exchange,
    Fault,
    bounded,
    error_event,
    in_exchange,
    malformed,
    not_sent,
    refused,
    request_id,
)
from dataplane.provider.gemini import GeminiAdapter
from dataplane.provider.model import (
    Call,
    CallFailure,
    EmbedCall,
    Endpoint,
    Original,
    ProviderEmbedding,
    ProviderResponse,
    Verdict,
)
from dataplane.provider.openai import OpenAIAdapter
from dataplane.provider.passing import embedding, passed, passes, verbatim
from dataplane.provider.reading import READING_FAILURES, Refused, check_stream, drain, events_of, whole_answer
from dataplane.provider.transport import Limits, Reply, Transport, TransportFailure, Trouble
from dataplane.snapshot.model import Deployment, WireProtocol

KEPT = 4096
"""Addresses that are kept."""

ADAPTERS: Mapping[WireProtocol, Adapter] = MappingProxyType(
    {
        WireProtocol.OPENAI: OpenAIAdapter(),
        WireProtocol.ANTHROPIC: AnthropicAdapter(),
        WireProtocol.GEMINI: GeminiAdapter(),
        WireProtocol.BEDROCK: BedrockAdapter(),
    }
)

CAUSES: Mapping[Trouble, tuple[Verdict, Fault]] = MappingProxyType(
    {
        Trouble.CONNECT: (Verdict.FAILED, Fault.CONNECT),
        Trouble.TLS: (Verdict.FAILED, Fault.TLS),
        Trouble.TIMEOUT_CONNECT: (Verdict.FAILED, Fault.TIMEOUT_CONNECT),
        Trouble.TIMEOUT_FIRST_BYTE: (Verdict.FAILED, Fault.TIMEOUT_FIRST_TOKEN),
        Trouble.TIMEOUT_BETWEEN_CHUNKS: (Verdict.FAILED, Fault.TIMEOUT_BETWEEN_CHUNKS),
        Trouble.TIMEOUT_TOTAL: (Verdict.FAILED, Fault.TIMEOUT_TOTAL),
        Trouble.DISCONNECTED: (Verdict.FAILED, Fault.DISCONNECTED),
        Trouble.MALFORMED: (Verdict.FAILED, Fault.MALFORMED),
        Trouble.BAD_URL: (Verdict.MISCONFIGURED, Fault.BASE_URL),
        Trouble.ADDRESS: (Verdict.MISCONFIGURED, Fault.ADDRESS_REFUSED),
    }
)


class HttpProvider:
    """Implements dataplane.provider.model.Provider. `now` is the wall clock: a Retry-After may be a date."""

    def __init__(
        self,
        transport: Transport,
        *,
        now: Callable[[], datetime],
        adapters: Mapping[WireProtocol, Adapter] = ADAPTERS,
    ) -> None:
        self._transport = transport
        self._now = now
        self._adapters = adapters
        self._url = lru_cache(maxsize=KEPT)(self._address)

    async def generate(self, call: Call) -> ProviderResponse:
        """The whole answer. Raises CallFailure.

        No byte can come before the model is done, so the total is the only limit for the first one.
        """
        adapter = self._adapters[call.deployment.protocol]
        original = self._passing(adapter, call)
        endpoint = original.endpoint if original else None
        reply = await self._send(adapter, call, _body(adapter, call, original, stream=False), stream=False, by=original)
        try:
            value, body = await whole_answer(reply)
            answer = adapter.answer(call, value, endpoint=endpoint)
        except READING_FAILURES as error:
            raise self._failure(error, call, reply) from error
        finally:
            reply.close()
        return ProviderResponse(
            response=answer,
            body=body if original else b"",
            http_status=reply.status,
            provider_request_id=request_id(reply.headers),
            headers=reply.headers,
        )

    async def stream(self, call: Call) -> AsyncGenerator[StreamEvent, None]:
        """The answer as it comes; closing the generator hangs up. Raises CallFailure."""
        adapter = self._adapters[call.deployment.protocol]
        original = self._passing(adapter, call)
        reply = await self._send(adapter, call, _body(adapter, call, original, stream=True), stream=True, by=original)
        reader, decoder = adapter.reader(call, endpoint=original.endpoint if original else None), adapter.decoder()
        read = verbatim if original else events_of
        try:
            await check_stream(reply, adapter.stream_type)
            while True:
                chunk = await reply.read()
                for told in read(reader, decoder, chunk):
                    yield told
                if not chunk or reader.done:
                    break
            await drain(reply)
        except READING_FAILURES as error:
            raise self._failure(error, call, reply, streaming=True) from error
        finally:
            reply.close()

    async def embed(self, call: EmbedCall) -> ProviderEmbedding:
        """A vector for each text. Raises CallFailure."""
        adapter = self._adapters[call.deployment.protocol]
        original = call.original if call.original and call.original.sole else None
        body = embedding(call, original) if original else _encoded(adapter.embed_body(call))
        reply = await self._send(adapter, call, body, stream=False, endpoint=Endpoint.EMBEDDINGS)
        try:
            value, answer = await whole_answer(reply)
            response = adapter.embed_answer(call, value)
        except READING_FAILURES as error:
            raise self._failure(error, call, reply) from error
        finally:
            reply.close()
        return ProviderEmbedding(
            response=response,
            body=answer if original else b"",
            http_status=reply.status,
            provider_request_id=request_id(reply.headers),
            headers=reply.headers,
        )

    async def _send(
        self,
        adapter: Adapter,
        call: Call | EmbedCall,
        body: bytes,
        *,
        stream: bool,
        endpoint: Endpoint | None = None,
        by: Original | None = None,
    ) -> Reply:
        url = self._url(call.deployment, by.endpoint if by else endpoint, stream=stream)
        outgoing = Outgoing(url=url, body=body, now=self._now())
        headers = adapter.headers(call.deployment, _checked(call.credential), outgoing)
        if by and by.headers:
            headers = {name.lower(): value for name, value in headers.items()} | dict(by.headers)
        try:
            reply = await self._transport.post(url, headers, body, _limits(call, stream=stream))
        except TransportFailure as failure:
            verdict, fault = CAUSES[failure.trouble]
            where = f"deployment {call.deployment.name}: " if failure.trouble is Trouble.ADDRESS else ""
            message = where + bounded(failure.message, call.credential)
            raise CallFailure(verdict, fault, message=message, unsent=failure.unsent) from failure
        call.heard(reply.headers)
        return reply

    def _address(self, deployment: Deployment, endpoint: Endpoint | None, *, stream: bool) -> str:
        """Where to call `deployment`. Raises CallFailure if that is another place than its credential is for."""
        url = self._adapters[deployment.protocol].url(deployment, stream=stream, endpoint=endpoint)
        if not same_origin(url, deployment.base_url):
            raise _foreign(deployment)
        return url

    def passes(self, original: Original | None, request: ChatRequest, deployment: Deployment) -> bool:
        """Whether a request goes through to `deployment` as it is."""
        return passes(self._adapters[deployment.protocol], original, request, deployment)

    def _passing(self, adapter: Adapter, call: Call) -> Original | None:
        return call.original if passes(adapter, call.original, call.request, call.deployment) else None

    def _failure(
        self, error: Exception, call: Call | EmbedCall, reply: Reply, *, streaming: bool = False
    ) -> CallFailure:
        """What went wrong while `reply` was read, as one failure with what is known of the exchange."""
        exchange = Exchange(
            status=reply.status,
            headers=reply.headers,
            now=self._now(),
            own_references=_has_references(call),
            credential=call.credential,
        )
        match error:
            case Refused(body=body):
                return refused(exchange, body)
            case ErrorInAnswer(body=body):
                return error_event(exchange, body)
            case TransportFailure():
                verdict, word = _reading_cause(error.trouble, streaming=streaming)
                message = bounded(error.message, call.credential)
                return in_exchange(CallFailure(verdict, word, message=message), exchange)
            case CallFailure():
                return in_exchange(error, exchange)
            case _:
                return in_exchange(malformed(str(error)), exchange)


def _reading_cause(trouble: Trouble, *, streaming: bool) -> tuple[Verdict, Fault]:
    if streaming and trouble is Trouble.DISCONNECTED:
        return Verdict.FAILED, Fault.STREAM_CUT
    return CAUSES[trouble]


def _foreign(deployment: Deployment) -> CallFailure:
    """The failure that a call is that would take a credential to another place than it is for."""
    message = f"deployment {deployment.name}: its address is not at the origin of base_url"
    return CallFailure(Verdict.MISCONFIGURED, Fault.BASE_URL, message=message, unsent=True)


def _checked(credential: str) -> str:
    """A credential that can stand in a header. Raises CallFailure `credential`, without telling it."""
    if credential.isascii() and (credential.isprintable() or not credential):
        return credential
    raise CallFailure(
        Verdict.MISCONFIGURED,
        Fault.CREDENTIAL,
        message="the credential has characters that no header can carry; look for line breaks in it",
        unsent=True,
    )


def _encoded(body: Mapping[str, object]) -> bytes:
    try:
        return json_text.write(body).encode("utf-8", "replace")
    except (ValueError, TypeError) as error:
        raise not_sent("provider_options", f"no JSON: {error}") from None


def _limits(call: Call | EmbedCall, *, stream: bool) -> Limits:
    timeouts = call.deployment.timeouts
    total = min(call.total, timeouts.total).total_seconds()
    return Limits(
        connect=timeouts.connect.total_seconds(),
        first_byte=timeouts.first_token.total_seconds() if stream else total,
        between_chunks=timeouts.between_chunks.total_seconds(),
        total=total,
    )


def _has_references(call: Call | EmbedCall) -> bool:
    """Whether the request names files or settings of the caller's own that the provider looks up."""
    if isinstance(call, EmbedCall):
        return False
    parts = (part for message in call.request.messages for part in message.parts)
    return bool(options_of(call)) or any(isinstance(part, Image) and part.url for part in parts)


def _body(adapter: Adapter, call: Call, original: Original | None, *, stream: bool) -> bytes:
    return passed(call, original, stream=stream) if original else _encoded(adapter.body(call, stream=stream))
