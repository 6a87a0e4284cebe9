"""The worker's snapshot as immutable values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType


class WireProtocol(StrEnum):
    """Which provider protocol a deployment speaks."""

    OPENAI = "openai"
    ANTHROPIC = "anthropic"
    GEMINI = "gemini"
    BEDROCK = "bedrock"


class KeyState(StrEnum):
    """The life of a key."""

    PREPARED = "prepared"
    ACTIVE = "active"
    RETIRED = "retired"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A verification key: 32 bytes of Ed25519, its issuer and its window."""

    key_id: str
    public_key: bytes
    issuer: str
    state: KeyState
    not_before: datetime
    not_after: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Somebody who may call; known by SHA-256 of its token, which is void from `expires_at` on."""

    name: str
    tenant: str
    token_sha256: bytes
    roles: frozenset[str]
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """Nano-dollars per million tokens; a cached price that is None is the input price."""

    input_nanousd_per_mtok: int = 0
    output_nanousd_per_mtok: int = 0
    cached_input_nanousd_per_mtok: int | None = None
    cache_write_nanousd_per_mtok: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Time limits of one call."""

    connect: timedelta = timedelta(seconds=5)
    first_token: timedelta = timedelta(seconds=60)
    between_chunks: timedelta = timedelta(seconds=30)
    total: timedelta = timedelta(seconds=600)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """A place where a model can be called, with the model's price. `credential` is a reference: `env:NAME`, `file:/path` or empty.

    Calls take turns with `more_credentials`. `api_version` is what every call names, where the provider wants one.
    """

    name: str
    model: str
    provider: str
    protocol: WireProtocol
    base_url: str
    credential: str = ""
    provider_model: str = ""
    price: Price = field(default_factory=Price)
    timeouts: Timeouts = field(default_factory=Timeouts)
    max_concurrency: int = 0
    max_output_tokens: int = 0
    more_credentials: tuple[str, ...] = ()
    api_version: str = ""

    def __hash__(self) -> int:
        """By its name alone, which is enough to tell those of a snapshot apart: what follows from a deployment is kept by it."""
        return hash(self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A model as callers may ask for it: its provider, and the day its entry is of (YYYY-MM-DD)."""

    name: str
    provider: str
    as_of: str
    context_window: int
    max_output_tokens: int
    embeds: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSnapshot:
    """Everything a worker verifies and executes with."""

    version: int
    digest: bytes
    created_at: datetime
    issuer: str
    deployments: Mapping[str, Deployment]
    keys: Mapping[str, Key]
    callers: Mapping[bytes, Caller]
    """By token_sha256."""
    models: Mapping[str, Listed] = field(default_factory=lambda: MappingProxyType({}))
    aliases: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """What each alias stands for: a model, `auto` or `auto:WORKLOAD`."""
    workloads: tuple[str, ...] = ()
