"""Strategies as entries of a policy."""

from collections.abc import Callable, Mapping
from typing import Any

from controlplane.catalog.document.node import At, Scalar
from controlplane.catalog.document.problem import ProblemKind
from controlplane.catalog.document.read import Field, each, mapped, optional, record, required, table
from controlplane.catalog.document.scalar import integer, name_like, share, text, usd, word_of
from controlplane.catalog.entry import MAX_WEIGHT, model_name
from controlplane.catalog.model import ModelName
from controlplane.policy.model import QualityTarget, RouteName, RouteTarget, Strategy, StrategyKind

MAX_NAMES = 1_000
MAX_ROUTES = 1_000
"""Routes of all sets of a document together."""
MAX_USD_PER_REQUEST = 1_000_000
MOST_WITHIN = 0.5
"""Of quality that a target may give away; beyond it there is nothing to hold."""
CONFIDENCES = (0.5, 0.999)
PPM = 1_000_000

NAMES_ALLOWED = "lower case letters, digits, `.`, `_` and `-`, a letter or digit first"
route_name = name_like(r"[a-z0-9][a-z0-9._-]{0,126}", "route", NAMES_ALLOWED)
read_models = each(model_name, limit=MAX_NAMES)

_SHARES = ("quality_share", "cost_share", "latency_share")
_kind = word_of(StrategyKind, "strategy")

TARGET_FIELDS: Mapping[str, Field] = {"models": optional(read_models), "tier": optional(text)}


def _route_target(at: At) -> RouteTarget:
    fields = record(at, TARGET_FIELDS, noun="target of a route")
    models = tuple(dict.fromkeys(ModelName(name) for name in fields.get("models", ())))
    if bool(models) == ("tier" in fields):
        way_out = "give it `models`, best first, or else `tier`"
        raise at.refuse(ProblemKind.NO_EFFECT, "a route takes either models or a tier", way_out)
    return RouteTarget(models=models, tier=fields.get("tier", ""))


def _worth(at: At) -> int:
    worth = usd(MAX_USD_PER_REQUEST)(at)
    if worth == 0:
        way_out = "say what a good answer is worth, such as `0.01`, or write `cheapest`"
        raise at.refuse(ProblemKind.OUT_OF_RANGE, "an answer that is worth nothing leaves nothing to weigh", way_out)
    return worth


def _within(low: float, high: float, example: str) -> Callable[[At], int]:
    """A share in millionths, more than 0 and from `low` to `high`."""

    def read(at: At) -> int:
        found = share(at)
        if not low <= found <= high or round(found * PPM) == 0:
            least = f"{low:g}" if low else "more than 0"
            raise at.refuse(
                ProblemKind.OUT_OF_RANGE, f"{found:g} is out of range", f"give {example}; from {least} to {high:g}"
            )
        return round(found * PPM)

    return read


QUALITY_TARGET_FIELDS: Mapping[str, Field] = {
    "of": required(model_name),
    "within": required(_within(0.0, MOST_WITHIN, "how far below it the mean quality may be, such as `0.02`")),
    "confidence": required(_within(*CONFIDENCES, "how sure that is, such as `0.95`")),
}


def _quality_target(at: At) -> QualityTarget:
    fields = record(at, QUALITY_TARGET_FIELDS, noun="target of quality")
    return QualityTarget(of=ModelName(fields["of"]), within_ppm=fields["within"], confidence_ppm=fields["confidence"])


def _otherwise(at: At) -> Strategy:
    """What chooses out of scope: every kind but `semantic` itself, which would ask the same again.

    A target is for all that a workload asks: it says nothing of the part that no route takes.
    """
    strategy = read_strategy(at)
    if strategy.target is not None:
        reason = "a target is about all requests of a workload, and `otherwise` chooses for some of them"
        raise at.down("target").refuse(ProblemKind.NO_EFFECT, reason, "give `worth_usd` instead of `target`")
    if strategy.kind is StrategyKind.SEMANTIC:
        others = ", ".join(kind for kind in StrategyKind if kind is not StrategyKind.SEMANTIC)
        raise at.refuse(ProblemKind.NO_EFFECT, "`semantic` cannot stand in for itself", f"write one of {others}")
    return strategy


