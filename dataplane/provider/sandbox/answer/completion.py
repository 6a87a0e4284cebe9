"""The answer of a model to a call, with its usage: a function of seed, model and prompt."""

from dataclasses import dataclass, replace
from enum import StrEnum

from dataplane.provider.sandbox.answer.phrases import OFF_TOPIC, REFUSALS
from dataplane.provider.sandbox.answer.prose import Brief, brief_for, text_for
from dataplane.provider.sandbox.answer.quality import Flaw, Quality, flaw
from dataplane.provider.sandbox.answer.schema import value_for
from dataplane.provider.sandbox.answer.tools import ToolCall, calls_of, chosen, json_text
from dataplane.provider.sandbox.call import Call, Format, Tool, ToolMode
from dataplane.provider.sandbox.draws import Draws, digest
from dataplane.provider.sandbox.profile import ModelProfile
from dataplane.provider.sandbox.tokens import Tokenizer

_TOOL_CALL_TOKENS = 7  # what a call costs beside its arguments
_PART_TOKENS, _PROMPT_TOKENS = 4, 3  # what frames each part, and the whole
_REASONING_SIGMA = 0.5
_TRUNCATED_SHARE = 0.4


class Finish(StrEnum):
    """Why an answer ends."""

    STOP = "stop"
    STOP_SEQUENCE = "stop_sequence"
    LENGTH = "length"
    TOOL_CALLS = "tool_calls"


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptUsage:
    """Tokens of a prompt: all, those a cache may hold, those read from it, those written to it."""

    tokens: int
    cacheable: int = 0
    cached: int = 0
    written: int = 0
    images: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """An answer. `pieces` joined are its text, one for each token; `tokens` counts text and tool calls."""

    pieces: tuple[str, ...] = ()
    tool_calls: tuple[ToolCall, ...] = ()
    finish: Finish = Finish.STOP
    stop_sequence: str | None = None
    refused: bool = False
    quality: Quality = Quality.GOOD
    tokens: int = 0
    reasoning_tokens: int = 0
    prompt: PromptUsage

    @property
    def text(self) -> str:
        """The visible text."""
        return "".join(self.pieces)


def count_prompt(call: Call, tokenizer: Tokenizer) -> PromptUsage:
    """The tokens of a prompt, before any cache is asked."""
    counts = [tokenizer.count(part) + _PART_TOKENS for part in call.prompt.parts]
    return PromptUsage(
        tokens=sum(counts) + call.prompt.image_tokens + _PROMPT_TOKENS,
        cacheable=sum(counts[: call.prompt.cacheable]),
        images=call.prompt.image_tokens,
    )


def draws_for(seed: int, call: Call) -> Draws:
    """The draws of a call: limits, stop sequences and streaming change nothing in them."""
    return Draws(digest(seed, call.model, call.format.kind, call.tool_choice.mode, *call.prompt.parts))


def complete(call: Call, profile: ModelProfile, draws: Draws, tokenizer: Tokenizer, prompt: PromptUsage) -> Completion:
    """The answer to `call`.

    Raises:
        SchemaError: no value can be made for the schema of a tool or of the response format.
    """
    if call.dimensions is not None:
        return Completion(prompt=prompt)
    reasoning = 0
    if profile.reasoning_tokens and call.reasoning:
        reasoning = max(1, int(draws.lognormal(profile.reasoning_tokens, _REASONING_SIGMA)))
    room = min(call.max_tokens or profile.max_output_tokens, profile.max_output_tokens)
    reasoning = min(reasoning, room)
    answer = _answer(call, profile, draws, tokenizer, prompt)
    if reasoning:
        answer = replace(answer, reasoning_tokens=reasoning)
    return _limited(answer, room - reasoning)


def emptied(completion: Completion) -> Completion:
    """The same answer without a word in it."""
    return replace(completion, pieces=(), tool_calls=(), tokens=0, finish=Finish.STOP, stop_sequence=None)


def _answer(call: Call, profile: ModelProfile, draws: Draws, tokenizer: Tokenizer, prompt: PromptUsage) -> Completion:
    wrong = flaw(profile.quality, draws)
    quality = Quality.POOR if wrong else Quality.GOOD
    brief = brief_for(call.prompt.question, after_tool=call.prompt.after_tool, verbosity=profile.verbosity)
    if wrong is Flaw.OFF_TOPIC:
        brief = replace(brief, topics=OFF_TOPIC)
    tools = chosen(call, draws)
    if tools and not (wrong is Flaw.REFUSES and call.tool_choice.mode is ToolMode.AUTO):
        return _tool_answer(
            tools, brief if wrong is None else replace(brief, topics=OFF_TOPIC), draws, tokenizer, prompt, quality
        )
    text = _flawed(_plain_text(call, brief, draws), wrong, draws)
    text, stopped = _stopped(text, call.stop)
    pieces = tuple(tokenizer.pieces(text))
    return Completion(
        pieces=pieces,
        finish=Finish.STOP_SEQUENCE if stopped is not None else Finish.STOP,
        stop_sequence=stopped,
        refused=wrong is Flaw.REFUSES,
        quality=quality,
        tokens=len(pieces),
        prompt=prompt,
    )


def _tool_answer(
    tools: tuple[Tool, ...], brief: Brief, draws: Draws, tokenizer: Tokenizer, prompt: PromptUsage, quality: Quality
) -> Completion:
    calls = calls_of(tools, draws, brief.topics)
    tokens = sum(tokenizer.count(call.arguments) + _TOOL_CALL_TOKENS for call in calls)
    return Completion(tool_calls=calls, finish=Finish.TOOL_CALLS, quality=quality, tokens=tokens, prompt=prompt)


def _plain_text(call: Call, brief: Brief, draws: Draws) -> str:
    if call.format.kind is Format.TEXT:
        return text_for(brief, draws)
    if call.format.schema is not None:
        return json_text(value_for(call.format.schema, draws, brief.topics))
    return json_text({"answer": " ".join(brief.topics[:3]), "topics": list(brief.topics), "count": draws.between(1, 9)})


def _flawed(text: str, wrong: Flaw | None, draws: Draws) -> str:
    if wrong is Flaw.REFUSES:
        return draws.pick(REFUSALS)
    return text[: max(1, int(len(text) * _TRUNCATED_SHARE))] if wrong is Flaw.TRUNCATED else text


def _stopped(text: str, stops: tuple[str, ...]) -> tuple[str, str | None]:
    """The text before the first stop sequence in it, and that sequence."""
    found = [(at, stop) for stop in stops if (at := text.find(stop)) >= 0]
    if not found:
        return text, None
    at, stop = min(found)
    return text[:at], stop


def _limited(answer: Completion, room: int) -> Completion:
    """No more than `room` tokens; tool calls that do not fit as a whole are left out."""
    if answer.tokens <= room:
        return answer
    return replace(
        answer, pieces=answer.pieces[:room], tool_calls=(), tokens=room, finish=Finish.LENGTH, stop_sequence=None
    )
