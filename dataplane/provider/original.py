"""A caller's own request, with as little of it changed as a decision needs."""

import json
from collections.abc import Mapping
from types import MappingProxyType

from dataplane.provider import json_text
from dataplane.provider.model import Original


def member(original: Original, name: str) -> object:
    """The value of a top-level member; None if it is absent."""
    span = original.spans.get(name)
    return None if span is None else json.loads(original.text[span[0] : span[1]])


def name_span(original: Original, name: str) -> tuple[int, int] | None:
    """Where the name of a top-level member stands, in its quotes; None if it is absent, or written with escapes."""
    span, quoted = original.spans.get(name), f'"{name}"'
    if span is None:
        return None
    start = original.text.rfind(quoted, 0, span[0])
    end = start + len(quoted)
    return (start, end) if start >= 0 and original.text[end : span[0]].strip() == ":" else None


def written(
    original: Original, members: Mapping[str, object], names: Mapping[str, str] = MappingProxyType({})
) -> bytes:
    """The request with these top-level members replaced, or added at the end where they are absent; the rest stays to the byte.

    `names`: members that get another name. Raises ValueError for one whose name is not found, see `name_span`.
    """
    text, at = original.text, 0
    pieces: list[str] = []
    added = {name: value for name, value in members.items() if name not in original.spans}
    changed = [(original.spans[name], value) for name, value in members.items() if name in original.spans]
    for old, new in names.items():
        if (place := name_span(original, old)) is None:
            raise ValueError(f"{old} has no name that can be replaced")
        changed.append((place, new))
    for (start, end), value in sorted(changed, key=lambda change: change[0]):
        pieces += (text[at:start], json_text.write(value))
        at = end
    if added:
        close = text.rindex("}")
        comma = "," if original.spans else ""
        pieces += (text[at:close], comma, json_text.write(added)[1:-1])
        at = close
    pieces.append(text[at:])
    return "".join(pieces).encode()
