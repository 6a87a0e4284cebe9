"""Whatever providers count, our parts never exceed our totals, and no token is lost."""

from collections.abc import Mapping
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from dataplane.chat.model import Usage
from dataplane.provider import anthropic_usage, gemini_usage, openai_usage

count = st.integers(0, 10**9)
maybe = st.none() | count | st.sampled_from([-5, True, "7", 2.0, 2.5, [], {}])


def counts(*names: str) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=dict.fromkeys(names, maybe))


openai = st.builds(
    lambda top, read, written: {**top, "prompt_tokens_details": read, "completion_tokens_details": written},
    counts("prompt_tokens", "completion_tokens", "total_tokens", "prompt_cache_hit_tokens", "num_cached_tokens"),
    st.none() | counts("cached_tokens", "cache_write_tokens"),
    st.none() | counts("reasoning_tokens"),
)
anthropic = st.builds(
    lambda top, details, iterations: {**top, "output_tokens_details": details, "iterations": iterations},
    counts("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens", "output_tokens"),
    st.none() | counts("thinking_tokens"),
    st.none() | st.lists(st.builds(lambda kind, rest: {"type": kind, **rest}, st.sampled_from(["compaction", "message"]),
                                   counts("input_tokens", "output_tokens")), max_size=3),
)  # fmt: skip
gemini = counts(
    "promptTokenCount",
    "toolUsePromptTokenCount",
    "cachedContentTokenCount",
    "candidatesTokenCount",
    "thoughtsTokenCount",
)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def check(usage: Usage | None) -> None:
    if usage is None:
        return
    assert min(usage.input_tokens, usage.output_tokens, usage.cache_write_tokens) >= 0
    assert 0 <= usage.cached_input_tokens <= usage.input_tokens
    assert usage.cache_write_tokens <= usage.input_tokens
    assert 0 <= usage.reasoning_tokens <= usage.output_tokens
    assert not usage.estimated


@given(openai | anything)
def test_openai_s_parts_are_within_their_totals(raw: object) -> None:
    check(openai_usage.usage_of(raw))


@given(anthropic | anything)
def test_anthropic_s_parts_are_within_their_totals(raw: object) -> None:
    usage = anthropic_usage.usage_of(raw)
    check(usage)
    if usage is not None:
        assert usage.cached_input_tokens + usage.cache_write_tokens <= usage.input_tokens


@given(gemini | anything)
def test_gemini_s_parts_are_within_their_totals(raw: object) -> None:
    check(gemini_usage.usage_of(raw))


@given(count, count, count)
def test_the_total_is_never_more_than_ours(given_: int, taken: int, hidden: int) -> None:
    """A token that only the total knows is counted as output."""
    raw: Mapping[str, int] = {
        "prompt_tokens": given_,
        "completion_tokens": taken,
        "total_tokens": given_ + taken + hidden,
    }
    usage = openai_usage.usage_of(raw)
    assert usage is not None
    assert usage.input_tokens + usage.output_tokens == given_ + taken + hidden
    assert usage.reasoning_tokens == hidden
