"""Tokens as the servers count them that speak OpenAI's chat completions."""

from collections.abc import Mapping

from dataplane.chat.model import Usage
from dataplane.provider.shape import as_count, as_object


def usage_of(value: object) -> Usage | None:
    """The tokens of a `usage` object, None where there is none.

    Input includes cached tokens everywhere. Output includes reasoning at OpenAI, but not at Gemini's compatible endpoint,
    which counts it in the total alone: so whatever of the total is neither input nor output is reasoning.
    """
    usage = as_object(value)
    if not usage:
        return None
    read, written = as_object(usage.get("prompt_tokens_details")), as_object(usage.get("completion_tokens_details"))
    given, taken = as_count(usage.get("prompt_tokens")), as_count(usage.get("completion_tokens"))
    uncounted = max(0, as_count(usage.get("total_tokens")) - given - taken)
    output = taken + uncounted
    reasoning = max(as_count(written.get("reasoning_tokens")), uncounted)
    return Usage(
        input_tokens=given,
        cached_input_tokens=min(_cached(usage, read), given),
        cache_write_tokens=min(as_count(read.get("cache_write_tokens")), given),
        output_tokens=output,
        reasoning_tokens=min(reasoning, output),
    )


def _cached(usage: Mapping[str, object], read: Mapping[str, object]) -> int:
    """OpenAI's name, DeepSeek's and Mistral's."""
    names = (read.get("cached_tokens"), usage.get("prompt_cache_hit_tokens"), usage.get("num_cached_tokens"))
    return max(as_count(value) for value in names)
