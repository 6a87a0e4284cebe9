"""Classifiers of other packages: how they are found, and what they may read beside features."""

from collections.abc import Iterable, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Protocol, runtime_checkable

from controlplane.classification.ladder import Classifier
from controlplane.classification.model import Classification, Silence
from controlplane.classification.rules import Hint
from controlplane.policy.model import RESERVED_CLASSIFIERS, RuleSet
from turnout_features.model import Features

GROUP = "turnout.classifiers"
"""The group of entry points: each names something that is called without arguments and gives a Classifier, such as its class."""


SEMANTIC_ENCODER = "semantic_encoder"

_PACKAGED = EntryPoint(SEMANTIC_ENCODER, "controlplane.classification.semantic_encoder:SemanticEncoder", GROUP)
"""The one that comes with this software; no other package can take its name."""


class ClassifierUnfit(Exception):
    """There is no such classifier, or it is none; the message says why and what is installed."""


@runtime_checkable
class ReadsText(Protocol):
    """A classifier that also looks at the text.

    The control plane holds the text only of requests that came with their payload. For those `of_text` is asked, and for all others,
    whose callers sent features alone, the classifier is asked as any: it then answers from the features, or is silent.
    """

    def of_text(
        self,
        text: str,
        features: Features,
        rule_set: RuleSet,
        hint: Hint,
        earlier: Classification | None,
        /,
    ) -> Classification | Silence:
        """As a Classifier is called, and `text` is what is asked: the last user message, before a brief one what was asked earlier,
        and of what it brings along head and tail. It may be of any length up to that of a payload, and in any language.
        """
        ...


def installed(found: Iterable[EntryPoint] | None = None) -> Mapping[str, tuple[EntryPoint, ...]]:
    """What packages offer under each name; names of the software's own classifiers are left out."""
    offered: dict[str, tuple[EntryPoint, ...]] = {SEMANTIC_ENCODER: (_PACKAGED,)}
    for point in entry_points(group=GROUP) if found is None else found:
        if point.name not in RESERVED_CLASSIFIERS and point.name != SEMANTIC_ENCODER:
            offered[point.name] = (*offered.get(point.name, ()), point)
    return dict(sorted(offered.items()))


def load(name: str) -> Classifier:
    """Make the classifier `name`, with what its package does when it is imported. Raises ClassifierUnfit."""
    offered = installed()
    points = offered.get(name, ())
    if len(points) != 1:
        known = ", ".join(offered) or "none"
        reason = f"{len(points)} packages offer it" if points else f"no package offers it; installed are: {known}"
        raise ClassifierUnfit(f"classifier {name!r}: {reason}")
    try:
        made = points[0].load()()
    except Exception as error:
        raise ClassifierUnfit(f"classifier {name!r}: {points[0].value} fails with {type(error).__name__}") from error
    missing = [part for part in ("name", "sure", "limit") if not hasattr(made, part)]
    if missing or not callable(made):
        lacks = ", ".join(missing) or "a way to be called"
        raise ClassifierUnfit(f"classifier {name!r}: what {points[0].value} gives lacks {lacks}")
    classifier: Classifier = made
    return classifier
