"""How models behind OpenAI's chat completions are told to think, and how their thinking goes back to them, as data."""

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType

from dataplane.chat.model import Effort, Reasoning, Thinking
from dataplane.provider import json_text
from dataplane.provider.gemini_thinking import BUDGETS
from dataplane.provider.shape import as_list
from dataplane.snapshot.model import WireProtocol

Json = dict[str, object]


class ReasoningWords(StrEnum):
    """The field that says how to think.

    EFFORT: `reasoning_effort`, for families that have one. GROQ: that, and `reasoning_format` for Qwen. OPENROUTER: an object
    `reasoning`. DEEPSEEK: an object `thinking`, and `reasoning_effort`.
    """

    NONE = "none"
    EFFORT = "effort"
    GROQ = "groq"
    OPENROUTER = "openrouter"
    DEEPSEEK = "deepseek"


class ThinkingBack(StrEnum):
    """Where a server takes thinking back.

    WITHIN_TOOLS: `reasoning_content`, in what was said since the last question. DETAILS: `reasoning_details`, as they came.
    CONTENT: a part of the content.
    """

    NONE = "none"
    WITHIN_TOOLS = "within_tools"
    DETAILS = "details"
    CONTENT = "content"


_LEVELS = {Effort.LOW: "low", Effort.MEDIUM: "medium", Effort.HIGH: "high"}

EFFORTS: tuple[tuple[re.Pattern[str], Mapping[Effort, str]], ...] = (
    # developers.openai.com/api/docs/guides/reasoning: o-series and gpt-oss have no less than `low`, gpt-5 has `minimal`,
    # later ones `none`.
    (re.compile(r"(?:o\d+|gpt-oss)(?:[-.:].*)?"), MappingProxyType({**_LEVELS, Effort.NONE: "low"})),
    (re.compile(r"gpt-5(?:-.*)?"), MappingProxyType({**_LEVELS, Effort.NONE: "minimal"})),
    (re.compile(r"gpt-(?:5\.\d+|[6-9])(?:[-.].*)?"), MappingProxyType({**_LEVELS, Effort.NONE: "none"})),
)
# console.groq.com/docs/reasoning: Qwen 3 thinks or does not.
_GROQ_QWEN = re.compile(r"qwen-?3.*")
_GROQ_QWEN_EFFORTS = {Effort.NONE: "none", Effort.LOW: "default", Effort.MEDIUM: "default", Effort.HIGH: "default"}


def thinks(words: ReasoningWords, family: str) -> bool:
    """Whether a model of `family` can be told how to think."""
    match words:
        case ReasoningWords.NONE:
            return False
        case ReasoningWords.OPENROUTER | ReasoningWords.DEEPSEEK:
            return True
        case ReasoningWords.GROQ if _GROQ_QWEN.fullmatch(family):
            return True
        case _:
            return _efforts(family) is not None


def settings(asked: Reasoning | None, words: ReasoningWords, family: str) -> Json:
    """The fields of the request that say how to think."""
    if asked is None or not thinks(words, family):
        return {}
    match words:
        case ReasoningWords.OPENROUTER:
            return _openrouter(asked)
        case ReasoningWords.DEEPSEEK:
            return _deepseek(asked)
        case ReasoningWords.GROQ if _GROQ_QWEN.fullmatch(family):
            return {**_effort(asked, _GROQ_QWEN_EFFORTS), "reasoning_format": "parsed" if asked.include else "hidden"}
        case _:
            return _effort(asked, _efforts(family) or {})


def said_back(thoughts: Sequence[Thinking], back: ThinkingBack, *, within_tools: bool) -> Json:
    """The members of an assistant's message that carry `thoughts` back; none where the server does not want them.

    `within_tools`: the message calls tools, and nobody has asked anything since. DeepSeek refuses such a message without the
    field, even if nothing was thought (api-docs.deepseek.com/guides/thinking_mode; recorded).
    """
    ours = [thought for thought in thoughts if thought.protocol == WireProtocol.OPENAI]
    text = "".join(thought.text for thought in ours)
    if back is ThinkingBack.WITHIN_TOOLS and within_tools:
        return {"reasoning_content": text}
    if back is ThinkingBack.DETAILS:
        details = [detail for thought in ours for detail in _details(thought)]
        return {"reasoning_details": details} if details else {"reasoning": text} if text else {}
    return {}


def content_part(thoughts: Sequence[Thinking]) -> Json | None:
    """Mistral's part of the content with what was thought (docs.mistral.ai/capabilities/reasoning)."""
    pieces = [
        {"type": "text", "text": thought.text}
        for thought in thoughts
        if thought.text and thought.protocol == WireProtocol.OPENAI
    ]
    return {"type": "thinking", "thinking": pieces} if pieces else None


def _openrouter(asked: Reasoning) -> Json:
    """openrouter.ai/docs/use-cases/reasoning-tokens: an effort or a budget, not both."""
    if asked.effort is Effort.NONE:
        return {"reasoning": {"enabled": False}}
    chosen: Json = {"enabled": True}
    if asked.max_tokens:
        chosen = {"max_tokens": asked.max_tokens}
    elif asked.effort in _LEVELS:
        chosen = {"effort": _LEVELS[asked.effort]}
    return {"reasoning": chosen if asked.include else {**chosen, "exclude": True}}


def _deepseek(asked: Reasoning) -> Json:
    """api-docs.deepseek.com/guides/thinking_mode."""
    if asked.effort is Effort.NONE:
        return {"thinking": {"type": "disabled"}}
    return {"thinking": {"type": "enabled"}, **_effort(asked, _LEVELS)}


def _effort(asked: Reasoning, words: Mapping[Effort, str]) -> Json:
    effort = asked.effort
    if effort is Effort.UNSPECIFIED and asked.max_tokens:
        effort = _level_of(asked.max_tokens)
    return {"reasoning_effort": words[effort]} if effort in words else {}


def _level_of(budget: int) -> Effort:
    """The least level that makes use of a budget of tokens, where there is no word for one."""
    return next((effort for effort, tokens in BUDGETS.items() if budget <= tokens), Effort.HIGH)


def _efforts(family: str) -> Mapping[Effort, str] | None:
    return next((words for pattern, words in EFFORTS if pattern.fullmatch(family)), None)


def _details(thought: Thinking) -> Sequence[object]:
    try:
        return as_list(json_text.parse(thought.signature)) if thought.signature else ()
    except ValueError:
        return ()
