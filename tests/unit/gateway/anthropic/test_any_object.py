"""Whatever JSON object comes, it is read or refused."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from dataplane.gateway.anthropic.counting import CountTokens
from dataplane.gateway.anthropic.messages import Messages
from dataplane.gateway.model import Asked, BadRequest, Received

NAMES = """model messages system max_tokens tools tool_choice stop_sequences stream metadata temperature top_p top_k thinking
    output_config output_format role content type text source data media_type url id name input tool_use_id is_error
    signature budget_tokens display effort format schema input_schema strict citations enabled user user_id assistant base64
    image tool_use tool_result redacted_thinking document search_result auto any tool none adaptive json_schema high
    properties required additionalProperties turnout_feature cache_control fallbacks https://example.org/x.png QUJD"""
WORDS = st.sampled_from(NAMES.split())
LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | WORDS | st.text(max_size=4)
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS | st.text(max_size=4), inner, max_size=5),
    max_leaves=20,
)
BLOCK = st.dictionaries(WORDS, JSON, max_size=5) | st.fixed_dictionaries(
    {
        "type": st.sampled_from(
            ("text", "image", "tool_use", "tool_result", "thinking", "redacted_thinking", "document")
        ),
        **dict.fromkeys(("text", "source", "id", "name", "input", "content", "thinking", "data", "tool_use_id"), JSON),
    }
)
MESSAGE = st.fixed_dictionaries(
    {"role": st.sampled_from(("user", "assistant", "system")), "content": st.lists(BLOCK, max_size=3) | JSON}
)
NEARLY = st.builds(
    lambda known, more: {**more, **known},
    st.fixed_dictionaries(
        {"model": st.just("auto"), "max_tokens": st.just(5), "messages": st.lists(MESSAGE, min_size=1, max_size=3)}
    ),
    st.dictionaries(WORDS, JSON, max_size=4),
)


def read(value: dict[str, Any], face: Messages | CountTokens) -> Asked | BadRequest:
    try:
        return face.read(Received(headers={}, value=value))
    except BadRequest as wrong:
        return wrong


@given(NEARLY | st.dictionaries(WORDS | st.text(max_size=4), JSON, max_size=6))
def test_any_object_is_read_or_refused(value: dict[str, Any]) -> None:
    sent = json.loads(json.dumps(value))
    for face in (Messages(), CountTokens()):
        assert isinstance(read(sent, face), Asked | BadRequest)
