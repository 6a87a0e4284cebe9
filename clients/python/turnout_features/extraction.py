"""Finds the features of a conversation."""

from turnout_features.encoding import Encode, embedding
from turnout_features.language import language
from turnout_features.looks import Looks, looks
from turnout_features.model import Conversation, Features, Patterns, Speaker
from turnout_features.structure import Structure, structure
from turnout_features.tokens import IMAGE_TOKENS, MESSAGE_TOKENS, CountTokens, o200k_tokens

EARLIER, SYSTEM, BODY = "earlier/", "system/", "body/"
"""Prefixes of a signal that was found not in what the last message asks but before it, in the system prompt, or in the
text that the last message brings along."""

_QUESTION_ENDS = ("? ", "?\n", "?\r", "?!", '?"', "?'", "?)", "?*", "?\u201d", "?\u00bb")
_QUESTION_MARKS = "\uff1f\u061f\u037e\u055e\u1367\u2e2e\u203d\u2047\u2048\u2049"
"""Full-width, Arabic, Greek, Armenian, Ethiopic, reversed, and the double ones."""


def extract(
    conversation: Conversation,
    patterns: Patterns,
    count_tokens: CountTokens = o200k_tokens,
    encode: Encode | None = None,
) -> Features:
    """Facts about `conversation`, in linear time; with an embedding where there is something to `encode` with.

    All text is counted in tokens; of a long one only head and tail are looked at otherwise, and `truncated` is set.
    Each signal is named once, by the most telling place: what the last user message asks (no prefix), the system prompt
    (`system/`), what the user asked before a short follow-up (`earlier/`), the rest of the last message (`body/`).
    """
    seen = looks(conversation)
    found = structure(seen.last, seen.ask if seen.body else "")
    if seen.others:
        found = _with_others(found, seen)
    tokens = [count_tokens(utterance.text) for utterance in conversation.utterances]
    images = sum([utterance.images for utterance in conversation.utterances])
    speakers = [utterance.speaker for utterance in conversation.utterances]
    return Features(
        input_tokens=_all_tokens(conversation, tokens, images, count_tokens),
        last_user_tokens=tokens[seen.position] if tokens else 0,
        turns=speakers.count(Speaker.USER) + speakers.count(Speaker.ASSISTANT),
        characters=sum([len(utterance.text) for utterance in conversation.utterances]),
        code_blocks=found.code_blocks,
        code_lines=found.code_lines,
        structured_lines=found.structured_lines,
        instructions=found.instructions,
        questions=questions(seen.last),
        answer_options=found.answer_options,
        images=images,
        tools=conversation.tools,
        tool_required=conversation.tool_required,
        tool_results=speakers.count(Speaker.TOOL),
        retrieved_chunks=found.retrieved_chunks,
        output_format=conversation.output_format,
        max_output_tokens=conversation.max_output_tokens,
        language=language(seen.ask) or language(seen.earlier),
        signals=signals(seen, patterns),
        rule_set_digest=patterns.digest,
        truncated=seen.truncated or found.cut,
        embedding=None if encode is None else embedding(seen, encode),
    )


def input_tokens(conversation: Conversation, count_tokens: CountTokens = o200k_tokens) -> int:
    """The tokens of `conversation` as input, as `extract` counts them."""
    tokens = [count_tokens(utterance.text) for utterance in conversation.utterances]
    images = sum([utterance.images for utterance in conversation.utterances])
    return _all_tokens(conversation, tokens, images, count_tokens)


def _all_tokens(conversation: Conversation, tokens: list[int], images: int, count_tokens: CountTokens) -> int:
    overhead = MESSAGE_TOKENS * len(tokens) + IMAGE_TOKENS * images
    return sum(tokens) + overhead + (count_tokens(conversation.tool_text) if conversation.tool_text else 0)


def questions(text: str) -> int:
    """Question marks of all scripts; a run of them counts once, one inside a word (as in an address) not at all."""
    count = sum([text.count(mark) for mark in _QUESTION_ENDS]) + text.endswith("?") if "?" in text else 0
    return count if text.isascii() else count + sum([text.count(mark) for mark in _QUESTION_MARKS])


def signals(seen: Looks, patterns: Patterns) -> tuple[str, ...]:
    """The patterns that occur, with the prefix of the most telling place."""
    found = dict.fromkeys(patterns.match(seen.ask), "")
    for prefix, text in ((SYSTEM, seen.system), (EARLIER, seen.earlier), (BODY, seen.body)):
        if text:
            for signal in patterns.match(text):
                found.setdefault(signal, prefix)
    return tuple([prefix + signal for signal, prefix in found.items()])


def _with_others(total: Structure, seen: Looks) -> Structure:
    """Add what the other messages hold: program text of all, data of users and the system, instructions of the system."""
    for speaker, text in seen.others:
        found = structure(text)
        told = speaker is not Speaker.ASSISTANT
        total = Structure(
            code_blocks=total.code_blocks + found.code_blocks,
            code_lines=total.code_lines + found.code_lines,
            structured_lines=total.structured_lines + told * found.structured_lines,
            retrieved_chunks=total.retrieved_chunks + told * found.retrieved_chunks,
            instructions=total.instructions + (speaker is Speaker.SYSTEM) * found.instructions,
            answer_options=total.answer_options,
            cut=total.cut or found.cut,
        )
    return total
