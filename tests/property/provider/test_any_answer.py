"""No answer, however odd, makes a reader do anything but answer or say what is wrong."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from dataplane.provider.adapter import ErrorInAnswer
from dataplane.provider.failure import Exchange, Fault, error_event, refused
from dataplane.provider.http_provider import ADAPTERS
from dataplane.provider.model import CallFailure
from dataplane.provider.sse import ServerEvent
from dataplane.snapshot.model import WireProtocol
from tests.support.calls import call_of

_KEYS = """
    id model choices message delta content refusal tool_calls index function name arguments finish_reason usage error type
    prompt_tokens completion_tokens x_groq candidates parts text functionCall args finishReason promptFeedback blockReason
    usageMetadata responseId modelVersion thought stop_reason input content_block partial_json code status details param
    metadata raw flagged_input reason retryDelay fieldViolations field detail loc msg request_id innererror headers
"""
_VALUES = """
    stop tool_calls error STOP SAFETY MALFORMED_FUNCTION_CALL text tool_use end_turn message_start content_block_start
    content_block_delta content_block_stop message_delta message_stop text_delta input_json_delta ping rate_limit_exceeded
"""
KEYS, VALUES = _KEYS.split(), _VALUES.split()

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 10**6) | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(VALUES) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5),
    max_leaves=25,
)  # fmt: skip
protocols = st.sampled_from(list(WireProtocol))
NOW = datetime(2026, 11, 21, tzinfo=UTC)


def word_of(read: Callable[[], object]) -> str:
    """How reading ended: in a word of ours, or in none."""
    try:
        read()
    except ErrorInAnswer:
        return "error"
    except CallFailure as failure:
        return failure.error
    return ""


@given(protocols, json_values)
def test_a_whole_answer_is_read_or_refused(protocol: WireProtocol, body: Any) -> None:
    assert word_of(lambda: ADAPTERS[protocol].answer(call_of(protocol), body)) in ("", "error", "malformed")


@given(protocols, st.lists(st.tuples(st.sampled_from(["", "error", "message_stop"]), json_values), max_size=4))
def test_a_stream_is_read_or_refused(protocol: WireProtocol, events: list[tuple[str, Any]]) -> None:
    reader = ADAPTERS[protocol].reader(call_of(protocol))

    def read() -> None:
        for name, body in events:
            reader.read(ServerEvent(name=name, data=json.dumps(body)))
        reader.finish()

    assert word_of(read) in ("", "error", "malformed", "stream_cut")


@given(
    st.integers(300, 599),
    json_values,
    st.dictionaries(st.sampled_from(["retry-after", "x-ratelimit-reset"]), st.text()),
)
def test_every_error_has_a_word_of_ours(status: int, body: Any, headers: dict[str, str]) -> None:
    exchange = Exchange(status=status, headers=headers, now=NOW)
    for failure in (refused(exchange, body), error_event(exchange, body)):
        assert failure.error in set(Fault) or failure.error == f"http_{status}"
        assert failure.retry_after is None or failure.retry_after.total_seconds() >= 0
