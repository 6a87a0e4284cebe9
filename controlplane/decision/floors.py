"""The least quality that counts as good enough for a request, and who asks for it."""

from dataclasses import dataclass

from controlplane.catalog.model import Complexity
from controlplane.decision.matching import Match
from controlplane.decision.model import Operation, QualityFloor, Request
from turnout_wire.quick import quick

_LADDER = tuple(Complexity)
_NONE = QualityFloor(quality=0.0, source="override")


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Floors:
    """`general` is for every model; `pinned` for one that an override names: there the operator's word replaces the
    floor by complexity, and only what an override or the request itself insists on remains.

    `complexity` is the one that the floor was taken for; `unsure` if it had to be guessed upwards.
    """

    general: QualityFloor
    pinned: QualityFloor
    complexity: Complexity
    unsure: bool


def floors(request: Request, match: Match, eased: float = 0.0) -> Floors:
    """The floors for `request` under what matched.

    The highest of three counts: the policy's for the complexity, that of any matching override, the request's own.
    If the classifier is less sure than the policy wants, the floor is that of the next complexity: taking a hard request
    for an easy one costs an answer, taking an easy one for hard costs a fraction of a cent. The policy's own floor is lowered by
    `eased`, for the time when a budget comes to its end. Vectors are not better for a harder text: for them only the request's
    own floor counts.
    """
    found = request.classification
    unsure = found.confidence < match.policy.low_confidence
    complexity = _step_up(found.complexity) if unsure else found.complexity
    usual = match.policy.quality_floors.get(complexity, 0.0) if request.operation is Operation.CHAT else 0.0
    by_complexity = QualityFloor(quality=max(round(usual - eased, 9), 0.0) if eased else usual, source="complexity")
    pinned = _insisted(request, match)
    general = pinned if pinned.quality > by_complexity.quality else by_complexity
    return Floors(general=general, pinned=pinned, complexity=complexity, unsure=unsure)


def _insisted(request: Request, match: Match) -> QualityFloor:
    """The highest that an override or the request asks for."""
    highest = _NONE
    for override in match.overrides:
        if override.min_quality is not None and override.min_quality > highest.quality:
            highest = QualityFloor(quality=override.min_quality, source="override")
    asked = request.constraints.min_quality
    if asked is not None and asked > highest.quality:
        return QualityFloor(quality=asked, source="request")
    return highest


def _step_up(complexity: Complexity) -> Complexity:
    return _LADDER[min(_LADDER.index(complexity) + 1, len(_LADDER) - 1)]
