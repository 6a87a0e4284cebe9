"""What went wrong, as faces tell it."""

from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType

from dataplane.execution.receipt import Receipt
from dataplane.gateway.exchange import TooLarge
from dataplane.gateway.model import BadRequest, Problem
from dataplane.provider.failure import Fault
from turnout_wire.failure import Failure


def of_request(bad: BadRequest) -> Problem:
    """A request that cannot be read."""
    reason = "PAYLOAD_TOO_LARGE" if isinstance(bad, TooLarge) else "INVALID_FIELD"
    return Problem(reason=reason, message=str(bad), field=bad.field)


def of_failure(failure: Failure, receipt: Receipt | None = None) -> Problem:
    """A failure of the control plane's or of a run; its receipt says how the last call ended.

    Where nothing may serve the request for one reason, that is told like the same reason of a provider's.
    """
    error = _BECAUSE.get(failure.metadata.get("because", ""), "")
    if receipt is not None and receipt.attempts:
        error = receipt.attempts[-1].error
    return Problem(
        reason=failure.reason,
        message=failure.message,
        field=failure.field,
        error=error,
        retry_after=failure.retry_after,
    )


def may_retry(problem: Problem) -> bool:
    """Whether an SDK's own retry can help: what is for soon or for another worker, and not what all targets were tried for."""
    soon = problem.retry_after is None or problem.retry_after <= LONGEST_RETRY
    return soon and problem.reason in _FOR_LATER


def seconds(after: timedelta) -> str:
    """A Retry-After: whole seconds, rounded up, so that nobody comes early."""
    return str(-(-after // timedelta(seconds=1)))


_BECAUSE: Mapping[str, str] = MappingProxyType(
    {"context_window": Fault.CONTEXT_TOO_LONG, "unhealthy": Fault.OVERLOADED, "rate_limit": Fault.RATE_LIMITED}
)
"""Words of ours by the exclusion that all candidates share."""

LONGEST_RETRY = timedelta(minutes=1)
"""Anthropic's SDK sleeps as long as it is told, and its application knows of nothing; beyond this the caller is to decide."""

_FOR_LATER = frozenset(
    {
        *("BUDGET_IN_FLIGHT", "RATE_LIMITED", "PROVIDER_THROTTLED", "OVERLOADED", "DRAINING", "SNAPSHOT_STALE"),
        *("UNREACHABLE", "STORE_UNAVAILABLE", "REPLAY_GUARD_FULL", "RULE_SET_OUTDATED"),
    }
)
"""The worker has tried its targets and waited for them; an SDK that does the same again multiplies the load of an outage."""
