"""Server-sent events as the HTML standard tells to read them."""

import pytest

from dataplane.provider.sse import EventTooLarge, ServerEvent, SseDecoder


def decoded(*chunks: bytes) -> list[tuple[str, str]]:
    decoder = SseDecoder()
    events: list[ServerEvent] = [event for chunk in chunks for event in decoder.feed(chunk)]
    return [(event.name, event.data) for event in (*events, *decoder.end())]


@pytest.mark.parametrize(
    ("text", "events"),
    [
        (b"data: one\n\ndata: two\n\n", [("", "one"), ("", "two")]),
        (b"data:one\r\n\r\ndata:two\r\n\r\n", [("", "one"), ("", "two")]),
        (b"data: one\r\rdata: two\r\r", [("", "one"), ("", "two")]),
        (b"data: one\r\n\ndata: two\n\r\n", [("", "one"), ("", "two")]),
        (b"\xef\xbb\xbfdata: one\n\n", [("", "one")]),
        (b"data: \xef\xbb\xbfone\n\n", [("", "\ufeffone")]),
        (b": comment\n\n:\n\ndata: one\n\n", [("", "one")]),
        (b"data: a\ndata: b\ndata:\n\n", [("", "a\nb\n")]),
        (b"event: ping\ndata: one\n\ndata: two\n\n", [("ping", "one"), ("", "two")]),
        (b"event: ping\n\ndata: one\n\n", [("", "one")]),
        (b"data\n\n", [("", "")]),
        (b"data:  two spaces\n\n", [("", " two spaces")]),
        (b"id: 7\nretry: 10\nnothing: x\ndata: one\n\n", [("", "one")]),
        (b"data: one\n", [("", "one")]),
        (b"data: one\n\ndata: cut of", [("", "one")]),
        (b"data: \xff\n\n", [("", "\ufffd")]),
        (b"\n\n\n", []),
        (b"", []),
    ],
)
def test_a_stream_is_its_events(text: bytes, events: list[tuple[str, str]]) -> None:
    assert decoded(text) == events
    assert decoded(*(bytes([byte]) for byte in text)) == events


def test_a_line_feed_after_a_carriage_return_may_come_later() -> None:
    assert decoded(b"data: one\r", b"", b"\n", b"data: two\r\n\r", b"\n") == [("", "one\ntwo")]


def feed_often(decoder: SseDecoder, chunk: bytes) -> None:
    for _ in range(30):
        decoder.feed(chunk)


def test_an_event_that_never_ends_is_refused() -> None:
    decoder = SseDecoder(max_event_bytes=100)
    with pytest.raises(EventTooLarge):
        feed_often(decoder, b"data: 67890\n")


def test_a_line_that_never_ends_is_refused() -> None:
    decoder = SseDecoder(max_event_bytes=100)
    decoder.feed(b"data: ")
    with pytest.raises(EventTooLarge):
        feed_often(decoder, b"1234567890")


def test_many_small_events_are_no_large_one() -> None:
    decoder = SseDecoder(max_event_bytes=100)
    assert sum(len(decoder.feed(b": comment\ndata: 1234567890\n\n")) for _ in range(100)) == 100
