"""How the model is to answer: `generationConfig`."""

from collections.abc import Mapping
from types import MappingProxyType

from dataplane.chat.model import Effort, FormatKind, Reasoning, ResponseFormat, Sampling
from dataplane.gateway.fields import MAX_NAME, Fields, Notes
from dataplane.gateway.gemini.schema import json_schema
from dataplane.gateway.model import BadRequest
from dataplane.gateway.schema_form import is_strict

_READ = frozenset(
    (
        *("temperature", "topP", "topK", "maxOutputTokens", "stopSequences", "seed", "presencePenalty"),
        *("frequencyPenalty", "responseMimeType", "responseSchema", "responseJsonSchema", "_responseJsonSchema"),
        *("thinkingConfig", "candidateCount", "responseModalities"),
    )
)
_LOST = frozenset(("mediaResolution", "audioTimestamp", "enableEnhancedCivicAnswers"))
_ROUTES = ("routingConfig", "modelSelectionConfig", "modelConfig")
_SCHEMAS = ("responseJsonSchema", "_responseJsonSchema")
_THINKING = frozenset(("includeThoughts", "thinkingBudget", "thinkingLevel"))
_LEVELS: Mapping[str, Effort] = MappingProxyType(
    {
        "": Effort.UNSPECIFIED,
        "THINKING_LEVEL_UNSPECIFIED": Effort.UNSPECIFIED,
        "MINIMAL": Effort.LOW,
        "LOW": Effort.LOW,
        "MEDIUM": Effort.MEDIUM,
        "HIGH": Effort.HIGH,
        "XHIGH": Effort.HIGH,
    }
)


def note(config: Fields, notes: Notes) -> None:
    """Note what other protocols have no word for. Raises BadRequest for what would choose another model, or cost more."""
    for name in config:
        if name in _ROUTES:
            raise BadRequest(config.at(name), "the decision names the model; leave it out")
        if name in _LOST:
            notes.lose(config.at(name))
        elif name not in _READ and config.get(name) is not False:
            notes.only(config.at(name[:MAX_NAME]))
    if (config.whole("candidateCount", 1) or 1) > 1:
        raise BadRequest(
            config.at("candidateCount"),
            "must be 1: a decision holds the money of one answer; send the request once for each",
        )
    if any(modality.upper() not in ("TEXT", "MODALITY_UNSPECIFIED") for modality in config.texts("responseModalities")):
        notes.only(config.at("responseModalities"))


def sampling(config: Fields) -> Sampling:
    """How tokens are drawn. Raises BadRequest."""
    return Sampling(
        temperature=config.number("temperature", 0, 2),
        top_p=config.number("topP", 0, 1),
        top_k=config.whole("topK", 0),
        frequency_penalty=config.number("frequencyPenalty", -2, 2),
        presence_penalty=config.number("presencePenalty", -2, 2),
    )


def response_format(config: Fields, notes: Notes) -> ResponseFormat:
    """The form of the answer. Raises BadRequest."""
    kind = config.text_or_empty("responseMimeType").lower()
    if kind not in ("", "text/plain", "application/json"):
        notes.only(f"{config.at('responseMimeType')}={kind[:MAX_NAME]}")
    for name in _SCHEMAS:
        if name in config:
            return _by_schema(config.json(name))
    if "responseSchema" in config:
        return _by_schema(json_schema(config.json("responseSchema"), config.at("responseSchema"), closed=True))
    return ResponseFormat(kind=FormatKind.JSON if kind == "application/json" else FormatKind.TEXT)


def _by_schema(schema: Mapping[str, object]) -> ResponseFormat:
    return ResponseFormat(kind=FormatKind.JSON_SCHEMA, schema=schema, strict=is_strict(schema))


def reasoning(config: Fields, notes: Notes) -> Reasoning | None:
    """How much it may think: a budget of 0 is none, one of -1 leaves it to the model. Raises BadRequest."""
    thinking = config.inner_or_none("thinkingConfig")
    if thinking is None:
        return None
    thinking.lose_others(_THINKING, notes)
    level = thinking.text_or_empty("thinkingLevel").upper()
    if level not in _LEVELS:
        raise BadRequest(thinking.at("thinkingLevel"), "must be MINIMAL, LOW, MEDIUM or HIGH")
    if level in ("MINIMAL", "XHIGH"):
        notes.lose(f"{thinking.at('thinkingLevel')}={level}")
    budget, include = thinking.whole("thinkingBudget", -1), thinking.flag("includeThoughts")
    if budget == 0:
        return Reasoning(effort=Effort.NONE)
    return Reasoning(effort=_LEVELS[level], max_tokens=max(budget or 0, 0), include=include)
