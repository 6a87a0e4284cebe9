"""Repeated prefixes count as cached, over every protocol."""

from typing import Any

import pytest

from dataplane.provider.sandbox.call import ProtocolName
from dataplane.provider.sandbox.prefix import PrefixCache
from tests.unit.sandbox.calls import Json, answer_of, body_of, request_of, sandbox, with_profile

OPENAI, ANTHROPIC, GEMINI = ProtocolName.OPENAI, ProtocolName.ANTHROPIC, ProtocolName.GEMINI
LONG = "The points are set for the branch line, and the signal is clear. " * 120
LOW_BAR = with_profile(cache_min_tokens=10)


def usage_of(served: Any, protocol: ProtocolName, body: Json) -> Json:
    answer = answer_of(served, request_of(protocol, body))
    usage: Json = answer.get("usage") or answer["usageMetadata"]
    return usage


def test_the_first_call_has_nothing_cached_and_the_second_has_all() -> None:
    served, body = sandbox(), body_of(OPENAI, LONG)
    first, second = (usage_of(served, OPENAI, body) for _ in range(2))
    assert first["prompt_tokens_details"]["cached_tokens"] == 0
    assert second["prompt_tokens_details"]["cached_tokens"] > 0.99 * second["prompt_tokens"]
    assert first["prompt_tokens"] == second["prompt_tokens"]


def test_a_further_turn_finds_the_conversation_before_it() -> None:
    served, body = sandbox(), body_of(OPENAI, LONG)
    before = usage_of(served, OPENAI, body)["prompt_tokens"]
    body["messages"] += [{"role": "assistant", "content": "Yes."}, {"role": "user", "content": "And the siding? " * 40}]
    after = usage_of(served, OPENAI, body)
    # The share of the characters stands for that of the tokens, so not to the last one.
    assert after["prompt_tokens_details"]["cached_tokens"] == pytest.approx(before, rel=0.02)


def test_a_prompt_that_differs_at_its_start_finds_nothing() -> None:
    served = sandbox()
    usage_of(served, OPENAI, body_of(OPENAI, LONG))
    assert usage_of(served, OPENAI, body_of(OPENAI, f"Now: {LONG}"))["prompt_tokens_details"]["cached_tokens"] == 0


def test_another_model_has_a_cache_of_its_own() -> None:
    cache = PrefixCache()
    assert cache.cached_share("a", ["x" * 100]) == 0.0
    assert cache.cached_share("b", ["x" * 100]) == 0.0
    assert cache.cached_share("a", ["x" * 100]) == 1.0


def test_a_short_prompt_is_not_cached_unless_the_model_says_so() -> None:
    body = body_of(OPENAI, "The signal at the end of the platform shows a proceed aspect.")
    for served, cached in ((sandbox(), False), (sandbox(LOW_BAR), True)):
        usage_of(served, OPENAI, body)
        assert (usage_of(served, OPENAI, body)["prompt_tokens_details"]["cached_tokens"] > 0) is cached


def test_the_memory_is_bounded() -> None:
    cache = PrefixCache(size=3)
    for number in range(5):
        cache.cached_share("m", [f"prompt {number}"])
    assert cache.cached_share("m", ["prompt 4"]) == 1.0
    assert cache.cached_share("m", ["prompt 0"]) == 0.0


def test_anthropic_caches_up_to_the_last_breakpoint_only() -> None:
    served = sandbox()
    system = [{"type": "text", "text": LONG, "cache_control": {"type": "ephemeral"}}]
    body = body_of(ANTHROPIC, "And now?", system=system)
    first, second = (usage_of(served, ANTHROPIC, body) for _ in range(2))
    assert first["cache_creation_input_tokens"] == second["cache_read_input_tokens"] > 1_000
    assert first["cache_read_input_tokens"] == second["cache_creation_input_tokens"] == 0
    assert 0 < first["input_tokens"] == second["input_tokens"] < 20


def test_anthropic_caches_nothing_unless_asked() -> None:
    served = sandbox()
    for _ in range(2):
        usage = usage_of(served, ANTHROPIC, body_of(ANTHROPIC, LONG))
        assert usage["cache_read_input_tokens"] == usage["cache_creation_input_tokens"] == 0


def test_anthropic_takes_a_breakpoint_for_the_whole_request() -> None:
    served, body = sandbox(), body_of(ANTHROPIC, LONG, cache_control={"type": "ephemeral"})
    usage_of(served, ANTHROPIC, body)
    assert usage_of(served, ANTHROPIC, body)["cache_read_input_tokens"] > 1_000


def test_gemini_names_its_cached_tokens() -> None:
    served, body = sandbox(), body_of(GEMINI, LONG)
    assert "cachedContentTokenCount" not in usage_of(served, GEMINI, body)
    second = usage_of(served, GEMINI, body)
    assert second["cachedContentTokenCount"] == second["cacheTokensDetails"][0]["tokenCount"] > 1_000
