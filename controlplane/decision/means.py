"""What pays for a request: what one call may take at most, and which accounts must have room for it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from controlplane.budget.matching import Balances, Bearer, purses
from controlplane.budget.model import Hold, Measure, Purse, Shortage
from controlplane.decision.index import CatalogIndex
from controlplane.decision.matching import Match
from controlplane.decision.model import Operation, Request
from controlplane.decision.offer import Offer
from controlplane.policy.model import ExecutionLimits, NearEnd, NearEndAction
from turnout_wire.quick import quick

EXACT_MARGIN = 64
"""Tokens for what a provider puts around messages and tools, beside an eighth, where tokens are those that features count."""

OTHER_MARGIN = 512
"""The same for other models, beside a half: with tools some providers add a prompt of 350 tokens (Anthropic)."""

IMAGE_MARGIN = 2_000
"""Tokens for a picture beyond those that features count for it."""

_PER_MTOK = 1_000_000


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Most:
    """The most that one call may take."""

    cost_nanousd: int
    tokens: int

    def of(self, measure: Measure) -> int:
        """As a budget counts it."""
        match measure:
            case Measure.COST:
                return self.cost_nanousd
            case Measure.TOKENS:
                return self.tokens
            case Measure.REQUESTS:
                return 1


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """What the longest call of a request is made of; `output_limit` is the longest answer that policy and caller allow."""

    input_tokens: int
    images: int
    output_limit: int


def most(offer: Offer, size: Size) -> Most:
    """The most that one call of `offer` may take."""
    tokens = most_input(offer, size.input_tokens, size.images)
    output = min(size.output_limit, offer.max_output_tokens)
    return Most(cost_nanousd=most_cost(offer, tokens, output), tokens=tokens + output)


def most_cost(offer: Offer, input_tokens: int, output_tokens: int) -> int:
    """The cost in nano-dollars, rounded up, with all input at the dearest of its prices."""
    per_input, per_output = offer.dearest
    return -(-(input_tokens * per_input + output_tokens * per_output) // _PER_MTOK)


def most_input(offer: Offer, counted: int, images: int) -> int:
    """The most tokens that `offer` may read where features counted so many.

    What is counted are o200k tokens of the text. Tokenizers of other makers cut the same text into up to 40 % more, so that a
    half is added; where the same tokens are read, an eighth is, for what providers put around them. A script that another
    tokenizer treats worse than that can go beyond, and is then booked at what it cost.
    """
    margin = -(-counted // 8) + EXACT_MARGIN if offer.counts_exactly else -(-counted // 2) + OTHER_MARGIN
    return counted + margin + images * IMAGE_MARGIN


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """The accounts that pay for a request: those for calls of `every` model, and those `of` one alone.

    `size` is that of the longest call. `runs`: how often the decision may be run, since each run takes as much. `degrade`: what has
    no room is passed over, where else it is refused. `low`: the account that comes to its end, if the policy then takes what is
    cheaper. `selective`: budgets may exclude something before anything is chosen.
    """

    purses: tuple[Purse, ...]
    every: tuple[Purse, ...]
    of: Mapping[str, tuple[Purse, ...]]
    size: Size
    runs: int
    degrade: bool
    low: Purse | None
    selective: bool

    def paying(self, model: str) -> tuple[Purse, ...]:
        """The accounts that calls of `model` are paid from."""
        return self.every + self.of.get(model, ())

    def bars(self, offer: Offer) -> bool:
        """Whether budgets exclude `offer`."""
        return self.selective and (self.cannot_count(offer) or (self.degrade and self.is_short(offer)))

    def cannot_count(self, offer: Offer) -> bool:
        """Whether money counts here and `offer` has neither a price nor the mark that it is free."""
        return offer.unpriced and any(purse.measure is Measure.COST for purse in self.paying(offer.model))

    def is_short(self, offer: Offer) -> bool:
        """Whether some account has no room for one call of `offer` in each run."""
        need = most(offer, self.size)
        return any(lacks(purse, need.of(purse.measure) * self.runs) for purse in self.paying(offer.model))

    def shortages(self, offer: Offer) -> tuple[Shortage, ...]:
        """The accounts that have no room for one call of `offer` in each run, with what all runs need."""
        need = most(offer, self.size)
        return tuple(
            Shortage(hold=hold_of(purse, amount, amount), balance=purse.balance)
            for purse in self.paying(offer.model)
            if lacks(purse, amount := need.of(purse.measure) * self.runs)
        )


def lacks(purse: Purse, amount: int) -> bool:
    """Whether `purse` has no room for `amount`. For nothing there is always room."""
    return amount > 0 and purse.remaining < amount


def hold_of(purse: Purse, amount: int, estimate: int) -> Hold:
    """So much of a purse."""
    return Hold(
        account=purse.account,
        measure=purse.measure,
        limit=purse.limit,
        amount=amount,
        estimate=min(estimate, amount),
        model=purse.model,
    )


def means(request: Request, match: Match, index: CatalogIndex, balances: Balances, now: datetime) -> Means | None:
    """What pays for `request`; None if no budget applies to it."""
    budgets = index.catalog.budgets
    if not budgets:
        return None
    workload = match.workload
    bearer = Bearer(tenant=request.tenant, team=workload.owner, workload=workload.name, key=request.key)
    found = purses(budgets, bearer, index.model_names, balances, now)
    if not found:
        return None
    near = match.policy.budget
    degrade = near.action is NearEndAction.DEGRADE
    of: dict[str, tuple[Purse, ...]] = {}
    for purse in found:
        if purse.model:
            of[purse.model] = (*of.get(purse.model, ()), purse)
    every = tuple(purse for purse in found if not purse.model)
    return Means(
        purses=found,
        every=every,
        of=MappingProxyType(of),
        size=Size(
            input_tokens=request.features.input_tokens,
            images=request.features.images,
            output_limit=longest_answer(request, match.policy.limits),
        ),
        runs=request.max_runs,
        degrade=degrade,
        low=_low(every, near),
        selective=degrade or index.unpriced,
    )


def longest_answer(request: Request, limits: ExecutionLimits) -> int:
    """The longest answer, in tokens, that caller and policy allow; the caller may say nothing, or 0. Vectors have none."""
    if request.operation is Operation.EMBED:
        return 0
    return min(request.features.max_output_tokens, limits.max_output_tokens) or limits.max_output_tokens


def _low(every: tuple[Purse, ...], near: NearEnd) -> Purse | None:
    """The money account nearest its end, if it is below the share that the policy names."""
    if near.action is not NearEndAction.DEGRADE:
        return None
    ending = [purse for purse in every if purse.measure is Measure.COST and purse.remaining < near.below * purse.limit]
    return min(ending, key=_left, default=None)


def _left(purse: Purse) -> float:
    """The share of the limit that remains; of nothing, after it was lowered to that, nothing is as far gone."""
    return purse.remaining / purse.limit if purse.limit else -math.inf
