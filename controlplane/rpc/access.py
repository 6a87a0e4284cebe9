"""Who may call what; a method that is not here cannot be served, and a test compares this with the contract."""

from collections.abc import Mapping
from types import MappingProxyType

from controlplane.access.model import Role
from turnout_wire.layers import Rule

_CALL = Rule(roles=frozenset({Role.CALLER}))
_DECIDE = Rule(roles=frozenset({Role.CALLER, Role.WORKER}))
"""Gateways in workers ask on behalf of callers."""
_READ = Rule(roles=frozenset({Role.CALLER, Role.OPERATOR}))
_OPERATE = Rule(roles=frozenset({Role.OPERATOR}))
_REPORT = Rule(roles=frozenset({Role.WORKER}))
_LISTEN = Rule(roles=frozenset({Role.WORKER}), deadline=False)
"""A stream that lasts as long as its worker has no deadline."""
_KEYS = Rule(roles=frozenset({Role.CALLER, Role.WORKER, Role.OPERATOR}))


def _all(service: str, rule: Rule, *methods: str) -> dict[str, Rule]:
    return {f"turnout.{service}/{method}": rule for method in methods}


ACCESS: Mapping[str, Rule] = MappingProxyType(
    {
        **_all("routing.v1.RoutingService", _DECIDE, "DecideRoute", "DecideRoutes", "GetRuleSet"),
        **_all("routing.v1.RoutingService", _CALL, "ExplainRoute", "Classify"),
        **_all("catalog.v1.CatalogService", _READ, "ListModels", "GetModel", "ListDeployments", "GetDeployment"),
        **_all("catalog.v1.CatalogService", _OPERATE, "CreateModel", "UpdateModel", "DeleteModel"),
        **_all("catalog.v1.CatalogService", _OPERATE, "CreateDeployment", "UpdateDeployment", "DeleteDeployment"),
        **_all("catalog.v1.CatalogService", _OPERATE, "ImportQualityModel", "ListQualityModels"),
        **_all("catalog.v1.CatalogService", _OPERATE, "ActivateQualityModel", "RollbackQualityModel"),
        **_all("snapshot.v1.SnapshotService", _LISTEN, "StreamSnapshots"),
        **_all("snapshot.v1.SnapshotService", _REPORT, "GetSnapshot"),
        **_all("job.v1.JobService", _LISTEN, "StreamJobs"),
        **_all("outcome.v1.OutcomeService", _REPORT, "ReportReceipts"),
        **_all("outcome.v1.OutcomeService", _READ, "SubmitFeedback"),
        **_all("budget.v1.BudgetService", _READ, "ListBudgets", "GetBudget", "ListAlerts"),
        **_all("audit.v1.AuditService", _READ, "GetDecision", "ListDecisions"),
        **_all("audit.v1.AuditService", _KEYS, "GetCheckpoint", "GetInclusionProof", "GetConsistencyProof"),
        **_all("audit.v1.AuditService", _OPERATE, "ListEntries", "Reconcile", "EraseBodies"),
        **_all("insight.v1.InsightService", _READ, "GetReport", "GetSegments", "GetDrift"),
        **_all("insight.v1.InsightService", _OPERATE, "PinDriftReference", "UnpinDriftReference", "AcknowledgeDrift"),
        **_all("trust.v1.KeyService", _KEYS, "GetKeySet"),
        **_all("access.v1.ApiKeyService", _OPERATE, "CreateApiKey", "ListApiKeys", "RotateApiKey", "RevokeApiKey"),
        **_all("trust.v1.KeyAdminService", _OPERATE, "PrepareKey", "ActivateKey", "RevokeKey"),
    }
)
