"""Decisions as callers see them."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from turnout.inference.v1.payload_pb2 import Payload
from turnout.trust.v1.envelope_pb2 import Envelope
from turnout_client.money import usd
from turnout_client.words import Complexity, Domain, Notice, ReasonCode, TaskType


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Something to call, and what is expected of it: cost, time to the whole answer, chance of a good one (0 to 1).

    Cost and tokens of the answer are between `low` and `high` with nine chances in ten; both 0 where that is not known.
    """

    deployment: str
    model: str
    provider: str
    cost_nanousd: int
    latency: timedelta
    quality: float
    input_tokens: int
    output_tokens: int
    cost_low_nanousd: int = 0
    cost_high_nanousd: int = 0
    output_tokens_low: int = 0
    output_tokens_high: int = 0

    @property
    def cost_usd(self) -> Decimal:
        """The expected cost in dollars."""
        return usd(self.cost_nanousd)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of an execution; no bound on cost if it is 0."""

    max_attempts: int
    max_output_tokens: int
    max_cost_nanousd: int
    deadline: timedelta
    max_runs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """What the workload's baseline model would have been expected to cost, and its prices."""

    model: str
    cost_nanousd: int
    input_nanousd_per_mtok: int
    output_nanousd_per_mtok: int

    def cost_of(self, input_tokens: int, output_tokens: int) -> int:
        """What the tokens that were really used would have cost there, in nano-dollars."""
        millionths = input_tokens * self.input_nanousd_per_mtok + output_tokens * self.output_nanousd_per_mtok
        return (millionths + 500_000) // 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be called, in order, and why: `reason` in one sentence, `reason_code` in one word.

    `propensity` is the chance that the first target had; 1 where nothing was drawn.
    """

    targets: tuple[Target, ...]
    limits: Limits
    reason: str
    reason_code: ReasonCode
    notices: tuple[Notice, ...]
    workload: str
    policy: str
    task_type: TaskType
    complexity: Complexity
    domain: Domain | None
    confidence: float
    propensity: float
    baseline: Baseline | None
    route: str = ""
    """The semantic route of the request, if it has one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A signed plan. Workers obey `envelope`; everything else is what this client read in it.

    `payload` is what was decided on, if this client asked for the decision; `generate` and `stream` send these very bytes.
    """

    decision_id: str
    request_id: str
    plan: Plan
    issued_at: datetime
    expires_at: datetime
    request_digest: bytes
    snapshot_version: int
    envelope: Envelope = field(repr=False, compare=False)
    payload: Payload | None = field(default=None, repr=False, compare=False)

    @property
    def targets(self) -> tuple[Target, ...]:
        """What is called: the first, and the others if it fails, in order."""
        return self.plan.targets

    @property
    def model(self) -> str:
        """The model of the first target."""
        return self.targets[0].model

    @property
    def deployment(self) -> str:
        """The deployment of the first target."""
        return self.targets[0].deployment

    @property
    def provider(self) -> str:
        """The provider of the first target."""
        return self.targets[0].provider

    @property
    def reason(self) -> str:
        """Why the first target, in one sentence."""
        return self.plan.reason

    @property
    def reason_code(self) -> ReasonCode:
        """Why the first target, in one word."""
        return self.plan.reason_code

    @property
    def notices(self) -> tuple[Notice, ...]:
        """What else the reader must know."""
        return self.plan.notices

    @property
    def cost_nanousd(self) -> int:
        """What the first target is expected to cost."""
        return self.targets[0].cost_nanousd

    @property
    def cost_usd(self) -> Decimal:
        """The same in dollars."""
        return self.targets[0].cost_usd
