"""What a request asks for by name: a model, a workload, or any model that fits."""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from controlplane.catalog.model import Alias, ModelName
from controlplane.decision.wording import names
from controlplane.snapshot.model import Catalog
from turnout_wire.failure import Failure

AUTO = "auto"
"""What asks for any model that fits; followed by a colon and a workload, as a request of that workload."""

_MOST_CLOSE = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """What a name stands for: `model` is pinned, `workload` the one that the request belongs to; both empty if it is free.

    `alias` is the name that was given, where it is one.
    """

    model: ModelName | None = None
    workload: str = ""
    alias: str = ""


_FREE = Named()


def named(asked: str, catalog: Catalog) -> Named:
    """What `asked` stands for in `catalog`. Raises Failure MODEL_UNKNOWN with the names that are close."""
    if not asked or asked == AUTO:
        return _FREE
    found = _resolved(asked, catalog.aliases)
    if found.model is not None and found.model not in catalog.models:
        raise _unknown(asked, catalog)
    return found


def named_workload(asked: str, catalog: Catalog) -> str:
    """The workload in what is asked for by name, known or not; empty if there is none in it."""
    return _resolved(asked, catalog.aliases).workload if asked else ""


def _resolved(asked: str, aliases: Mapping[str, Alias]) -> Named:
    """An alias wins over a model of the same name; what it stands for is no alias again."""
    alias = aliases.get(asked)
    target = asked if alias is None else alias.target
    given = "" if alias is None else alias.name
    auto, _, workload = target.partition(":")
    if auto == AUTO:
        return Named(workload=workload, alias=given)
    return Named(model=ModelName(target), alias=given)


def _unknown(asked: str, catalog: Catalog) -> Failure:
    known = [*catalog.models, *catalog.aliases]
    by_lower = {name.lower(): name for name in known}
    close = [by_lower[word] for word in get_close_matches(asked.lower(), by_lower, n=_MOST_CLOSE)]
    told = f"did you mean {' or '.join(close)}?" if close else f"the catalog has {names(known)};"
    return Failure(
        "MODEL_UNKNOWN",
        f"model: there is no model and no alias {asked!r}; {told} `{AUTO}` takes what fits best",
        field="model",
        metadata={"model": asked},
    )
