"""What is worked out of a snapshot once, for all decisions under it."""

from collections.abc import Callable

from controlplane.decision.index import SnapshotIndex, index
from controlplane.policy.model import RouteSet, RuleSet
from controlplane.routing.on_route import Match
from controlplane.snapshot.model import Snapshot
from turnout_features import RulePatterns


class WorkedOut:
    """What is worked out once: the index of the newest snapshot, the compiled patterns of its rule sets, its semantic routes."""

    def __init__(self, routes: Callable[[RouteSet], Match]) -> None:
        """`routes` works a route set out, each once."""
        self.routes = routes
        self._snapshot: Snapshot | None = None
        self._index: SnapshotIndex | None = None
        self._patterns: dict[bytes, RulePatterns] = {}

    def index(self, snapshot: Snapshot) -> SnapshotIndex:
        """The index of `snapshot`; what did not change since the one before is taken from that."""
        if self._index is None or self._snapshot is not snapshot:
            self._snapshot, self._index = snapshot, index(snapshot, self._index)
        return self._index

    def patterns(self, rules: RuleSet) -> RulePatterns:
        """The compiled patterns of `rules`."""
        found = self._patterns.get(rules.digest)
        if found is None:
            found = self._patterns[rules.digest] = compiled(rules)
        return found

    def prepare(self, snapshot: Snapshot) -> None:
        """Compile everything that `snapshot` needs, and forget what it does not, before anybody asks."""
        self.index(snapshot)
        rule_sets = snapshot.catalog.rule_sets.values()
        self._patterns = {rules.digest: self.patterns(rules) for rules in rule_sets}
        for route_set in snapshot.catalog.route_sets.values():
            self.routes(route_set)


def compiled(rules: RuleSet) -> RulePatterns:
    """The patterns of a rule set as one RE2 set."""
    return RulePatterns.compiled([(rule.signal, rule.regex) for rule in rules.patterns], rules.digest)
