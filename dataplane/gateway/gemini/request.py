"""Requests for content, read."""

from collections.abc import Mapping
from types import MappingProxyType

from dataplane.chat.model import ChatRequest
from dataplane.gateway.fields import MAX_NAME, Fields, Notes
from dataplane.gateway.gemini import content, settings, tools
from dataplane.gateway.gemini.spelling import camel
from dataplane.gateway.model import Asked, BadRequest, Received
from dataplane.provider.model import Endpoint, Original
from dataplane.snapshot.model import WireProtocol

HINT = "turnout_"
STREAM = "streamGenerateContent"
WHOLE = "generateContent"
COUNT = "countTokens"

_READ = frozenset(("model", "contents", "systemInstruction", "tools", "toolConfig", "generationConfig", "labels"))
_LOST = frozenset(("safetySettings", "serviceTier", "store"))
_NOTHING: Mapping[str, object] = MappingProxyType({})


def read(received: Received) -> Asked:
    """What is asked. Raises BadRequest, with paths such as `contents[2].parts[0].functionCall.name`."""
    try:
        return _asked(received)
    except (RecursionError, ValueError):
        raise BadRequest("", "the body is nested too deeply; send a flatter one") from None


def _asked(received: Received) -> Asked:
    action = received.parameters.get("action", WHOLE)
    if action not in (STREAM, WHOLE, COUNT):
        raise BadRequest("", f"there is no action {action[:MAX_NAME]!r}; there are {WHOLE}, {STREAM} and {COUNT}")
    if action == STREAM and received.parameters.get("alt") != "sse":
        raise BadRequest("alt", "streams are server-sent events here; ask for them with ?alt=sse, as Google's SDKs do")
    fields, notes = _body(received, counts=action == COUNT), Notes()
    _note(fields, notes)
    hints = _hints(fields, notes)
    return Asked(
        model=_model(received),
        protocol=WireProtocol.GEMINI,
        request=_request(fields, notes),
        original=Original(endpoint=Endpoint.GENERATE_CONTENT, text=received.text, spans=received.spans),
        stream=action == STREAM,
        only=notes.kept,
        loses=notes.lost,
        hints=hints,
    )


def _body(received: Received, *, counts: bool) -> Fields:
    """A request; whoever counts may send the whole request that it is to be inside of another."""
    fields = Fields(received.value, spelling=camel)
    return fields.inner("generateContentRequest") if counts and "generateContentRequest" in fields else fields


def _model(received: Received) -> str:
    name = received.parameters.get("model", "").removeprefix("models/")
    if not name:
        raise BadRequest("model", "is missing: name it in the path, as in /v1beta/models/auto:generateContent")
    return name


def _request(fields: Fields, notes: Notes) -> ChatRequest:
    given = fields.json("generationConfig") if "generationConfig" in fields else _NOTHING
    config = Fields(given, "generationConfig", camel)
    settings.note(config, notes)
    functions = tuple(tools.tools(fields, notes))
    return ChatRequest(
        messages=tuple(content.conversation(fields, notes)),
        tools=functions,
        tool_choice=tools.choice(fields, frozenset(tool.name for tool in functions), notes),
        response_format=settings.response_format(config, notes),
        sampling=settings.sampling(config),
        stop=tuple(config.texts("stopSequences")),
        max_output_tokens=config.whole("maxOutputTokens", 1),
        seed=_seed(config),
        reasoning=settings.reasoning(config, notes),
    )


def _seed(config: Fields) -> int | None:
    return config.whole("seed", -(1 << 31))


def _note(fields: Fields, notes: Notes) -> None:
    """Note the members that other protocols have no word for; empty ones say nothing."""
    for name in fields:
        if name in _READ or fields.get(name) in ([], {}, ""):
            continue
        if name in _LOST:
            notes.lose(name)
        else:
            notes.only(name[:MAX_NAME])


def _hints(fields: Fields, notes: Notes) -> Mapping[str, str]:
    """What is meant for the router among the labels, which only Vertex takes. Headers always work."""
    if "labels" not in fields:
        return MappingProxyType({})
    labels = Fields(fields.json("labels"), "labels")
    if any(not name.startswith(HINT) for name in labels):
        notes.lose("labels")
    return {name.removeprefix(HINT): labels.text(name) for name in labels if name.startswith(HINT)}
