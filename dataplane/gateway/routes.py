"""Which path and method is which request."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType


class Route(StrEnum):
    """The paths that there are, as templates."""

    CHAT_COMPLETIONS = "/v1/chat/completions"
    RESPONSES = "/v1/responses"
    EMBEDDINGS = "/v1/embeddings"
    MODELS = "/v1/models"
    MODEL = "/v1/models/{model}"
    ANTHROPIC_MODELS = "/v1/models (anthropic)"
    ANTHROPIC_MODEL = "/v1/models/{model} (anthropic)"
    MESSAGES = "/v1/messages"
    COUNT_TOKENS = "/v1/messages/count_tokens"
    GEMINI_MODELS = "/v1beta/models"
    GEMINI_MODEL = "/v1beta/models/{model}"
    GEMINI_COUNT_TOKENS = "/v1beta/models/{model}:countTokens"
    GENERATE_CONTENT = "/v1beta/models/{model}:{action}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A route, and what stands in its path."""

    route: Route
    parameters: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


_POSTED: Mapping[str, Route] = MappingProxyType(
    {
        "/v1/chat/completions": Route.CHAT_COMPLETIONS,
        "/v1/responses": Route.RESPONSES,
        "/v1/embeddings": Route.EMBEDDINGS,
        "/v1/messages": Route.MESSAGES,
        "/v1/messages/count_tokens": Route.COUNT_TOKENS,
    }
)
_GEMINI = re.compile(r"/(?:v1|v1beta|v1alpha)/models/(?P<model>.+):(?P<action>[A-Za-z]+)")
_MODEL = re.compile(r"/(?:v1|v1beta)/models/(?P<model>.+)")


def find(method: str, path: str, headers: Mapping[str, str]) -> Found | str:
    """The route; or, as a sentence, why there is none. `path` is decoded, so that `%3A` is a colon."""
    if method == "POST":
        if (posted := _POSTED.get(path)) is not None:
            return Found(route=posted)
        if gemini := _GEMINI.fullmatch(path):
            counts = gemini["action"] == "countTokens"
            route = Route.GEMINI_COUNT_TOKENS if counts else Route.GENERATE_CONTENT
            return Found(route=route, parameters=gemini.groupdict())
    if method in ("GET", "HEAD"):
        return _listed(path, headers)
    return _nothing(method, path)


def _listed(path: str, headers: Mapping[str, str]) -> Found | str:
    """The list of models, or one of them. Three protocols share the path under /v1: their SDKs' own headers tell them apart."""
    google = path.startswith("/v1beta/") or "x-goog-api-key" in headers
    anthropic = "anthropic-version" in headers
    if path.rstrip("/") in ("/v1/models", "/v1beta/models"):
        return Found(route=Route.GEMINI_MODELS if google else Route.ANTHROPIC_MODELS if anthropic else Route.MODELS)
    if one := _MODEL.fullmatch(path):
        route = Route.GEMINI_MODEL if google else Route.ANTHROPIC_MODEL if anthropic else Route.MODEL
        return Found(route=route, parameters=one.groupdict())
    return _nothing("GET", path)


def _nothing(method: str, path: str) -> str:
    if path in _POSTED:
        return f"{method} is not for {path}; send POST"
    hint = "; is /v1 missing in the base_url?" if f"/v1{path}" in _POSTED else ""
    return f"there is nothing at {method} {path[:200]}{hint}"
