"""The interface between execution and the wire protocols."""

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Protocol

from dataplane.chat.model import ChatRequest, ChatResponse, EmbedRequest, EmbedResponse, StreamEvent
from dataplane.snapshot.model import Deployment


class Verdict(StrEnum):
    """What a call says about its target; decided before anything is counted.

    FAILED: the provider's fault (connect, TLS, timeout before the first byte, 5xx, malformed, cut, error event inside a 200).
    THROTTLED: rate limited (429, 503 or 529 with a hint). IGNORED: the caller's error or the caller's cancellation.
    MISCONFIGURED: our credential or model name (401, 403, unknown model): out until the operator acts.
    """

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    THROTTLED = "throttled"
    IGNORED = "ignored"
    MISCONFIGURED = "misconfigured"


class CallFailure(Exception):
    """A call of a provider that gave no whole answer.

    `error` is one word of ours, closed set in `dataplane.provider.failure`: `connect`, `tls`, `timeout_connect`,
    `timeout_first_token`, `timeout_between_chunks`, `timeout_total`, `http_NNN`, `malformed`, `stream_cut`, `error_event`,
    `context_too_long`, `content_filter`, `rate_limited`, `overloaded`, `credential`, `model_unknown`, `bad_request`, ...
    `message` is the provider's own words, bounded and without credentials; it may quote the prompt, so it goes to the
    caller and never into logs or spans. `field` is the offending request field where the provider names one.
    `unsent` is True only when it is certain that the provider did not take the request (so nothing can be billed).
    """

    def __init__(
        self,
        verdict: Verdict,
        error: str,
        *,
        message: str = "",
        http_status: int = 0,
        retry_after: timedelta | None = None,
        provider_request_id: str = "",
        field: str = "",
        unsent: bool = False,
    ) -> None:
        super().__init__(f"{error}: {message}" if message else error)
        self.verdict = verdict
        self.error = error
        self.message = message
        self.http_status = http_status
        self.retry_after = retry_after
        self.provider_request_id = provider_request_id
        self.field = field
        self.unsent = unsent


class Endpoint(StrEnum):
    """What of a protocol is called: its paths are the adapter's."""

    CHAT_COMPLETIONS = "chat_completions"
    RESPONSES = "responses"
    MESSAGES = "messages"
    GENERATE_CONTENT = "generate_content"
    EMBEDDINGS = "embeddings"


@dataclass(frozen=True, slots=True, kw_only=True)
class Original:
    """A request as its caller wrote it, for deployments that have the same endpoint: then it goes through as it is.

    `text` is the JSON object, `spans` where in it the value of each of its top-level members stands (start and end), so
    that a value can be replaced and nothing else is touched. `wants_usage`: whether the caller itself asked for usage at
    the end of a stream, where the protocol lets one ask. `headers` are those that the protocol has for callers.
    `sole`: it says what only its own protocol can say.
    """

    endpoint: Endpoint
    text: str = field(repr=False)
    spans: Mapping[str, tuple[int, int]] = field(repr=False)
    wants_usage: bool = True
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    sole: bool = False


def _unheard(_: Mapping[str, str]) -> None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call of one deployment. `max_output_tokens` is the decision's limit and wins over the request's own;
    `credential` is the secret itself, resolved just now; `total` is the time that is left for this call.
    `original` goes through as it is if the deployment has its endpoint. `heard` is given the headers of the answer, whatever
    its status, as soon as they are there.
    """

    deployment: Deployment
    request: ChatRequest
    credential: str = field(repr=False)
    max_output_tokens: int
    total: timedelta
    original: Original | None = None
    heard: Callable[[Mapping[str, str]], None] = field(default=_unheard, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderResponse:
    """A whole answer with what the transport saw; `body` is the answer as it came, if the request went through as it was."""

    response: ChatResponse
    body: bytes = field(default=b"", repr=False)
    http_status: int = 200
    provider_request_id: str = ""
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbedCall:
    """One call of one deployment for vectors; the fields are those of Call."""

    deployment: Deployment
    request: EmbedRequest
    credential: str = field(repr=False)
    total: timedelta
    original: Original | None = None
    heard: Callable[[Mapping[str, str]], None] = field(default=_unheard, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderEmbedding:
    """Vectors with what the transport saw; `body` is the answer as it came, if the request went through as it was."""

    response: EmbedResponse
    body: bytes = field(default=b"", repr=False)
    http_status: int = 200
    provider_request_id: str = ""
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


class Embedder(Protocol):
    """Calls deployments for vectors."""

    async def embed(self, call: EmbedCall) -> ProviderEmbedding:
        """A vector for each text. Raises CallFailure, `unsupported` where the deployment's protocol has none."""
        ...


class Provider(Protocol):
    """Calls deployments. One implementation serves all wire protocols, by an adapter each."""

    async def generate(self, call: Call) -> ProviderResponse:
        """The whole answer. Raises CallFailure."""
        ...

    def stream(self, call: Call) -> AsyncIterator[StreamEvent]:
        """The answer as it comes; closing the iterator cancels the provider's call. Raises CallFailure, also for a
        stream that ends without the provider's own terminal event (`stream_cut`).
        """
        ...
