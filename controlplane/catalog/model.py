"""Models and deployments as values."""

from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from typing import NewType

ModelName = NewType("ModelName", str)
DeploymentName = NewType("DeploymentName", str)


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
    """Makes vectors of texts; such a model answers nothing."""


class TaskType(StrEnum):
    """What kind of work a request is."""

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

    SIMPLE = "simple"
    MODERATE = "moderate"
    COMPLEX = "complex"
    EXPERT = "expert"


class Domain(StrEnum):
    """Fields where a wrong answer does harm."""

    MEDICAL = "medical"
    LEGAL = "legal"
    FINANCIAL = "financial"
    SAFETY = "safety"


class WireProtocol(StrEnum):
    """Which provider protocol a deployment speaks."""

    OPENAI = "openai"
    ANTHROPIC = "anthropic"
    GEMINI = "gemini"
    BEDROCK = "bedrock"


class ManagedBy(StrEnum):
    """Who keeps an entry."""

    FILE = "file"
    API = "api"


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """Nano-dollars per million tokens; a cached price that is absent is the input price."""

    input_nanousd_per_mtok: int
    output_nanousd_per_mtok: int
    cached_input_nanousd_per_mtok: int | None = None
    cache_write_nanousd_per_mtok: int | None = None


FREE = Price(input_nanousd_per_mtok=0, output_nanousd_per_mtok=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A language model. `quality` is the prior share of answers that are good enough, 0 to 1."""

    name: ModelName
    provider: str
    price: Price
    context_window: int
    max_output_tokens: int
    latency: timedelta
    quality: float
    tier: str
    as_of: date
    free: bool = False
    quality_by_task: tuple[tuple[TaskType, float], ...] = ()
    capabilities: frozenset[Capability] = frozenset()
    managed_by: ManagedBy = ManagedBy.FILE

    def quality_for(self, task: TaskType) -> float:
        """The prior for one kind of work."""
        return dict(self.quality_by_task).get(task, self.quality)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Time limits of one call; the worker's defaults where None."""

    connect: timedelta | None = None
    first_token: timedelta | None = None
    between_chunks: timedelta | None = None
    total: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """A place where a model can be called. `credential` and `more_credentials` are references, never credentials."""

    name: DeploymentName
    model: ModelName
    provider: str
    protocol: WireProtocol
    base_url: str
    credential: str = ""
    more_credentials: tuple[str, ...] = ()
    api_version: str = ""
    provider_model: str = ""
    region: str = ""
    weight: int = 1
    disabled: bool = False
    timeouts: Timeouts = field(default_factory=Timeouts)
    max_concurrency: int = 0
    managed_by: ManagedBy = ManagedBy.FILE


@dataclass(frozen=True, slots=True, kw_only=True)
class Alias:
    """Another name for a model, or for free routing: `target` is a model, `auto` or `auto:WORKLOAD`."""

    name: str
    target: str
