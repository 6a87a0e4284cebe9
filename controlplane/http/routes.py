"""Which method of the contract a path stands for; its rule of access is the method's."""

from dataclasses import dataclass

_BUDGET = "turnout.budget.v1.BudgetService"
_INSIGHT = "turnout.insight.v1.InsightService"
_OUTCOME = "turnout.outcome.v1.OutcomeService"


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A verb, a path with the fields that stand in it, and `package.Service/Method`.

    GET takes the request's other fields as query parameters, POST as a JSON object.
    """

    verb: str
    path: str
    method: str


ROUTES = (
    Route(verb="GET", path="/v1/budget", method=f"{_BUDGET}/ListBudgets"),
    Route(verb="GET", path="/v1/budget/{name}", method=f"{_BUDGET}/GetBudget"),
    Route(verb="GET", path="/v1/metrics", method=f"{_INSIGHT}/GetReport"),
    Route(verb="POST", path="/v1/feedback", method=f"{_OUTCOME}/SubmitFeedback"),
)
