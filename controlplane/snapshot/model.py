"""The state that a decision reads, as immutable values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

from controlplane.budget.model import Budget
from controlplane.catalog.model import Alias, Deployment, DeploymentName, Model, ModelName
from controlplane.learning.model import Learned
from controlplane.policy.model import Policy, PolicyName, RouteSet, RouteSetName, RuleSet, RuleSetName, Workload


class HealthState(StrEnum):
    """Whether a deployment may be called, merged over all workers that report."""

    READY = "ready"
    OPEN = "open"
    HALF_OPEN = "half_open"
    NO_CREDENTIAL = "no_credential"
    MISCONFIGURED = "misconfigured"


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """The merged state of one deployment. `until`: when it will be tried again, if that is known."""

    state: HealthState
    until: datetime | None = None
    cause: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Streamed:
    """Medians over `samples` answers that came bit by bit: the time to the first token, and from then on for each token."""

    samples: int
    time_to_first_token: timedelta
    per_token: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """Medians over `samples` answers that came at once: the time, and the tokens."""

    samples: int
    latency: timedelta
    tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """What was measured on one deployment lately: medians over `samples` successful attempts.

    An answer that came at once counts in `time_to_first_token` with all its time. `streamed` and `whole` are about those of
    either kind whose tokens are known; None where there are none.
    """

    samples: int
    latency: timedelta
    time_to_first_token: timedelta
    streamed: Streamed | None = None
    whole: Whole | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """What is left of a limit. `reset_at`: when it begins anew, if that is known."""

    limit: int
    remaining: int
    reset_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Headroom:
    """What a provider's rate limits leave, as it said at `as_of`; None for a limit that it does not tell."""

    as_of: datetime
    requests: Room | None = None
    tokens: Room | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Peak:
    """The time to the first token as a moving average that takes every peak at once; `at` is when it last changed."""

    time_to_first_token: timedelta
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """What changes from second to second, under its own revision. `in_flight`: calls over all workers, where there are any."""

    revision: int = 0
    health: Mapping[DeploymentName, Health] = field(default_factory=lambda: MappingProxyType({}))
    statistics: Mapping[DeploymentName, Statistics] = field(default_factory=lambda: MappingProxyType({}))
    headroom: Mapping[DeploymentName, Headroom] = field(default_factory=lambda: MappingProxyType({}))
    in_flight: Mapping[DeploymentName, int] = field(default_factory=lambda: MappingProxyType({}))
    peaks: Mapping[DeploymentName, Peak] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    """Everything that configuration says, valid as a whole.

    Deployments, budgets and aliases are sorted by name; workloads are in order of matching, the last one matches everything.
    `digest` is SHA-256 over the canonical form.
    """

    digest: bytes
    models: Mapping[ModelName, Model]
    deployments: tuple[Deployment, ...]
    workloads: tuple[Workload, ...]
    policies: Mapping[PolicyName, Policy]
    rule_sets: Mapping[RuleSetName, RuleSet]
    budgets: tuple[Budget, ...] = ()
    aliases: Mapping[str, Alias] = field(default_factory=lambda: MappingProxyType({}))
    route_sets: Mapping[RouteSetName, RouteSet] = field(default_factory=lambda: MappingProxyType({}))
    learned: Learned | None = None
    """What was learned of the models' quality; the models' own scores hold where it says nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What a decision reads: configuration under `version`, and `live` beside it.

    `digest` covers catalog, policies and key set; a worker's snapshot of the same version has the same digest.
    """

    version: int
    digest: bytes
    created_at: datetime
    catalog: Catalog
    live: Live = field(default_factory=Live)
