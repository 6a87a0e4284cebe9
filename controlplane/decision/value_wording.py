"""What a `value` strategy weighed, in sentences."""

from controlplane.decision.deliberation import Deliberation
from controlplane.decision.field import Tier
from controlplane.decision.model import Candidate
from controlplane.decision.value import Aim, target_text
from controlplane.decision.wording import apart, dollars, names
from controlplane.policy.model import StrategyKind


def weighed(of: Deliberation, primary: int, bar: str, figures: str) -> str:
    """Why the first target, with what the next model would cost and give beside it."""
    aim, model = of.aim, of.field.offers[primary].model
    if aim is not None and aim.lacking:
        which = model if model == aim.target.of else f"{model}, as {aim.target.of} may not serve or is under the floor,"
        return f"{which} for a target without a calibration that fits ({aim.lacking}): {figures}"
    if aim is not None and model not in aim.strategy.models:
        return f"none of the models that the target was calibrated for may serve, so the best other is taken: {figures}"
    strategy = of.strategy if of.strategy.kind is StrategyKind.VALUE else of.strategy.otherwise
    worth = worth_text(strategy.worth_nanousd) if strategy is not None else ""
    goal = f", the target's, at most {aim.target.within_ppm / 10_000:g} points below {aim.target.of}" if aim else ""
    return f"best value of {bar} at {worth} a good answer{goal}: {_beside_the_next(of, primary) or figures}"


def target_step(aim: Aim) -> str:
    """What stands for a target."""
    goal = f"target of {target_text(aim.target)}"
    if aim.calibration is None:
        return (
            f"{goal}: {aim.lacking}, so only {aim.target.of} counts as good enough; "
            "`turnout calibrate` finds out whether another may"
        )
    worth, models = worth_text(aim.calibration.worth_nanousd), names(aim.calibration.models)
    return f"{goal}: calibrated on {aim.calibration.prompts:,} prompts, a good answer is worth {worth}, of {models}"


def stranger_remark(aim: Aim) -> str:
    """Why a model comes after those that the target is about."""
    if aim.lacking:
        return f"the target has no calibration that fits, so only {aim.target.of} counts as good enough"
    return "the calibration of the target does not speak of its model, so it comes after those of which it does"


def versus(first: Candidate, other: Candidate) -> str:
    """Why `first` is worth more than `other`, with what the difference in quality is worth."""
    worth = round((_quality_worth(other) - _quality_worth(first)) * 1_000_000_000)
    surcharge = other.estimate.cost_nanousd - first.estimate.cost_nanousd
    much = _points(other.estimate.quality - first.estimate.quality)
    if worth > 0:
        gained, spent = apart(dollars, worth, surcharge)
        return f"{much} better is worth {gained}, and it costs {spent} more"
    if surcharge < 0:
        lost, saved = apart(dollars, -worth, -surcharge)
        return f"{much} worse loses {lost}, and it saves {saved}"
    if worth == surcharge == 0:
        return "it is as good at the same cost, and a tie goes to the quicker, the first by name"
    return f"it is {much} worse, and {_dearer(surcharge)}" if worth else f"it is as good, and {_dearer(surcharge)}"


def _quality_worth(candidate: Candidate) -> float:
    return next((term.value for term in candidate.score_terms if term.name == "quality"), 0.0)


def _dearer(surcharge: int) -> str:
    return f"costs {dollars(surcharge)} more" if surcharge else "costs the same"


def _beside_the_next(of: Deliberation, primary: int) -> str:
    """The first target beside the next model that reaches the floor; empty if there is none."""
    field, own = of.field, of.field.offers[primary].model
    models = of.strategy.models if of.aim is not None else ()
    other = next(
        (
            place
            for place in of.ranking.order
            if field.offers[place].model != own
            and field.tiers[place] is not Tier.BELOW
            and (not models or field.offers[place].model in models)
        ),
        None,
    )
    if other is None:
        return ""
    name, saved = field.offers[other].model, field.costs[other] - field.costs[primary]
    gained = field.quality(primary) - field.quality(other)
    if abs(gained) < 0.0005:
        return f"as good as {name} {_cheaper(saved)}"
    if gained < 0:
        return f"{dollars(saved)} cheaper than {name}, which is {_points(gained)} better"
    return f"{_points(gained)} better than {name} {_cheaper(saved)}"


def _cheaper(saved: int) -> str:
    if saved < 0:
        return f"for {dollars(-saved)} more"
    return f"and {dollars(saved)} cheaper" if saved else "at the same cost"


def worth_text(nanousd: int) -> str:
    """What a good answer is worth: `$0.01`, `$1.00`."""
    whole, _, cents = dollars(nanousd).partition(".")
    return f"{whole}.{cents[:2]}{cents[2:].rstrip('0')}" if cents else whole


def _points(difference: float) -> str:
    """Hundredths of quality: `3.1 points`."""
    points = abs(difference) * 100
    return f"{points:.1f} points" if points >= 0.1 else f"{points:.2f} points"
