"""Tokens as Gemini counts them."""

from dataplane.chat.model import Usage
from dataplane.provider.shape import as_count, as_object


def usage_of(value: object) -> Usage | None:
    """The tokens of a `usageMetadata` object, None where there is none.

    Candidates leave out thoughts, which are billed as output; the prompt leaves out what the provider's own tools put into
    it, which is billed as input; it includes what came from the cache.
    """
    usage = as_object(value)
    if not usage:
        return None
    given = as_count(usage.get("promptTokenCount")) + as_count(usage.get("toolUsePromptTokenCount"))
    thoughts = as_count(usage.get("thoughtsTokenCount"))
    return Usage(
        input_tokens=given,
        cached_input_tokens=min(as_count(usage.get("cachedContentTokenCount")), given),
        output_tokens=as_count(usage.get("candidatesTokenCount")) + thoughts,
        reasoning_tokens=thoughts,
    )
