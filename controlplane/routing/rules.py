"""Which rule set reads a request, before it is known what the request is."""

from controlplane.decision.matching import selects_origin
from controlplane.decision.model import Origin
from controlplane.policy.model import RuleSet, Workload
from controlplane.snapshot.model import Catalog


def rule_set_for(origin: Origin, policy: str, catalog: Catalog) -> RuleSet:
    """The rule set of the policy that the request names, or of the first workload that its origin fits.

    Selectors on content cannot take part yet, for it is the rule set that says what the content is. Names that are not known
    fall through to the last workload; the decision refuses them afterwards, with its own reason.
    """
    named = next((found for name, found in catalog.policies.items() if name == policy), None)
    if named is None:
        named = catalog.policies[_workload(origin, catalog).policy]
    return catalog.rule_sets[named.rule_set]


def _workload(origin: Origin, catalog: Catalog) -> Workload:
    if origin.workload:
        fitting = (workload for workload in catalog.workloads if workload.name == origin.workload)
    else:
        fitting = (workload for workload in catalog.workloads if selects_origin(workload.when, origin))
    return next(fitting, catalog.workloads[-1])
