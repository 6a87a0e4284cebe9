"""Which exception each SDK raises for what goes wrong: the tests hold to it, and docs/compatibility.md shows it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from tools.compatibility_table import Client

CLIENTS = (Client.CHAT, Client.RESPONSES, Client.MESSAGES, Client.CONTENT, Client.LANGCHAIN)
"""Those whose exceptions are checked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrong:
    """Something that goes wrong, and how it is told: the contract's `reason`, and by client the class that is raised.

    `model` and `headers` are how the tests bring it about.
    """

    what: str
    reason: str
    openai: str
    anthropic: str
    google: str
    langchain: str = ""
    model: str = "openai"
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def raised(self, client: Client) -> str:
        """The name of the class."""
        match client:
            case Client.MESSAGES:
                return self.anthropic
            case Client.CONTENT:
                return self.google
            case Client.LANGCHAIN:
                return self.langchain or self.openai
            case _:
                return self.openai


def _told(milliseconds: int) -> Mapping[str, str]:
    return MappingProxyType({"x-turnout-timeout-ms": str(milliseconds)})


ERRORS: tuple[Wrong, ...] = (
    Wrong(
        what="no key",
        reason="UNAUTHENTICATED",
        openai="AuthenticationError",
        anthropic="AuthenticationError",
        google="ClientError 401",
    ),
    Wrong(
        what="unknown model",
        reason="MODEL_UNKNOWN",
        openai="NotFoundError",
        anthropic="NotFoundError",
        google="ClientError 404",
        model="nobody-has-it",
    ),
    Wrong(
        what="a wrong field",
        reason="INVALID_FIELD",
        openai="BadRequestError",
        anthropic="BadRequestError",
        google="ClientError 400",
    ),
    Wrong(
        what="context too long",
        reason="PROVIDER_REJECTED",
        openai="BadRequestError",
        anthropic="BadRequestError",
        google="ClientError 400",
        model="short",
    ),
    Wrong(
        what="content filtered",
        reason="PROVIDER_REJECTED",
        openai="BadRequestError",
        anthropic="BadRequestError",
        google="ClientError 400",
        model="filtered",
    ),
    Wrong(
        what="budget used up",
        reason="BUDGET_EXHAUSTED",
        openai="RateLimitError",
        anthropic="RateLimitError",
        google="ClientError 429",
        model="auto:poor",
    ),
    Wrong(
        what="rate limit of the provider",
        reason="PROVIDER_THROTTLED",
        openai="RateLimitError",
        anthropic="RateLimitError",
        google="ClientError 429",
        model="throttled",
        headers=_told(2_000),
    ),
    Wrong(
        what="provider down",
        reason="TARGETS_EXHAUSTED",
        openai="InternalServerError",
        anthropic="InternalServerError",
        google="ServerError 503",
        model="down",
    ),
    Wrong(
        what="time is over",
        reason="DEADLINE_EXCEEDED",
        openai="InternalServerError",
        anthropic="InternalServerError",
        google="ServerError 504",
        model="slow",
        headers=_told(400),
    ),
    Wrong(
        what="nothing may serve it",
        reason="NO_ELIGIBLE_TARGET",
        openai="BadRequestError",
        anthropic="BadRequestError",
        google="ClientError 400",
        model="auto",
        headers=MappingProxyType({"x-turnout-max-cost-usd": "0.000000001"}),
    ),
)
CUT: Mapping[Client, str] = MappingProxyType(
    {
        Client.CHAT: "APIError",
        Client.RESPONSES: "APIError",
        Client.MESSAGES: "APIStatusError",
        Client.CONTENT: "ServerError",
        Client.LANGCHAIN: "APIError",
    }
)
"""What the iterator of a stream raises when the provider breaks off in the middle."""
