"""The Python client of Turnout: decide which model answers, run the decision, or both in one.

    async with Client(control="127.0.0.1:7411", workers=["127.0.0.1:7421"], token=token) as turnout:
        answer = await turnout.chat("Why is the sky blue?")
        print(answer.text, answer.model, answer.cost_usd)

`SyncClient` is the same without `await`.
"""

from turnout_client.answer import (
    Answer,
    Attempt,
    Delta,
    Event,
    Finish,
    Receipt,
    SkippedTarget,
    Thinking,
    ThinkingDelta,
    ToolCall,
    ToolCallDelta,
    Usage,
)
from turnout_client.budget import Budget, BudgetAlert, BudgetStatus
from turnout_client.client import Client
from turnout_client.decision import Baseline, Decision, Limits, Plan, Target
from turnout_client.errors import (
    AccessDenied,
    BudgetExceeded,
    Cancelled,
    Conflict,
    CostLimitReached,
    DeadlineExceeded,
    DecisionRefused,
    InvalidRequest,
    NoEligibleTarget,
    NotAuthenticated,
    NotFound,
    ProviderMisconfigured,
    ProviderRejected,
    ServerFault,
    StreamBroken,
    TargetsExhausted,
    Throttled,
    TurnoutError,
    Unavailable,
)
from turnout_client.explanation import Candidate, Classification, Explanation, Rung, Signal
from turnout_client.options import ChatLike, ChatOptions, ClassifyOptions, RouteOptions
from turnout_client.pool import Patience
from turnout_client.rotation import Rest
from turnout_client.stream import AnswerStream
from turnout_client.sync import SyncAnswerStream, SyncClient
from turnout_client.words import (
    AttemptOutcome,
    BudgetDimension,
    BudgetMeasure,
    BudgetWindow,
    Capability,
    Complexity,
    Domain,
    Exclusion,
    FeedbackLabel,
    FinishReason,
    Notice,
    ReasonCode,
    RunResult,
    TaskType,
)
from turnout_features.model import Features

__all__ = [
    "AccessDenied",
    "Answer",
    "AnswerStream",
    "Attempt",
    "AttemptOutcome",
    "Baseline",
    "Budget",
    "BudgetAlert",
    "BudgetDimension",
    "BudgetExceeded",
    "BudgetMeasure",
    "BudgetStatus",
    "BudgetWindow",
    "Cancelled",
    "Candidate",
    "Capability",
    "ChatLike",
    "ChatOptions",
    "Classification",
    "ClassifyOptions",
    "Client",
    "Complexity",
    "Conflict",
    "CostLimitReached",
    "DeadlineExceeded",
    "Decision",
    "DecisionRefused",
    "Delta",
    "Domain",
    "Event",
    "Exclusion",
    "Explanation",
    "Features",
    "FeedbackLabel",
    "Finish",
    "FinishReason",
    "InvalidRequest",
    "Limits",
    "NoEligibleTarget",
    "NotAuthenticated",
    "NotFound",
    "Notice",
    "Patience",
    "Plan",
    "ProviderMisconfigured",
    "ProviderRejected",
    "ReasonCode",
    "Receipt",
    "Rest",
    "RouteOptions",
    "RunResult",
    "Rung",
    "ServerFault",
    "Signal",
    "SkippedTarget",
    "StreamBroken",
    "SyncAnswerStream",
    "SyncClient",
    "Target",
    "TargetsExhausted",
    "TaskType",
    "Thinking",
    "ThinkingDelta",
    "Throttled",
    "ToolCall",
    "ToolCallDelta",
    "TurnoutError",
    "Unavailable",
    "Usage",
]
