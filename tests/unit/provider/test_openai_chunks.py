"""Chunks of chat completions that say text alone are read by a shorter way, to the same end."""

import json

import pytest

from dataplane.provider.openai_answer import CompletionReader
from dataplane.provider.sse import ServerEvent

CHUNK = {"id": "c-1", "model": "m"}
OPENED = ServerEvent(name="", data=json.dumps({**CHUNK, "choices": [{"index": 0, "delta": {"role": "assistant"}}]}))
SAID: dict[str, object] = {"index": 0, "delta": {"content": " blue"}, "logprobs": None, "finish_reason": None}


@pytest.mark.parametrize(
    "chunk",
    [
        {"choices": [SAID]},
        {"choices": [SAID], "usage": None},
        {"choices": [SAID], "usage": {"prompt_tokens": 1, "completion_tokens": 2}},
        {"choices": [SAID], "x_groq": {"usage": {"prompt_tokens": 1, "completion_tokens": 2}}},
        {"choices": [{**SAID, "index": 1}]},
        {"choices": [{**SAID, "finish_reason": "stop"}]},
        {"choices": [{**SAID, "delta": {"content": ""}}]},
        {"choices": [{**SAID, "delta": {"content": None}}]},
        {"choices": [{**SAID, "delta": {"content": " blue", "reasoning_content": "Hm."}}]},
        {"choices": [{**SAID, "delta": {"content": [{"type": "text", "text": " blue"}]}}]},
        {"choices": [{**SAID, "delta": {"content": " blue", "refusal": "No."}}]},
        {"choices": [SAID, {**SAID, "index": 1}]},
        {"choices": []},
        {"choices": None},
    ],
)
@pytest.mark.parametrize("thinks", [False, True])
def test_a_chunk_is_read_the_same_whether_it_says_text_alone_or_more(chunk: dict[str, object], thinks: bool) -> None:
    quick, thorough = CompletionReader(), CompletionReader()
    detail = {"reasoning_details": [{"type": "reasoning.text", "text": "Hm."}]}
    thought = ServerEvent(name="", data=json.dumps({**CHUNK, "choices": [{"index": 0, "delta": detail}]}))
    for reader in (quick, thorough):
        reader.read(OPENED)
        if thinks:
            reader.read(thought)
    read = list(quick.read(ServerEvent(name="", data=json.dumps({**CHUNK, **chunk}))))
    assert read == list(thorough._chunk({**CHUNK, **chunk}))
    assert quick.__dict__.keys() == thorough.__dict__.keys()
    assert quick._reason == thorough._reason
