"""AWS' binary event stream: any split of the bytes gives the same events, and nothing that was altered is read."""

import json

import pytest
from botocore.eventstream import EventStreamBuffer

from dataplane.provider.event_stream import EventStreamDecoder
from dataplane.provider.model import CallFailure
from dataplane.provider.sandbox.wire.event_frame import event, exception, frame
from dataplane.provider.sse import EventTooLarge, ServerEvent

STREAM = event("messageStart", b'{"role":"assistant"}') + event("metadata", '{"text":"ü"}'.encode())
EVENTS = [
    ServerEvent(name="messageStart", data='{"role":"assistant"}'),
    ServerEvent(name="metadata", data='{"text":"ü"}'),
]


@pytest.mark.parametrize("piece", [1, 5, 64, 1 << 20])
def test_any_split_gives_the_same_events(piece: int) -> None:
    decoder = EventStreamDecoder()
    read = [event for at in range(0, len(STREAM), piece) for event in decoder.feed(STREAM[at : at + piece])]
    assert read == EVENTS
    assert decoder.end() == []


def test_botocore_reads_our_frames_as_we_do() -> None:
    buffer = EventStreamBuffer()
    buffer.add_data(STREAM)
    assert [ServerEvent(name=found.headers[":event-type"], data=found.payload.decode()) for found in buffer] == EVENTS


def test_a_flipped_bit_anywhere_is_refused() -> None:
    one = event("messageStop", b'{"stopReason":"end_turn"}')
    for place in range(len(one)):
        altered = bytes([*one[:place], one[place] ^ 1, *one[place + 1 :]])
        decoder = EventStreamDecoder()
        with pytest.raises(CallFailure) as caught:
            decoder.feed(altered)
        assert caught.value.error == "malformed"


def test_an_exception_is_an_error_of_its_name() -> None:
    (read,) = EventStreamDecoder().feed(exception("throttlingException", b'{"message":"slow down"}'))
    assert read.name == "error"
    assert json.loads(read.data) == {"error": {"type": "throttlingException", "message": "slow down"}}
    headers = {":message-type": "error", ":error-code": "InternalError", ":error-message": "oh"}
    (read,) = EventStreamDecoder().feed(frame(headers, b""))
    assert json.loads(read.data) == {"error": {"type": "InternalError", "message": "oh"}}


def test_a_frame_over_the_limit_is_refused_before_it_is_held() -> None:
    with pytest.raises(EventTooLarge):
        EventStreamDecoder(max_event_bytes=64).feed(event("chunk", b"x" * 100)[:16])
