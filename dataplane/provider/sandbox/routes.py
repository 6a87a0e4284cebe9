"""Which path means what."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from urllib.parse import parse_qsl, unquote

from dataplane.provider.sandbox.call import ProtocolName
from dataplane.provider.sandbox.http1 import Request
from dataplane.provider.sandbox.wire import anthropic, azure, bedrock, embeddings, gemini, openai, responses
from dataplane.provider.sandbox.wire.model import Target, Wire

WIRES: Mapping[ProtocolName, Wire] = MappingProxyType(
    {wire.name: wire for wire in (openai.WIRE, anthropic.WIRE, gemini.WIRE, bedrock.WIRE)}
)
ADMIN_PREFIX = "/_sandbox/"
MODELS_PATH = "/v1/models"
_OPENAI: Mapping[str, Wire] = MappingProxyType(
    {"/chat/completions": openai.WIRE, "/responses": responses.WIRE, "/embeddings": embeddings.OPENAI}
)
_FIXED: Mapping[str, Wire] = MappingProxyType(
    {
        **{f"/v1{path}": wire for path, wire in _OPENAI.items()},
        **{f"/openai/v1{path}": azure.keyed(wire) for path, wire in _OPENAI.items()},
        "/v1/messages": anthropic.WIRE,
    }
)
_DEPLOYED: Mapping[str, Wire] = MappingProxyType(
    {path: azure.deployed(_OPENAI[path]) for path in ("/chat/completions", "/embeddings")}
)
_AZURE = re.compile(r"/openai/deployments/(?P<model>[^/]+)(?P<path>/.+)")
# SDKs send the colon as it is, or as %3A; the name may have a slash in it (tunedModels/x).
_GEMINI = re.compile(
    r"/v1(?:beta)?/models/(?P<model>[^:]+):(?P<method>generateContent|streamGenerateContent|batchEmbedContents)"
)
_BEDROCK = re.compile(r"/model/(?P<model>[^/]+)/(?P<method>converse|converse-stream)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A call of a model: over which protocol, and what the path says about it."""

    wire: Wire
    target: Target


def route_of(request: Request) -> Route | None:
    """The call that a path stands for, None where it is none."""
    fixed = _FIXED.get(request.path)
    if fixed is not None:
        return Route(wire=fixed, target=Target())
    return _gemini(request) or _bedrock(request) or _azure(request)


def _gemini(request: Request) -> Route | None:
    found = _GEMINI.fullmatch(unquote(request.path))
    if found is None:
        return None
    wire = embeddings.GEMINI if found["method"] == "batchEmbedContents" else gemini.WIRE
    stream = found["method"] == "streamGenerateContent"
    return Route(wire=wire, target=Target(model=found["model"], stream=stream))


def _bedrock(request: Request) -> Route | None:
    found = _BEDROCK.fullmatch(request.path)
    if found is None:
        return None
    stream = found["method"] == "converse-stream"
    return Route(wire=bedrock.WIRE, target=Target(model=unquote(found["model"]), stream=stream))


def _azure(request: Request) -> Route | None:
    """Calls of a deployment name the version of the API."""
    found = _AZURE.fullmatch(request.path)
    wire = _DEPLOYED.get(found["path"]) if found and "api-version" in query_of(request) else None
    return Route(wire=wire, target=Target(model=unquote(found["model"]))) if found and wire else None


def query_of(request: Request) -> dict[str, str]:
    """The parameters after the question mark; of a repeated one the last."""
    return dict(parse_qsl(request.query, keep_blank_values=True))


def wants_events(request: Request) -> bool:
    """Whether a Gemini stream is asked for as server-sent events."""
    return query_of(request).get("alt") == "sse"
