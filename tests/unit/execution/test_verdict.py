"""What the end of a call means."""

import pytest

from dataplane.execution import verdict
from dataplane.execution.verdict import CallEnd, Next, end_of_cut, next_step, reachability
from dataplane.provider.failure import Fault
from dataplane.provider.model import Verdict


def end(
    verdict: Verdict, error: str = "", *, status: int = 0, unsent: bool = False, committed: bool = False
) -> CallEnd:
    return CallEnd(verdict=verdict, now=0.0, error=error, http_status=status, unsent=unsent, committed=committed)


@pytest.mark.parametrize(
    ("ended", "expected"),
    [
        (end(Verdict.SUCCEEDED), Next.DONE),
        (end(Verdict.SUCCEEDED, committed=True), Next.DONE),
        (end(Verdict.FAILED, "stream_cut", committed=True), Next.BROKEN),
        (end(Verdict.IGNORED, "content_filter", committed=True), Next.BROKEN),
        (end(Verdict.IGNORED, "bad_request", status=400), Next.REJECTED),
        (end(Verdict.IGNORED, "content_filter", status=400), Next.REJECTED),
        (end(Verdict.IGNORED, "context_too_long", status=400), Next.OTHER_MODEL),
        (end(Verdict.IGNORED, "unsupported", unsent=True), Next.OTHER_TARGET),
        (end(Verdict.MISCONFIGURED, "credential", status=401), Next.OTHER_TARGET),
        (end(Verdict.THROTTLED, "rate_limited", status=429), Next.SAME_TARGET),
        (end(Verdict.FAILED, "connect", unsent=True), Next.SAME_TARGET),
        (end(Verdict.FAILED, "http_500", status=500), Next.OTHER_TARGET),
        (end(Verdict.FAILED, "timeout_first_token"), Next.OTHER_TARGET),
    ],
)
def test_each_end_has_its_consequence(ended: CallEnd, expected: Next) -> None:
    assert next_step(ended) is expected


@pytest.mark.parametrize(
    ("ended", "expected"),
    [
        (end(Verdict.FAILED, "connect", unsent=True), Verdict.FAILED),
        (end(Verdict.FAILED, "tls", unsent=True), Verdict.FAILED),
        (end(Verdict.FAILED, "http_500", status=500), Verdict.SUCCEEDED),
        (end(Verdict.THROTTLED, "rate_limited", status=429), Verdict.SUCCEEDED),
        (end(Verdict.SUCCEEDED), Verdict.SUCCEEDED),
        (end(Verdict.FAILED, "timeout_first_token"), Verdict.IGNORED),
        (end(Verdict.IGNORED, "cancelled"), Verdict.IGNORED),
        (end(Verdict.IGNORED, "unsupported", unsent=True), Verdict.IGNORED),
    ],
)
def test_an_endpoint_is_judged_only_by_whether_it_answers(ended: CallEnd, expected: Verdict) -> None:
    assert reachability(ended) is expected


@pytest.mark.parametrize(
    ("elapsed", "committed", "expected"),
    [(0.5, False, Verdict.IGNORED), (3.0, False, Verdict.FAILED), (20.0, True, Verdict.IGNORED)],
)
def test_a_call_that_the_run_cut_is_blamed_on_the_target_only_after_patience(
    elapsed: float, committed: bool, expected: Verdict
) -> None:
    cut = end_of_cut(now=elapsed, elapsed=elapsed, patience=3.0, streaming=True, committed=committed)
    assert cut.verdict is expected


def test_every_word_that_a_plan_looks_for_is_one_that_providers_use() -> None:
    words = {*verdict.UNREACHABLE, *verdict.TIMEOUTS, verdict.TOO_LONG, verdict.UNSUPPORTED}
    assert words <= set(Fault)
