"""What the families of Claude take, and which JSON schemas they enforce, as data."""

import re
from collections.abc import Mapping
from enum import StrEnum


class SamplingSupport(StrEnum):
    """Which of temperature, top_p and top_k a model takes."""

    ANY = "any"
    ONE = "one"
    NONE = "none"


class ThinkingSupport(StrEnum):
    """How a model is told to think: not at all, with a budget of tokens, or adaptively with an effort."""

    NONE = "none"
    BUDGET = "budget"
    ADAPTIVE = "adaptive"


_CLAUDE = re.compile(r"claude-")
_FIRST_FAMILIES = re.compile(r"claude-(?:[23]\b|instant|(?:opus|sonnet)-4-(?:0|20\d{6})(?:\b|$))")
_ONE_OF_SAMPLING = re.compile(r"claude-(?:opus-4-[1-6]|sonnet-4-[56]|haiku-4-5)(?:\b|$)")
# platform.claude.com/docs/en/build-with-claude/extended-thinking and …/adaptive-thinking, "Supported models".
_THOUGHTLESS = re.compile(r"claude-(?:v?2|instant|3-(?!7))")
_BUDGETED = re.compile(r"claude-(?:3-7|(?:opus|sonnet)-4(?:$|-(?:[015]|20\d{6})(?:\b|$))|haiku-4-5)")

_UNENFORCED = frozenset(
    (
        "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength", "maxItems",
        "uniqueItems", "minProperties", "maxProperties", "patternProperties", "propertyNames", "not", "if", "contains",
    )
)  # fmt: skip
_BY_NAME = ("properties", "$defs", "definitions")
_LITERAL = ("enum", "const", "default", "examples", "required")


def sampling_support(model: str) -> SamplingSupport:
    """Opus 4.7 and later take no sampling; from Opus 4.1 on temperature and top_p exclude each other."""
    if not _CLAUDE.match(model) or _FIRST_FAMILIES.match(model):
        return SamplingSupport.ANY
    return SamplingSupport.ONE if _ONE_OF_SAMPLING.match(model) else SamplingSupport.NONE


def thinking_support(model: str) -> ThinkingSupport:
    """Claude 3.7 to 4.5 think within a budget; from Opus 4.6 and Sonnet 4.6 on they find the measure themselves."""
    if not _CLAUDE.match(model) or _THOUGHTLESS.match(model):
        return ThinkingSupport.NONE
    return ThinkingSupport.BUDGET if _BUDGETED.match(model) else ThinkingSupport.ADAPTIVE


def has_structured_output(model: str) -> bool:
    """Whether the model enforces a schema by itself: Claude from Opus 4.1 and Sonnet 4.5 on."""
    return bool(_CLAUDE.match(model)) and not _FIRST_FAMILIES.match(model)


def is_enforceable(schema: object) -> bool:
    """Whether Anthropic's structured output takes `schema`: every object closed, no bounds on values.

    Source: platform.claude.com/docs/en/build-with-claude/structured-outputs, "JSON Schema limitations".
    """
    if isinstance(schema, list):
        return all(is_enforceable(item) for item in schema)
    if not isinstance(schema, Mapping):
        return True
    if _UNENFORCED & schema.keys() or schema.get("minItems", 0) not in (0, 1):
        return False
    if _is_object(schema) and schema.get("additionalProperties") is not False:
        return False
    return all(_keyword_is_enforceable(key, value) for key, value in schema.items())


def _is_object(schema: Mapping[str, object]) -> bool:
    kind = schema.get("type")
    return kind == "object" or "properties" in schema or (isinstance(kind, list) and "object" in kind)


def _keyword_is_enforceable(key: str, value: object) -> bool:
    if key in _LITERAL:
        return True
    if key in _BY_NAME and isinstance(value, Mapping):
        return all(is_enforceable(item) for item in value.values())
    return is_enforceable(value)