STRATEGY_FIELDS: Mapping[StrategyKind, Mapping[str, Field]] = {
    StrategyKind.FIXED: {"kind": required(_kind), "models": required(read_models)},
    StrategyKind.WEIGHTED: {
        "kind": required(_kind),
        "weights": required(mapped(model_name, integer(1, MAX_WEIGHT), limit=MAX_NAMES)),
    },
    StrategyKind.CHEAPEST: {"kind": required(_kind)},
    StrategyKind.BALANCED: {"kind": required(_kind), **dict.fromkeys(_SHARES, optional(share))},
    StrategyKind.SEMANTIC: {
        "kind": required(_kind),
        "routes": required(mapped(route_name, _route_target, limit=MAX_ROUTES)),
        "otherwise": required(_otherwise),
    },
    StrategyKind.VALUE: {
        "kind": required(_kind),
        "worth_usd": optional(_worth),
        "target": optional(_quality_target),
    },
}
"""Each kind of strategy with its own parameters: those of another one would say nothing."""


def read_strategy(at: At) -> Strategy:
    """The strategy at `at`: a table, or only the kind. Raises Refused."""
    if isinstance(at.node, Scalar):
        kind = _kind(at)
        needy = any(field.required for name, field in STRATEGY_FIELDS[kind].items() if name != "kind")
        if needy or kind is StrategyKind.VALUE:
            raise at.refuse(ProblemKind.NO_EFFECT, f"`{kind}` alone chooses nothing", _WAYS_OUT[kind])
        return Strategy(kind=kind)
    entry = table(at).find("kind")
    if entry is None:
        way_out = f"add `kind:` and one of {', '.join(StrategyKind)}"
        raise at.refuse(ProblemKind.MISSING_FIELD, "a strategy needs `kind`", way_out)
    kind = _kind(at.field(entry))
    return _strategy(at, kind, record(at, STRATEGY_FIELDS[kind], noun=f"`{kind}` strategy"))


_WAYS_OUT = {
    StrategyKind.FIXED: "list at least one model under `models`, best first",
    StrategyKind.WEIGHTED: "give at least one model a weight under `weights`",
    StrategyKind.SEMANTIC: "give at least one route its models under `routes`, and say under `otherwise` what chooses for the rest",
    StrategyKind.BALANCED: "give at least one of quality_share, cost_share and latency_share a value above 0",
    StrategyKind.VALUE: "give it either `worth_usd`, what a good answer is worth, or `target: {of: MODEL, within: 0.02, confidence: 0.95}`",
}


def _strategy(at: At, kind: StrategyKind, fields: Mapping[str, Any]) -> Strategy:
    if "worth_usd" in fields and "target" in fields:
        reason = "a target finds its worth by calibration, and this strategy gives one as well"
        raise at.down("worth_usd").refuse(ProblemKind.NO_EFFECT, reason, "remove `worth_usd` or `target`")
    strategy = Strategy(
        kind=kind,
        models=tuple(ModelName(name) for name in fields.get("models", ())),
        weights=tuple(sorted((ModelName(name), weight) for name, weight in fields.get("weights", {}).items())),
        routes=tuple(sorted((RouteName(name), target) for name, target in fields.get("routes", {}).items())),
        otherwise=fields.get("otherwise"),
        worth_nanousd=fields.get("worth_usd", 0),
        target=fields.get("target"),
        **{name: fields[name] for name in _SHARES if name in fields},
    )
    chooses = {
        StrategyKind.FIXED: bool(strategy.models),
        StrategyKind.WEIGHTED: bool(strategy.weights),
        StrategyKind.SEMANTIC: bool(strategy.routes),
        StrategyKind.BALANCED: any(getattr(strategy, name) for name in _SHARES),
        StrategyKind.VALUE: bool(strategy.worth_nanousd) or strategy.target is not None,
    }
    if not chooses.get(kind, True):
        raise at.refuse(ProblemKind.NO_EFFECT, f"this `{kind}` strategy chooses nothing", _WAYS_OUT[kind])
    return strategy
