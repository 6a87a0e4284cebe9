"""Tokens as OpenAI counts them."""

from dataplane.chat.model import Usage

Json = dict[str, object]


def of_completion(usage: Usage) -> Json:
    """For chat completions."""
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_input_tokens, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens, "audio_tokens": 0},
    }


def of_response(usage: Usage) -> Json:
    """For responses."""
    return {
        "input_tokens": usage.input_tokens,
        "input_tokens_details": {
            "cached_tokens": usage.cached_input_tokens,
            "cache_write_tokens": usage.cache_write_tokens,
        },
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "total_tokens": usage.input_tokens + usage.output_tokens,
    }


def of_embedding(usage: Usage) -> Json:
    """For embeddings."""
    return {"prompt_tokens": usage.input_tokens, "total_tokens": usage.input_tokens}
