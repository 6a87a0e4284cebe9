"""A caller's own request, with as little of it changed as a decision needs."""

import json
from collections.abc import Mapping

from dataplane.provider import json_text
from dataplane.provider.model import Original


def member(original: Original, name: str) -> object:
    """The value of a top-level member; None if it is absent."""
    span = original.spans.get(name)
    return None if span is None else json.loads(original.text[span[0] : span[1]])


def written(original: Original, members: Mapping[str, object]) -> bytes:
    """The request with these top-level members replaced, or added at the end where they are absent; the rest stays to the byte."""
    text, at = original.text, 0
    pieces: list[str] = []
    added = {name: value for name, value in members.items() if name not in original.spans}
    changed = sorted((original.spans[name], value) for name, value in members.items() if name in original.spans)
    for (start, end), value in changed:
        pieces += (text[at:start], json_text.write(value))
        at = end
    if added:
        close = text.rindex("}")
        comma = "," if original.spans else ""
        pieces += (text[at:close], comma, json_text.write(added)[1:-1])
        at = close
    pieces.append(text[at:])
    return "".join(pieces).encode()
