"""How the model is to answer: thinking, form and sampling."""

from collections.abc import Mapping
from types import MappingProxyType

from dataplane.chat.model import Effort, FormatKind, Reasoning, ResponseFormat, Sampling
from dataplane.gateway.fields import MAX_NAME, Fields, Notes
from dataplane.gateway.model import BadRequest
from dataplane.gateway.schema_form import is_strict

_EFFORTS: Mapping[str, Effort] = MappingProxyType(
    {"low": Effort.LOW, "medium": Effort.MEDIUM, "high": Effort.HIGH, "xhigh": Effort.HIGH, "max": Effort.HIGH}
)
_CONFIG = frozenset(("effort", "format"))
_THINKING = frozenset(("type", "budget_tokens", "display"))


def reasoning(fields: Fields, notes: Notes) -> Reasoning | None:
    """How much it may think: `thinking` says whether, `output_config.effort` how hard. Raises BadRequest."""
    effort = _effort(fields.inner_or_none("output_config"), notes)
    thinking = fields.inner_or_none("thinking")
    if thinking is None:
        return None if effort is Effort.UNSPECIFIED else Reasoning(effort=effort)
    thinking.lose_others(_THINKING, notes)
    include = thinking.text_or_empty("display") != "omitted"
    match thinking.word("type"):
        case "disabled":
            return Reasoning(effort=Effort.NONE)
        case "enabled":
            budget = thinking.whole("budget_tokens", 1)
            if budget is None:
                raise BadRequest(thinking.at("budget_tokens"), "is missing: send a whole number, or type adaptive")
            return Reasoning(effort=effort, max_tokens=budget, include=include)
        case "adaptive":
            return Reasoning(effort=effort, include=include)
        case other:
            notes.only(f"thinking[type={other[:MAX_NAME]}]")
            return Reasoning(effort=effort, include=include)


def _effort(config: Fields | None, notes: Notes) -> Effort:
    if config is None:
        return Effort.UNSPECIFIED
    config.lose_others(_CONFIG, notes)
    word = config.text_or_empty("effort")
    if word and word not in _EFFORTS:
        raise BadRequest(config.at("effort"), f"must be one of {', '.join(_EFFORTS)}")
    if word in ("xhigh", "max"):
        notes.lose(f"output_config.effort={word}")
    return _EFFORTS.get(word, Effort.UNSPECIFIED)


def response_format(fields: Fields) -> ResponseFormat:
    """The schema in `output_config.format`, or in `output_format` as it was called first. Raises BadRequest."""
    config = fields.inner_or_none("output_config")
    form = config.inner_or_none("format") if config is not None else None
    form = form or fields.inner_or_none("output_format")
    if form is None:
        return ResponseFormat()
    if form.word("type") != "json_schema":
        raise BadRequest(form.at("type"), "must be json_schema")
    schema = form.json("schema")
    return ResponseFormat(kind=FormatKind.JSON_SCHEMA, schema=schema, strict=is_strict(schema))


def sampling(fields: Fields) -> Sampling:
    """How tokens are drawn. Raises BadRequest."""
    return Sampling(
        temperature=fields.number("temperature", 0, 1),
        top_p=fields.number("top_p", 0, 1),
        top_k=fields.whole("top_k", 0),
    )
