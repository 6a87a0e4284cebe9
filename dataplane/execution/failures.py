"""What a caller is told when a run gives no whole answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType

from dataplane.execution.account import Account
from dataplane.execution.receipt import AttemptRecord, Receipt, SkipReason
from dataplane.execution.step import Ending, EndKind, Refusal
from dataplane.execution.verdict import ADDRESS_REFUSED, TIMEOUTS, CallEnd
from dataplane.provider.model import Verdict
from turnout_wire.failure import Failure


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """A failure before it has its receipt; the fields are those of Failure."""

    reason: str
    message: str
    metadata: Mapping[str, str]
    field: str = ""
    retry_after: timedelta | None = None

    def failure(self, receipt: Receipt) -> Failure:
        """The failure, with `receipt` as its detail."""
        return Failure(
            self.reason,
            self.message,
            field=self.field,
            metadata=self.metadata,
            retry_after=self.retry_after,
            details=(receipt,),
        )


class Fate(StrEnum):
    """What became of one target, as far as it matters for what a caller can do."""

    FAILED = "failed"
    THROTTLED = "throttled"
    MISCONFIGURED = "misconfigured"
    REJECTED = "rejected"
    UNKNOWN = "unknown"
    FULL = "full"


_FATES: Mapping[SkipReason, Fate] = MappingProxyType(
    {
        SkipReason.TARGET_UNKNOWN: Fate.UNKNOWN,
        SkipReason.NO_CREDENTIAL: Fate.MISCONFIGURED,
        SkipReason.MISCONFIGURED: Fate.MISCONFIGURED,
        SkipReason.BREAKER_OPEN: Fate.FAILED,
        SkipReason.BULKHEAD_FULL: Fate.FULL,
        SkipReason.RETRY_BUDGET: Fate.FAILED,
        SkipReason.SAME_MODEL: Fate.REJECTED,
        SkipReason.RESERVATION: Fate.FAILED,
        SkipReason.INCOMPATIBLE: Fate.REJECTED,
    }
)

_EXHAUSTED: Mapping[Fate, tuple[str, str]] = MappingProxyType(
    {
        Fate.FAILED: ("TARGETS_EXHAUSTED", "every target of the plan failed: retry later with a new decision"),
        Fate.THROTTLED: ("PROVIDER_THROTTLED", "every target limits the rate: retry after the time given"),
        Fate.MISCONFIGURED: (
            "PROVIDER_MISCONFIGURED",
            "no target takes this worker's credential or knows the model: check `credential` and `provider_model`",
        ),
        Fate.UNKNOWN: (
            "TARGET_UNKNOWN",
            "the worker's snapshot has none of the decision's deployments: ask for a new decision",
        ),
        Fate.FULL: (
            "OVERLOADED",
            "every target has as many calls in flight as `max_concurrency` allows: retry shortly",
        ),
    }
)


def cause_of(ending: Ending, account: Account, *, now: float) -> Cause:
    """What to tell the caller of a run that ended so; its reason is one of turnout.errors.v1.Reason."""
    metadata = _metadata(account)
    last = ending.last
    match ending.kind:
        case EndKind.REJECTED if last:
            return _rejected(last, metadata)
        case EndKind.BROKEN if last and not last.cut:
            return Cause(
                reason="STREAM_BROKEN",
                message=f"the answer broke off after content was delivered ({last.error}): discard it and ask again",
                metadata=metadata,
            )
        case EndKind.BROKEN | EndKind.DEADLINE:
            return Cause(
                reason="DEADLINE_EXCEEDED",
                message=f"the time for the run is over{_story(account)}: set a longer deadline",
                metadata=metadata,
            )
        case EndKind.EXPIRED:
            return Cause(
                reason="DEADLINE_EXCEEDED",
                message=f"the decision expired before another target could be called{_story(account)}: ask for a new one",
                metadata=metadata,
            )
        case EndKind.COST_LIMIT:
            return Cause(reason="COST_LIMIT", message=_poverty(account), metadata=metadata)
        case _:
            return _exhausted(ending, account, metadata, now)


def _poverty(account: Account) -> str:
    if any(refusal.reason is SkipReason.RESERVATION for _, refusal in account.refusals()):
        return f"what budgets hold for the run has no room for another call{_story(account)}: ask for a new decision"
    return f"the decision's `max_cost_nanousd` is spent{_story(account)}: ask for one with a higher limit"


def crashed(account: Account) -> Cause:
    """What to tell the caller after a fault of ours."""
    return Cause(
        reason="INTERNAL",
        message=f"a fault of the worker; decision {account.run.decision.decision_id} finds it in the log",
        metadata=_metadata(account),
    )


def _rejected(last: CallEnd, metadata: Mapping[str, str]) -> Cause:
    where = f", field `{last.field}`" if last.field else ""
    said = f": {last.message}" if last.message else ""
    return Cause(
        reason="PROVIDER_REJECTED",
        message=f"the provider refused the request ({last.error}{where}){said}",
        field=last.field,
        metadata=metadata,
    )


def _incompatible(account: Account, metadata: Mapping[str, str]) -> Cause:
    _, first = account.refusals()[0]
    return Cause(
        reason="PROVIDER_REJECTED",
        message=f"no target of the plan can carry the request{_story(account)}: change it, or ask for a model that can",
        field=first.field,
        metadata=metadata,
    )


def _exhausted(ending: Ending, account: Account, metadata: Mapping[str, str], now: float) -> Cause:
    fates = {_fate(attempt) for attempt in _last_of_each(account)} | {
        Fate.THROTTLED if refusal.held else _FATES[refusal.reason] for _, refusal in account.refusals()
    }
    fate = fates.pop() if len(fates) == 1 else Fate.FAILED
    if fate is Fate.REJECTED:
        return _rejected(ending.last, metadata) if ending.last else _incompatible(account, metadata)
    reason, advice = _EXHAUSTED[fate]
    if fate is Fate.MISCONFIGURED and ending.last and ending.last.error == ADDRESS_REFUSED:
        advice = ending.last.message
    return Cause(
        reason=reason, message=f"{advice}{_story(account)}", metadata=metadata, retry_after=_retry_after(account, now)
    )


def _fate(attempt: AttemptRecord) -> Fate:
    match attempt.outcome:
        case Verdict.THROTTLED:
            return Fate.THROTTLED
        case Verdict.MISCONFIGURED:
            return Fate.MISCONFIGURED
        case Verdict.IGNORED if attempt.error not in TIMEOUTS:
            return Fate.REJECTED
        case _:
            return Fate.FAILED


def _last_of_each(account: Account) -> list[AttemptRecord]:
    return list({attempt.deployment: attempt for attempt in account.attempts}.values())


def _retry_after(account: Account, now: float) -> timedelta | None:
    """When the first target may take calls again, as far as providers or breakers say so."""
    hints = [
        (attempt.started_at + attempt.duration + attempt.retry_after) - account.started_at
        for attempt in _last_of_each(account)
        if attempt.retry_after is not None
    ]
    seconds = [account.started + hint.total_seconds() for hint in hints]
    seconds += [refusal.until for _, refusal in account.refusals() if refusal.until is not None]
    return timedelta(seconds=max(min(seconds) - now, 0.0)) if seconds else None


def _metadata(account: Account) -> Mapping[str, str]:
    return MappingProxyType(
        {
            "decision_id": account.run.decision.decision_id,
            "attempts": str(len(account.attempts)),
            "targets": "; ".join(_fates_in_words(account)),
        }
    )


def _fates_in_words(account: Account) -> list[str]:
    called = [f"{attempt.deployment}: {attempt.error or attempt.outcome}" for attempt in account.attempts]
    return called + [f"{name}: {_why(refusal)}" for name, refusal in account.refusals()]


def _why(refusal: Refusal) -> str:
    word = "throttled" if refusal.held else str(refusal.reason)
    return f"{word} ({refusal.detail})" if refusal.detail else word


def _story(account: Account) -> str:
    words = _fates_in_words(account)
    return f" ({'; '.join(words)})" if words else ""
