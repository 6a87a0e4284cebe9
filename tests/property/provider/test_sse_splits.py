"""However the bytes of a stream are split, the events are the same."""

from hypothesis import given
from hypothesis import strategies as st

from dataplane.provider.sse import ServerEvent, SseDecoder

line = st.sampled_from(
    [b"data: one", b"data:two", b"data", b"data:", b"event: ping", b"event", b": comment", b"id: 1", b"", b"", b"x: y",
     "data: é😀".encode(), b"\xef\xbb\xbfdata: b", b"data: \xff"]
)  # fmt: skip
end = st.sampled_from([b"\n", b"\r\n", b"\r"])
streams = st.lists(st.tuples(line, end)).map(lambda lines: b"".join(text + mark for text, mark in lines))


def decoded(chunks: list[bytes]) -> list[ServerEvent]:
    decoder = SseDecoder()
    return [*(event for chunk in chunks for event in decoder.feed(chunk)), *decoder.end()]


def plainly(text: bytes) -> list[tuple[str, str]]:
    """The same by the letter of the standard, all bytes at hand; an end of the bytes counts as an empty line."""
    text = text.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    *lines, _ = text.split(b"\n")
    events: list[tuple[str, str]] = []
    name, data = b"", b""
    for row in (*lines, b""):
        field, _, value = row.partition(b":")
        value = value.removeprefix(b" ")
        if not row:
            if data:
                events.append((name.decode("utf-8", "replace"), data[:-1].decode("utf-8", "replace")))
            name, data = b"", b""
        elif field == b"data":
            data += value + b"\n"
        elif field == b"event":
            name = value
    return events


@given(streams | st.binary(max_size=200), st.data())
def test_any_split_gives_the_same_events(text: bytes, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=20)))
    chunks = [text[start:stop] for start, stop in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert decoded(chunks) == decoded([text]) == decoded([text[at : at + 1] for at in range(len(text))])


@given(streams | st.binary(max_size=200))
def test_the_events_are_those_of_the_standard(text: bytes) -> None:
    assert [(event.name, event.data) for event in decoded([text])] == plainly(text)
