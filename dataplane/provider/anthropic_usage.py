"""Tokens as Anthropic counts them."""

from collections.abc import Mapping

from dataplane.chat.model import Usage
from dataplane.provider.shape import as_count, as_list, as_object


def usage_of(value: object) -> Usage | None:
    """The tokens of a `usage` object, None where there is none.

    Anthropic's `input_tokens` leaves out what the prompt cache served or took; ours includes both. Its totals also leave
    out compaction, which `iterations` tells of and which is billed like the rest.
    """
    usage = as_object(value)
    if not usage:
        return None
    compactions = [
        counts for counts in map(as_object, as_list(usage.get("iterations"))) if counts.get("type") == "compaction"
    ]
    parts = [usage, *compactions]
    read, written = _sum(parts, "cache_read_input_tokens"), _sum(parts, "cache_creation_input_tokens")
    output = _sum(parts, "output_tokens")
    details = as_object(usage.get("output_tokens_details"))
    return Usage(
        input_tokens=_sum(parts, "input_tokens") + read + written,
        cached_input_tokens=read,
        cache_write_tokens=written,
        output_tokens=output,
        reasoning_tokens=min(as_count(details.get("thinking_tokens")), output),
    )


def _sum(parts: list[Mapping[str, object]], name: str) -> int:
    return sum(as_count(part.get(name)) for part in parts)
