"""Which path means what."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from urllib.parse import parse_qsl, unquote

from dataplane.provider.sandbox.call import ProtocolName
from dataplane.provider.sandbox.http1 import Request
from dataplane.provider.sandbox.wire import anthropic, gemini, openai
from dataplane.provider.sandbox.wire.model import Target, Wire

WIRES: Mapping[ProtocolName, Wire] = MappingProxyType(
    {wire.name: wire for wire in (openai.WIRE, anthropic.WIRE, gemini.WIRE)}
)
ADMIN_PREFIX = "/_sandbox/"
MODELS_PATH = "/v1/models"
_FIXED: Mapping[str, ProtocolName] = MappingProxyType(
    {"/v1/chat/completions": ProtocolName.OPENAI, "/v1/messages": ProtocolName.ANTHROPIC}
)
# SDKs send the colon as it is, or as %3A; the name may have a slash in it (tunedModels/x).
_GEMINI = re.compile(r"/v1(?:beta)?/models/(?P<model>[^:]+):(?P<method>generateContent|streamGenerateContent)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A call of a model: over which protocol, and what the path says about it."""

    wire: Wire
    target: Target


def route_of(request: Request) -> Route | None:
    """The call that a path stands for, None where it is none."""
    fixed = _FIXED.get(request.path)
    if fixed is not None:
        return Route(wire=WIRES[fixed], target=Target())
    found = _GEMINI.fullmatch(unquote(request.path))
    if found is None:
        return None
    stream = found["method"] == "streamGenerateContent"
    return Route(wire=gemini.WIRE, target=Target(model=found["model"], stream=stream))


def query_of(request: Request) -> dict[str, str]:
    """The parameters after the question mark; of a repeated one the last."""
    return dict(parse_qsl(request.query, keep_blank_values=True))


def wants_events(request: Request) -> bool:
    """Whether a Gemini stream is asked for as server-sent events."""
    return query_of(request).get("alt") == "sse"
