"""What the log's entries say, for figures."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from controlplane.audit.leaf import microseconds
from controlplane.audit.model import Kind
from controlplane.insight.facts import (
    CallFact,
    DecisionFact,
    FeedbackFact,
    Finish,
    Place,
    Price,
    RefusalFact,
    Route,
    RunFact,
    RunResult,
    Tokens,
    Told,
)
from controlplane.rpc.enums import COMPLEXITIES, TASK_TYPES
from controlplane.store.protocols import StoredEntry
from turnout.audit.v1 import record_pb2
from turnout.catalog.v1 import catalog_pb2
from turnout.outcome.v1 import receipt_pb2, usage_pb2
from turnout.routing.v1 import decision_pb2, routing_pb2
from turnout_wire.failure import CODES

DAY_US = 86_400_000_000
MOST_NANOUSD = 10**15
MOST_TOKENS = 10**12
MILLION = 1_000_000
UNIT_LABELS = ("session", "user")
"""Labels that tell whose request it is, the first that is there."""

_RESULTS: Mapping[int, RunResult] = MappingProxyType(
    {receipt_pb2.RunResult.Value(f"RUN_RESULT_{result.name}"): result for result in RunResult}
)
_FINISHES: Mapping[int, Finish] = MappingProxyType(
    {
        usage_pb2.FINISH_REASON_LENGTH: Finish.LENGTH,
        usage_pb2.FINISH_REASON_CONTENT_FILTER: Finish.WITHHELD,
        usage_pb2.FINISH_REASON_REFUSAL: Finish.REFUSAL,
    }
)
_FAILED = frozenset(
    {
        receipt_pb2.ATTEMPT_OUTCOME_FAILED,
        receipt_pb2.ATTEMPT_OUTCOME_THROTTLED,
        receipt_pb2.ATTEMPT_OUTCOME_MISCONFIGURED,
    }
)
_INVALID = frozenset({receipt_pb2.OUTPUT_CHECK_NOT_JSON, receipt_pb2.OUTPUT_CHECK_SCHEMA_MISMATCH})


def told_by(entry: StoredEntry) -> Told:
    """What an entry says; nothing where its body was erased, or is of a kind that no figure is made of.

    Raises DecodeError for a body that is none.
    """
    at_us = microseconds(entry.at)
    read = _READERS.get(entry.kind)
    if read is None or entry.body is None:
        return Told(at_us=at_us, fact=None)
    return read(entry, entry.body, at_us)


def _decision(entry: StoredEntry, body: bytes, at_us: int) -> Told:
    record = record_pb2.DecisionRecord.FromString(body)
    decision = decision_pb2.RouteDecision.FromString(record.decision.payload)
    hints, summary = record.asked.hints, decision.classification
    feature = clean(hints.feature)
    target = decision.targets[0] if decision.targets else decision_pb2.Target()
    fact = DecisionFact(
        decision_id=entry.decision_id,
        at_us=at_us if not decision.HasField("issued_at") else decision.issued_at.ToMicroseconds(),
        place=Place(
            tenant=clean(decision.tenant),
            workload=clean(decision.workload),
            owner=clean(record.owner),
            feature=feature,
            task_type=_word(TASK_TYPES, summary.task_type),
            complexity=_word(COMPLEXITIES, summary.complexity),
        ),
        route=Route(model=clean(target.model), deployment=clean(target.deployment)),
        policy=clean(decision.policy.name),
        reason=decision_pb2.ReasonCode.Name(decision.reason.code).removeprefix("REASON_CODE_").lower(),
        confidence_ppm=summary.confidence_ppm,
        low_confidence=decision_pb2.NOTICE_LOW_CONFIDENCE in decision.reason.notices,
        baseline=_price(decision.baseline.price) if decision.baseline.HasField("price") else None,
        unit=unit_of(decision, feature, {**hints.labels, **_whose(hints)}),
        adopted=record.adopted,
    )
    return Told(at_us=at_us, fact=fact, documents=_documents(record.basis))


def _refusal(_: StoredEntry, body: bytes, at_us: int) -> Told:
    record = record_pb2.RefusalRecord.FromString(body)
    taken_for = record.asked.classification
    place = Place(
        tenant=clean(record.tenant),
        workload=clean(record.workload),
        owner=clean(record.owner),
        feature=clean(record.asked.hints.feature),
        task_type=_word(TASK_TYPES, taken_for.task_type),
        complexity=_word(COMPLEXITIES, taken_for.complexity),
    )
    fact = RefusalFact(at_us=at_us, place=place, reason=_reason(record.reason))
    return Told(at_us=at_us, fact=fact, documents=_documents(record.basis))


def _receipt(entry: StoredEntry, body: bytes, at_us: int) -> Told:
    receipt = record_pb2.ReceiptRecord.FromString(body).receipt
    answer = _answering(receipt.attempts)
    fact = RunFact(
        run_id=entry.ref,
        decision_id=entry.decision_id,
        at_us=bounded(receipt.started_at.ToMicroseconds(), 2**53),
        result=_RESULTS.get(receipt.result, RunResult.FAILED),
        error=_reason(receipt.error_reason),
        cost_nanousd=bounded(receipt.cost_nanousd, MOST_NANOUSD),
        estimated_nanousd=bounded(
            sum(each.cost_nanousd for each in receipt.attempts if each.cost_estimated), MOST_NANOUSD
        ),
        tokens=_sum([_tokens(each.usage) for each in receipt.attempts]),
        answer=_tokens(answer.usage) if answer is not None else None,
        answered_by=_route(answer) if answer is not None else None,
        calls=tuple(_call(each) for each in receipt.attempts),
        finish=_FINISHES.get(receipt.finish_reason),
        latency_us=bounded(receipt.duration.ToMicroseconds(), DAY_US),
        first_token_us=(
            bounded(receipt.time_to_first_token.ToMicroseconds(), DAY_US)
            if receipt.HasField("time_to_first_token")
            else None
        ),
        schema_invalid=receipt.output_check in _INVALID,
    )
    return Told(at_us=at_us, fact=fact)


def _feedback(entry: StoredEntry, body: bytes, at_us: int) -> Told:
    record = record_pb2.FeedbackRecord.FromString(body)
    fact = FeedbackFact(
        decision_id=entry.decision_id,
        giver=record.source,
        order=entry.index if entry.index is not None else entry.seq,
        quality_ppm=bounded(record.quality_ppm, MILLION) if record.HasField("quality_ppm") else None,
        success=record.success if record.HasField("success") else None,
        label=clean(record.label)[:64],
    )
    return Told(at_us=at_us, fact=fact)


def _snapshot(_: StoredEntry, body: bytes, at_us: int) -> Told:
    record = record_pb2.SnapshotRecord.FromString(body)
    documents = tuple(digest for digest in (record.catalog_digest, record.learned_digest) if digest)
    return Told(at_us=at_us, fact=None, documents=documents)


_READERS: Mapping[str, Callable[[StoredEntry, bytes, int], Told]] = MappingProxyType(
    {
        Kind.DECISION: _decision,
        Kind.REFUSAL: _refusal,
        Kind.RECEIPT: _receipt,
        Kind.FEEDBACK: _feedback,
        Kind.SNAPSHOT: _snapshot,
    }
)


def unit_of(decision: decision_pb2.RouteDecision, feature: str, labels: Mapping[str, str]) -> int:
    """A number for who asked what: tenant, presenter, feature, the caller's label for session or user, and the request itself.

    A rephrased request is another one: its text is not known here. So this finds what was sent again, not what was meant again.
    """
    whose = next((labels[name] for name in UNIT_LABELS if name in labels), "")
    text = "\x00".join((decision.tenant, decision.presenter, feature, whose, decision.request_digest.hex()))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def _whose(hints: routing_pb2.Hints) -> dict[str, str]:
    """What hints say of session and user, in the words of labels; they count before labels of these names."""
    return {name: said for name in UNIT_LABELS if (said := getattr(hints, name))}


def clean(text: str) -> str:
    """Without NUL, which PostgreSQL cannot keep in a text."""
    return text.replace("\x00", "")


def bounded(value: int, most: int) -> int:
    """Between 0 and `most`: one absurd figure must not spoil every sum that it is in."""
    return min(max(value, 0), most)


def _documents(basis: record_pb2.Basis) -> tuple[bytes, ...]:
    return tuple(digest for digest in (basis.catalog_digest, basis.live_digest, basis.learned_digest) if digest)


def _reason(reason: str) -> str:
    """A reason of the contract; `OTHER` for what nobody here knows."""
    return reason if reason in CODES or not reason else "OTHER"


def _word(words: Mapping[int, str], number: int) -> str:
    found = words.get(number)
    return str(found) if found is not None else ""


def _price(price: catalog_pb2.Price) -> Price:
    cached, written = price.cached_input_nanousd_per_mtok, price.cache_write_nanousd_per_mtok
    return Price(
        input=price.input_nanousd_per_mtok,
        output=price.output_nanousd_per_mtok,
        cached=cached if price.HasField("cached_input_nanousd_per_mtok") else price.input_nanousd_per_mtok,
        written=written if price.HasField("cache_write_nanousd_per_mtok") else price.input_nanousd_per_mtok,
    )


def _answering(attempts: Sequence[receipt_pb2.Attempt]) -> receipt_pb2.Attempt | None:
    """The last call that gave a whole answer, or else the last that gave any content."""
    whole = [each for each in attempts if each.outcome == receipt_pb2.ATTEMPT_OUTCOME_SUCCEEDED]
    some = [each for each in attempts if each.HasField("time_to_first_token")]
    return next(reversed(whole or some), None)


def _call(attempt: receipt_pb2.Attempt) -> CallFact:
    return CallFact(
        route=_route(attempt),
        answered=attempt.outcome == receipt_pb2.ATTEMPT_OUTCOME_SUCCEEDED,
        failed=attempt.outcome in _FAILED,
    )


def _route(attempt: receipt_pb2.Attempt) -> Route:
    return Route(model=clean(attempt.model), deployment=clean(attempt.deployment))


def _tokens(usage: usage_pb2.Usage) -> Tokens:
    return Tokens(
        input=bounded(usage.input_tokens, MOST_TOKENS),
        output=bounded(usage.output_tokens, MOST_TOKENS),
        cached=bounded(usage.cached_input_tokens, MOST_TOKENS),
        written=bounded(usage.cache_write_tokens, MOST_TOKENS),
    )


def _sum(used: Sequence[Tokens]) -> Tokens:
    return Tokens(
        input=sum(each.input for each in used),
        output=sum(each.output for each in used),
        cached=sum(each.cached for each in used),
        written=sum(each.written for each in used),
    )
