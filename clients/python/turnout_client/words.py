"""The closed sets of the contract as words.

`UNKNOWN` stands for a word that a newer server uses and this client does not have.
"""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, TypeVar


class TaskType(StrEnum):
    """What kind of work a request is."""

    UNKNOWN = "unknown"
    CHAT = "chat"
    QA = "qa"
    SUMMARIZATION = "summarization"
    CODE = "code"
    REASONING = "reasoning"
    CREATIVE = "creative"
    EXTRACTION = "extraction"
    TRANSLATION = "translation"


class Complexity(StrEnum):
    """How much a request asks of a model, from least to most."""

    UNKNOWN = "unknown"
    SIMPLE = "simple"
    MODERATE = "moderate"
    COMPLEX = "complex"
    EXPERT = "expert"


class Domain(StrEnum):
    """Fields where a wrong answer does harm."""

    UNKNOWN = "unknown"
    MEDICAL = "medical"
    LEGAL = "legal"
    FINANCIAL = "financial"
    SAFETY = "safety"


class Capability(StrEnum):
    """What a model can do."""

    CODE = "code"
    REASONING = "reasoning"
    CREATIVE = "creative"
    VISION = "vision"
    LONG_CONTEXT = "long_context"
    TOOLS = "tools"
    JSON = "json"
    JSON_SCHEMA = "json_schema"
    EMBEDDINGS = "embeddings"


class Protocol(StrEnum):
    """How a deployment is spoken to."""

    UNKNOWN = "unknown"
    OPENAI = "openai"
    ANTHROPIC = "anthropic"
    GEMINI = "gemini"
    BEDROCK = "bedrock"


class ReasonCode(StrEnum):
    """Why a target was chosen, in one word."""

    UNKNOWN = "unknown"
    FIXED = "fixed"
    WEIGHTED = "weighted"
    CHEAPEST = "cheapest"
    BALANCED = "balanced"
    OVERRIDE = "override"
    BEST_AVAILABLE = "best_available"
    LAST_RESORT = "last_resort"
    PINNED = "pinned"
    AFFINITY = "affinity"
    SEMANTIC = "semantic"
    VALUE = "value"


class Notice(StrEnum):
    """Something that the reader of a decision must know."""

    UNKNOWN = "unknown"
    QUALITY_FLOOR_UNMET = "quality_floor_unmet"
    NO_FALLBACK = "no_fallback"
    SINGLE_PROVIDER = "single_provider"
    LOW_CONFIDENCE = "low_confidence"
    LAST_RESORT = "last_resort"
    BUDGET_LOW = "budget_low"
    UNRECORDED = "unrecorded"
    TARGET_UNCALIBRATED = "target_uncalibrated"


class Exclusion(StrEnum):
    """Why a deployment may not serve a request; the first that holds, in this order."""

    UNKNOWN = "unknown"
    DISABLED = "disabled"
    NO_CREDENTIAL = "no_credential"
    POLICY_DENIES = "policy_denies"
    MODEL_NOT_ASKED = "model_not_asked"
    TIER = "tier"
    PROVIDER_NOT_ASKED = "provider_not_asked"
    REGION = "region"
    PROTOCOL = "protocol"
    CAPABILITY = "capability"
    CONTEXT_WINDOW = "context_window"
    OUTPUT_LIMIT = "output_limit"
    UNHEALTHY = "unhealthy"
    RATE_LIMIT = "rate_limit"
    COST = "cost"
    LATENCY = "latency"
    QUALITY = "quality"
    BUDGET = "budget"


class FinishReason(StrEnum):
    """Why an answer ended."""

    UNKNOWN = "unknown"
    STOP = "stop"
    LENGTH = "length"
    TOOL_CALLS = "tool_calls"
    CONTENT_FILTER = "content_filter"
    REFUSAL = "refusal"


class RunResult(StrEnum):
    """How a run ended."""

    UNKNOWN = "unknown"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    BROKEN = "broken"
    CANCELLED = "cancelled"


class AttemptOutcome(StrEnum):
    """How a call of a target ended."""

    UNKNOWN = "unknown"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    THROTTLED = "throttled"
    IGNORED = "ignored"
    MISCONFIGURED = "misconfigured"


class FeedbackLabel(StrEnum):
    """What was done with an answer."""

    UNKNOWN = "unknown"
    ACCEPTED = "accepted"
    CORRECTED = "corrected"
    RETRIED = "retried"
    ESCALATED = "escalated"
    REFUSED = "refused"


class BudgetMeasure(StrEnum):
    """What a budget counts; `cost` is in nano-dollars."""

    UNKNOWN = "unknown"
    COST = "cost"
    REQUESTS = "requests"
    TOKENS = "tokens"


class BudgetWindow(StrEnum):
    """How long a budget lasts before it begins anew, by UTC; `total` never does."""

    UNKNOWN = "unknown"
    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"
    MONTH = "month"
    TOTAL = "total"


class BudgetDimension(StrEnum):
    """What a budget can count by."""

    UNKNOWN = "unknown"
    TENANT = "tenant"
    TEAM = "team"
    WORKLOAD = "workload"
    KEY = "key"
    MODEL = "model"


Word = TypeVar("Word", bound=StrEnum)


def numbers(words: type[Word], wire: Any, prefix: str) -> Mapping[Word, int]:
    """The contract's number of each word but `UNKNOWN`. Raises ValueError if the contract lacks one, at import."""
    return {word: wire.Value(f"{prefix}_{word.name}") for word in words if word.name != "UNKNOWN"}


def reader(words: type[Word], wire: Any, prefix: str) -> Callable[[int], Word]:
    """What turns a number of the contract into a word; one that is not known becomes `UNKNOWN`."""
    known = {number: word for word, number in numbers(words, wire, prefix).items()}
    unknown = words["UNKNOWN"]
    return lambda number: known.get(number, unknown)
