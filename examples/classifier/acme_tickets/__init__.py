"""A classifier that knows the tickets of a help desk by the form that they are written in."""

import re
from datetime import timedelta

from controlplane.catalog.model import Complexity, TaskType
from controlplane.classification.model import Classification, Signal, Silence
from controlplane.classification.rules import Hint
from controlplane.policy.model import RuleSet
from turnout_features.model import Features

_TICKET = re.compile(r"\b(?:INC|REQ)-[0-9]{3,9}\b")
_SEVERE = re.compile(r"\bP1\b")


class Tickets:
    """Says what a ticket asks; silent about all else."""

    name = "acme"
    sure = 0.8
    limit = timedelta(milliseconds=20)

    def __call__(
        self, _features: Features, _rule_set: RuleSet, _hint: Hint, _earlier: Classification | None, /
    ) -> Classification | Silence:
        """Without the text there is nothing to look at."""
        return Silence("it looks at the text, which did not come with the request")

    def of_text(
        self,
        text: str,
        _features: Features,
        _rule_set: RuleSet,
        _hint: Hint,
        _earlier: Classification | None,
        /,
    ) -> Classification | Silence:
        """A ticket is answered from what is known, and one of the highest urgency is thought through."""
        if _TICKET.search(text) is None:
            return Silence("it is no ticket")
        severe = _SEVERE.search(text) is not None
        return Classification(
            task_type=TaskType.REASONING if severe else TaskType.QA,
            complexity=Complexity.COMPLEX if severe else Complexity.SIMPLE,
            domain=None,
            confidence=0.95,
            classifier=self.name,
            signals=(Signal(name="acme.ticket", votes_for=f"task_type={'reasoning' if severe else 'qa'}", weight=3.0),),
        )
