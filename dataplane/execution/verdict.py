"""What the end of a call means: for the plan, for its target and for the target's endpoint."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from dataplane.provider.model import CallFailure, Verdict

UNREACHABLE = frozenset({"connect", "tls", "timeout_connect"})
"""Errors that say that nothing answers at the endpoint."""

TOO_LONG = "context_too_long"
"""The request does not fit this model; the same model elsewhere has the same window."""

UNSUPPORTED = "unsupported"
"""This deployment, or its protocol, cannot do what is asked; another one may."""

TIMEOUTS = frozenset({"timeout_first_token", "timeout_between_chunks", "timeout_total"})
"""Errors of a call that was sent and took too long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEnd:
    """How one call ended, at `now`.

    `now` and `retry_after` are seconds, `now` on the monotonic clock. `committed` says that content was forwarded,
    `cut` that the run itself ended the call: by a time limit, or because another call
    answered first. The other fields are those of CallFailure.
    """

    verdict: Verdict
    now: float
    error: str = ""
    message: str = ""
    field: str = ""
    http_status: int = 0
    retry_after: float | None = None
    provider_request_id: str = ""
    unsent: bool = False
    committed: bool = False
    cut: bool = False


ADDRESS_REFUSED = "address_refused"
"""The operator has not allowed the address that a deployment leads to; the failure's message is ours and names the way out."""

_OF_THE_KEY = frozenset({"credential", "quota_exhausted", "rate_limited"})


def is_of_the_key(end: CallEnd) -> bool:
    """Whether `end` says something about the key alone: another one of the same deployment may do."""
    return end.error in _OF_THE_KEY and not end.committed


class Next(StrEnum):
    """What a plan does after a call."""

    DONE = "done"
    BROKEN = "broken"
    REJECTED = "rejected"
    SAME_TARGET = "same_target"
    OTHER_TARGET = "other_target"
    OTHER_MODEL = "other_model"


_ELSEWHERE: Mapping[str, Next] = MappingProxyType({TOO_LONG: Next.OTHER_MODEL, UNSUPPORTED: Next.OTHER_TARGET})


def next_step(end: CallEnd) -> Next:
    """What follows `end`.

    After the first content nothing is tried again. The caller's errors end the run, unless they are errors for this
    target only. A provider's content filter is such an end: to carry a refused prompt on to the next provider until one
    takes it is not a worker's choice.
    """
    if end.verdict is Verdict.SUCCEEDED:
        return Next.DONE
    if end.committed:
        return Next.BROKEN
    if end.cut or end.verdict is Verdict.MISCONFIGURED:
        return Next.OTHER_TARGET
    if end.verdict is Verdict.IGNORED:
        return _ELSEWHERE.get(end.error, Next.REJECTED)
    if end.verdict is Verdict.THROTTLED or end.unsent:
        return Next.SAME_TARGET
    return Next.OTHER_TARGET


def reachability(end: CallEnd) -> Verdict:
    """What `end` says about the endpoint alone: an answer of any status proves that something answers there."""
    if end.error in UNREACHABLE:
        return Verdict.FAILED
    if end.verdict is Verdict.SUCCEEDED or end.http_status:
        return Verdict.SUCCEEDED
    return Verdict.IGNORED


def end_of_failure(failure: CallFailure, *, now: float, committed: bool) -> CallEnd:
    """`failure` as the end of a call."""
    return CallEnd(
        verdict=failure.verdict,
        now=now,
        error=failure.error,
        message=failure.message,
        field=failure.field,
        http_status=failure.http_status,
        retry_after=None if failure.retry_after is None else failure.retry_after.total_seconds(),
        provider_request_id=failure.provider_request_id,
        unsent=failure.unsent,
        committed=committed,
    )


def end_of_cut(*, now: float, elapsed: float, patience: float, streaming: bool, committed: bool) -> CallEnd:
    """The end of a call that a time limit of the run cut after `elapsed` seconds.

    It is the target's fault only if nothing came for `patience` seconds: callers with short deadlines must not be able
    to take a target away from everyone else.
    """
    blamed = not committed and elapsed >= patience
    return CallEnd(
        verdict=Verdict.FAILED if blamed else Verdict.IGNORED,
        now=now,
        error="timeout_first_token" if streaming and not committed else "timeout_total",
        committed=committed,
        cut=True,
    )
