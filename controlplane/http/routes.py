"""Which method of the contract a path stands for; its rule of access is the method's."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message

from controlplane.http.chat import explained, with_payload
from controlplane.http.telling import to_json, with_plan

_BUDGET = "turnout.budget.v1.BudgetService"
_CATALOG = "turnout.catalog.v1.CatalogService"
_INSIGHT = "turnout.insight.v1.InsightService"
_OUTCOME = "turnout.outcome.v1.OutcomeService"
_ROUTING = "turnout.routing.v1.RoutingService"

SMALL = 64 * 1024
"""Bytes of a body without a payload; the largest has a comment of 2,000 characters."""
LARGE = 12 * 1024 * 1024
"""Bytes of a body with one: 8 MiB in base64, and what stands around it."""


def _as_it_is(document: dict[str, Any]) -> dict[str, Any]:
    return document


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A verb, a path with the fields that stand in it, and `package.Service/Method`.

    GET takes the request's other fields as query parameters, with `defaults` for those that are absent; POST takes a JSON object of at most
    `most` bytes, which `written` makes into one by the names of the contract. `told` is the answer as JSON.
    """

    verb: str
    path: str
    method: str
    does: str
    """In one sentence."""
    most: int = SMALL
    defaults: tuple[tuple[str, str], ...] = ()
    written: Callable[[dict[str, Any]], dict[str, Any]] = _as_it_is
    told: Callable[[Message], Mapping[str, object]] = to_json


ROUTES = (
    Route(
        verb="POST",
        path="/v1/route",
        method=f"{_ROUTING}/DecideRoute",
        does="Decide which model answers a request; gives the signed decision, and in `plan` what it says.",
        most=LARGE,
        written=with_payload,
        told=with_plan,
    ),
    Route(
        verb="POST",
        path="/v1/explain",
        method=f"{_ROUTING}/ExplainRoute",
        does="Tell what would be decided and why: every candidate, and what keeps it from being chosen.",
        most=LARGE,
        written=explained,
    ),
    Route(
        verb="POST",
        path="/v1/classify",
        method=f"{_ROUTING}/Classify",
        does="Tell what a request is taken for.",
        most=LARGE,
        written=with_payload,
    ),
    Route(
        verb="GET",
        path="/v1/models",
        method=f"{_CATALOG}/ListModels",
        does="List the models of the catalog.",
    ),
    Route(verb="GET", path="/v1/models/{name}", method=f"{_CATALOG}/GetModel", does="Get a model of the catalog."),
    Route(
        verb="GET",
        path="/v1/metrics",
        method=f"{_INSIGHT}/GetReport",
        does="Sum up what was routed: requests, success rate, cost, savings, latency, and each model's share unless grouped otherwise.",
        defaults=(("group_by", "model"),),
    ),
    Route(
        verb="GET",
        path="/v1/drift",
        method=f"{_INSIGHT}/GetDrift",
        does="Tell whether the mix of requests, the confidence and the quality of each workload are still as they were.",
    ),
    Route(
        verb="GET",
        path="/v1/budget",
        method=f"{_BUDGET}/ListBudgets",
        does="List accounts of budgets with what is left of them.",
    ),
    Route(
        verb="GET",
        path="/v1/budget/{name}",
        method=f"{_BUDGET}/GetBudget",
        does="Get one budget and its accounts.",
    ),
    Route(
        verb="POST",
        path="/v1/feedback",
        method=f"{_OUTCOME}/SubmitFeedback",
        does="Say how good an answer was.",
    ),
)
