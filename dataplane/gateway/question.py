"""What a gateway asks the control plane on a caller's behalf, as values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType

from dataplane.permit.presented import Sealed
from dataplane.snapshot.model import WireProtocol
from turnout_features.model import Conversation


class Operation(StrEnum):
    """What is to be done with a request."""

    CHAT = "chat"
    EMBED = "embed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hints:
    """Where a request comes from; see turnout.routing.v1.Hints."""

    workload: str = ""
    feature: str = ""
    endpoint: str = ""
    session: str = ""
    user: str = ""
    task_type: str = ""
    complexity: str = ""
    labels: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Constraints:
    """What the caller insists on; see turnout.routing.v1.Constraints. Empty is no constraint."""

    min_quality: float | None = None
    max_cost_nanousd: int | None = None
    max_latency: timedelta | None = None
    tiers: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    providers: tuple[str, ...] = ()
    excluded_providers: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    excluded_models: tuple[str, ...] = ()
    protocols: tuple[WireProtocol, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Affinity:
    """Where a conversation was answered last, and how many of its tokens the provider may still have in its cache."""

    deployment: str
    cached_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One request to be decided on. `caller` is whom the gateway asks for, as TENANT/NAME; `told` shows in no representation."""

    caller: str
    request_digest: bytes
    told: Conversation = field(repr=False)
    pool: str
    model: str = ""
    policy: str = ""
    operation: Operation = Operation.CHAT
    hints: Hints = field(default_factory=Hints)
    constraints: Constraints = field(default_factory=Constraints)
    affinity: Affinity | None = None
    traceparent: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """A signed decision: as it is to be verified, and as it goes into the receipt."""

    sealed: Sealed
    envelope: bytes
