"""How Gemini is told to think, as data (ai.google.dev/gemini-api/docs/thinking)."""

import re
from collections.abc import Mapping
from types import MappingProxyType

from dataplane.chat.model import Effort, Reasoning

Json = dict[str, object]

BUDGETS: Mapping[Effort, int] = MappingProxyType({Effort.LOW: 1024, Effort.MEDIUM: 8192, Effort.HIGH: 24576})
LEVELS: Mapping[Effort, str] = MappingProxyType({Effort.LOW: "low", Effort.MEDIUM: "medium", Effort.HIGH: "high"})

_THOUGHTLESS = re.compile(r"gemini-(?:1\.|2\.0)|gemma|.*embedding")
_BUDGETED = re.compile(r"gemini-2\.5")
_CANNOT_STOP = re.compile(r"gemini-2\.5-pro")
_LEAST_BUDGET = 128
_MINIMAL = re.compile(r"gemini-3[^-]*-flash")


def thinks(model: str) -> bool:
    """Whether `model` can be told how to think."""
    return not _THOUGHTLESS.match(model)


def setting(asked: Reasoning | None, model: str) -> Json:
    """The part of `generationConfig` that says how to think: a budget of tokens for Gemini 2.5, a level for later ones."""
    if asked is None or not thinks(model):
        return {}
    chosen = _budget(asked, model) if _BUDGETED.match(model) else _level(asked, model)
    if asked.include:
        chosen["includeThoughts"] = True
    return {"thinkingConfig": chosen} if chosen else {}


def _budget(asked: Reasoning, model: str) -> Json:
    """Pro cannot be kept from thinking altogether."""
    if asked.effort is Effort.NONE:
        return {"thinkingBudget": _LEAST_BUDGET if _CANNOT_STOP.match(model) else 0}
    budget = asked.max_tokens or BUDGETS.get(asked.effort, 0)
    return {"thinkingBudget": max(budget, _LEAST_BUDGET)} if budget else {}


def _level(asked: Reasoning, model: str) -> Json:
    """None of them can be kept from thinking; the least is a level that only Flash has."""
    if asked.effort is Effort.NONE:
        return {"thinkingLevel": "minimal" if _MINIMAL.match(model) else "low"}
    return {"thinkingLevel": LEVELS[asked.effort]} if asked.effort in LEVELS else {}
