"""What a plan holds in the accounts that pay for it, and which fallbacks they have room for."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from controlplane.budget.model import Hold, Measure, Purse
from controlplane.decision.means import Means, Most, hold_of, lacks, most
from controlplane.decision.model import Target
from controlplane.decision.offer import Offer
from turnout_wire.quick import quick


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """The accounts that were looked at, the holds of one run in them, and the most that its calls may cost together, None where no
    budget counts money. `latency` is that of the first target, or of what there was no room for.
    """

    purses: tuple[Purse, ...] = ()
    latency: timedelta = timedelta(0)
    holds: tuple[Hold, ...] = ()
    reserved_nanousd: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A planned target, with the most that one call of it may take."""

    target: Target
    most: Most


def within(means: Means, offers: Sequence[Offer], places: Sequence[int]) -> list[int]:
    """`places` without the fallbacks that some account has no room for; the first stays.

    Accounts for every model need room for each call alone, since what is held bounds all calls together. Those for some
    models need room for one call of each of their targets: a worker that stays within the whole may spend it on any of them.
    """
    kept = [places[0]]
    for place in places[1:]:
        if means.cannot_count(offers[place]) or means.is_short(offers[place]):
            continue
        if not means.of or _have_room(means, [offers[each] for each in (*kept, place)]):
            kept.append(place)
    return kept


def _have_room(means: Means, planned: Sequence[Offer]) -> bool:
    calls = [(offer.model, most(offer, means.size)) for offer in planned]
    purses = [purse for model in dict.fromkeys(model for model, _ in calls) for purse in means.of.get(model, ())]
    wanted: Counter[str] = Counter()
    for purse in purses:
        wanted[purse.account.id] += _together(purse, [need for model, need in calls if model == purse.model])
    return not any(lacks(purse, wanted[purse.account.id] * means.runs) for purse in purses)


def hold(means: Means, calls: Sequence[Call], max_attempts: int) -> Held:
    """What one run of `calls`, the first target first, holds in each account that pays for it.

    Money: the dearest calls that `max_attempts` allows together, or what the tightest account for every model has left for
    each run, if that is less. The first target alone must fit, or ValueError is raised.
    """
    first = calls[0].target
    planned = {call.target.model for call in calls}
    paying = [purse for purse in means.purses if not purse.model or purse.model in planned]
    reserved = _reserved(means, calls, max_attempts) if any(one.measure is Measure.COST for one in paying) else None
    found = []
    for purse in paying:
        concerned = [call for call in calls if purse.model in ("", call.target.model)]
        amount = _amount(purse, [call.most for call in concerned], reserved or 0)
        estimate = _estimate(purse.measure, first) if concerned[0] is calls[0] else 0
        if amount:
            found.append(hold_of(purse, amount, estimate))
    return Held(purses=means.purses, latency=first.estimate.latency, holds=tuple(found), reserved_nanousd=reserved)


def _reserved(means: Means, calls: Sequence[Call], max_attempts: int) -> int:
    dearest = sorted((call.most.cost_nanousd for call in calls), reverse=True)
    worst, first = sum(dearest[:max_attempts]), calls[0].most.cost_nanousd
    left = [purse.remaining // means.runs for purse in means.every if purse.measure is Measure.COST]
    if first and any(amount < first for amount in left):
        raise ValueError("the first target does not fit into the accounts that pay for it")
    return max(min([worst, *left]), first)


def _amount(purse: Purse, needs: Sequence[Most], reserved: int) -> int:
    if purse.measure is not Measure.COST:
        return _together(purse, needs)
    return min(_together(purse, needs), reserved) if purse.model else reserved


def _together(purse: Purse, needs: Sequence[Most]) -> int:
    """What calls take together: money adds up; a run counts once; of tokens the longest call counts, for what fails costs none."""
    amounts = [need.of(purse.measure) for need in needs]
    return sum(amounts) if purse.measure is Measure.COST else max(amounts)


def _estimate(measure: Measure, first: Target) -> int:
    match measure:
        case Measure.COST:
            return first.estimate.cost_nanousd
        case Measure.TOKENS:
            return first.estimate.input_tokens + first.estimate.output_tokens
        case Measure.REQUESTS:
            return 1
