"""What calls raise: one class for each way out, chosen by the reason and nothing else."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from turnout_client.answer import Receipt, ToolCall, Usage
from turnout_client.explanation import Candidate
from turnout_wire.failure import Failure


class TurnoutError(Exception):
    """A call failed.

    `reason` is a word of turnout.errors.v1.Reason; `message` names the way out, `field` what of the request is wrong,
    `retry_after` how long to wait (None: nobody said), `metadata` and `details` what else the server sent.
    `decision_id` and `receipt` are there if a decision was run.
    """

    def __init__(self, failure: Failure, *, decision_id: str = "", receipt: Receipt | None = None) -> None:
        super().__init__(f"{failure.reason}: {failure.message}" + (f" [decision {decision_id}]" if decision_id else ""))
        self.reason = failure.reason
        self.code = failure.code
        self.message = failure.message
        self.field = failure.field
        self.retry_after = failure.retry_after
        self.metadata: Mapping[str, str] = failure.metadata
        self.details = failure.details
        self.decision_id = decision_id
        self.receipt = receipt

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (type(self), self.args, self.__dict__)


def _restored(kind: type[TurnoutError], args: tuple[Any, ...], state: dict[str, Any]) -> TurnoutError:
    """What pickle calls: errors cross processes, and their arguments alone do not make them."""
    error = kind.__new__(kind, *args)
    error.__dict__.update(state)
    return error


class InvalidRequest(TurnoutError):
    """Something in the request is wrong; `field` says what."""


class NotFound(TurnoutError):
    """The policy, workload or resource that the request names does not exist."""


class Conflict(TurnoutError):
    """The resource is not in the state that the request needs."""


class NotAuthenticated(TurnoutError):
    """The token is missing or not known."""


class AccessDenied(TurnoutError):
    """The token's owner may not call this method."""


class NoEligibleTarget(TurnoutError):
    """No deployment may serve the request; `candidates` say why, each."""

    candidates: tuple[Candidate, ...] = ()


class BudgetExceeded(TurnoutError):
    """A budget or a limit has no room for the request; `retry_after` says when it may have, if it will."""


class DecisionRefused(TurnoutError):
    """The decision may not be run: altered, expired, replayed, for somebody else, or for another request."""


class TargetsExhausted(TurnoutError):
    """Every target of the plan failed; `receipt` lists the attempts."""


class Throttled(TurnoutError):
    """The providers limit the rate; `retry_after` says for how long."""


class ProviderRejected(TurnoutError):
    """The provider refused the request itself; asking again does not help."""


class ProviderMisconfigured(TurnoutError):
    """The provider refused the worker's credential or does not know the model; an operator must act."""


class CostLimitReached(TurnoutError):
    """The decision's limit on cost was reached before an answer came."""


class DeadlineExceeded(TurnoutError):
    """The time for the call was over."""


class Cancelled(TurnoutError):
    """The call was cancelled, and not by the task that waits for it."""


class StreamBroken(TurnoutError):
    """The answer broke off after content was delivered: `text`, `tool_calls` and `usage` so far.

    `reason` says why, and `__cause__` is what that would have been before the first content.
    """

    text: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    usage: Usage | None = None


class Unavailable(TurnoutError):
    """Nobody is there who could take the call now."""


class ServerFault(TurnoutError):
    """A fault of the server; `metadata["request_id"]` finds it in the log."""


_BY_CLASS: Mapping[type[TurnoutError], str] = MappingProxyType(
    {
        InvalidRequest: (
            "INVALID_FIELD PAYLOAD_EMPTY PAYLOAD_TOO_LARGE CONTENT_TYPE_UNKNOWN PAYLOAD_MALFORMED DEADLINE_REQUIRED "
            "CONSTRAINTS_CONTRADICT REQUEST_ID_REUSED PAGE_TOKEN_INVALID"
        ),
        NotFound: "POLICY_UNKNOWN WORKLOAD_UNKNOWN MODEL_UNKNOWN NOT_FOUND",
        Conflict: (
            "ALREADY_EXISTS ETAG_MISMATCH CATALOG_INVALID MANAGED_BY_FILE RULE_SET_OUTDATED KEY_STATE RECORD_ERASED "
            "FEEDBACK_LATE"
        ),
        NotAuthenticated: "UNAUTHENTICATED",
        AccessDenied: "ACCESS_DENIED",
        NoEligibleTarget: "NO_ELIGIBLE_TARGET",
        BudgetExceeded: "BUDGET_EXHAUSTED BUDGET_IN_FLIGHT RATE_LIMITED",
        DecisionRefused: (
            "ENVELOPE_MALFORMED PAYLOAD_TYPE_UNKNOWN KEY_UNKNOWN KEY_REVOKED KEY_NOT_YET_VALID KEY_EXPIRED "
            "SIGNATURE_INVALID DECISION_MALFORMED ISSUER_MISMATCH FEATURE_UNSUPPORTED AUDIENCE_MISMATCH DECISION_EXPIRED "
            "DECISION_NOT_YET_VALID TENANT_MISMATCH PRESENTER_MISMATCH DIGEST_MISMATCH DECISION_REPLAYED TARGET_UNKNOWN"
        ),
        TargetsExhausted: "TARGETS_EXHAUSTED",
        Throttled: "PROVIDER_THROTTLED",
        ProviderRejected: "PROVIDER_REJECTED",
        ProviderMisconfigured: "PROVIDER_MISCONFIGURED",
        CostLimitReached: "COST_LIMIT",
        DeadlineExceeded: "DEADLINE_EXCEEDED",
        Cancelled: "CANCELLED",
        StreamBroken: "STREAM_BROKEN",
        Unavailable: "UNREACHABLE DRAINING SNAPSHOT_STALE REPLAY_GUARD_FULL OVERLOADED STORE_UNAVAILABLE",
        ServerFault: "INTERNAL UNIMPLEMENTED",
    }
)

CLASSES: Mapping[str, type[TurnoutError]] = MappingProxyType(
    {reason: kind for kind, reasons in _BY_CLASS.items() for reason in reasons.split()}
)
"""The class that each reason is raised as (a test compares the reasons with the contract)."""
