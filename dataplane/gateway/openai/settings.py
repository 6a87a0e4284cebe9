"""Settings that chat completions and responses have in common."""

from collections.abc import Mapping
from types import MappingProxyType

from dataplane.chat.model import Effort, FormatKind, Reasoning, ResponseFormat, Sampling
from dataplane.gateway.fields import Fields, Notes
from dataplane.gateway.model import BadRequest

EFFORTS: Mapping[str, Effort] = MappingProxyType(
    {
        "none": Effort.NONE,
        "minimal": Effort.LOW,
        "low": Effort.LOW,
        "medium": Effort.MEDIUM,
        "high": Effort.HIGH,
        "xhigh": Effort.HIGH,
        "max": Effort.HIGH,
    }
)
_SCHEMA = frozenset({"name", "schema", "strict", "description"})


def sampling(body: Fields) -> Sampling:
    """How tokens are drawn. Raises BadRequest for what OpenAI's documentation does not allow."""
    return Sampling(
        temperature=body.number("temperature", 0, 2),
        top_p=body.number("top_p", 0, 1),
        top_k=body.whole("top_k"),
        frequency_penalty=body.number("frequency_penalty", -2, 2),
        presence_penalty=body.number("presence_penalty", -2, 2),
    )


def stops(body: Fields) -> tuple[str, ...]:
    """Where to stop: a string, or several."""
    value = body.get("stop")
    if value is None or isinstance(value, str):
        return (value,) if value else ()
    found = []
    for path, item in body.items("stop"):
        if not isinstance(item, str) or not item:
            raise BadRequest(path, "must be a string that is not empty")
        found.append(item)
    return tuple(found)


def reasoning(effort: str, path: str, notes: Notes, *, include: bool) -> Reasoning:
    """How hard to think; a word that is younger than this goes to servers of the same protocol only."""
    known = EFFORTS.get(effort)
    if known is None:
        notes.lose(f"{path}={effort[:32]}")
        return Reasoning(include=include)
    return Reasoning(effort=known, include=include and known is not Effort.NONE)


def answer_format(form: Fields | None, notes: Notes, *, nested: bool) -> ResponseFormat:
    """The form of the answer; in chat completions the schema is `nested` in a member of its own."""
    if form is None:
        return ResponseFormat()
    match form.text("type"):
        case "text":
            return ResponseFormat()
        case "json_object":
            return ResponseFormat(kind=FormatKind.JSON)
        case "json_schema":
            return _schema(form.inner("json_schema") if nested else form, notes, nested=nested)
        case other:
            notes.only(f"{form.path}[type={other[:32]}]")
            return ResponseFormat()


def _schema(inner: Fields, notes: Notes, *, nested: bool) -> ResponseFormat:
    inner.lose_others(_SCHEMA if nested else _SCHEMA | {"type"}, notes)
    schema = inner.json_or_none("schema")
    if schema is None:
        raise BadRequest(inner.at("schema"), "is missing: send a JSON schema")
    return ResponseFormat(
        kind=FormatKind.JSON_SCHEMA,
        name=inner.word("name"),
        schema=schema,
        strict=inner.flag("strict"),
        description=inner.text_or_empty("description"),
    )
