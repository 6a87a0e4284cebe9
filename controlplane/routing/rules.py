"""Which rule set reads a request, before it is known what the request is."""

from controlplane.decision.matching import selects_origin, workload_asked
from controlplane.decision.model import Origin
from controlplane.policy.model import Policy, PolicyName, RuleSet, Workload
from controlplane.snapshot.model import Catalog


def rule_set_for(origin: Origin, policy: str, catalog: Catalog, model: str = "") -> RuleSet:
    """The rule set of the policy that `policy_for` finds."""
    return catalog.rule_sets[policy_for(origin, policy, catalog, model).rule_set]


def policy_for(origin: Origin, policy: str, catalog: Catalog, model: str = "") -> Policy:
    """The policy that says how a request is read: the one that it names, or that of the workload that it names, or that of
    the first whose origin it fits.

    `model` is what it asks for by name: `auto:WORKLOAD` names a workload.

    Selectors on content cannot take part yet, for it is the rule set that says what the content is. Names that are not known
    fall through to the last workload; the decision refuses them afterwards, with its own reason.
    """
    named = catalog.policies.get(PolicyName(policy))
    return named or catalog.policies[_workload(model, origin, catalog).policy]


def _workload(model: str, origin: Origin, catalog: Catalog) -> Workload:
    if name := workload_asked(model, origin, catalog):
        fitting = (workload for workload in catalog.workloads if workload.name == name)
    else:
        fitting = (workload for workload in catalog.workloads if selects_origin(workload.when, origin))
    return next(fitting, catalog.workloads[-1])
