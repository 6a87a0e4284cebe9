"""Chooses which text of a conversation is looked at, and for what."""

from dataclasses import dataclass

from turnout_features.asking import divided
from turnout_features.model import Conversation, Speaker

SYSTEM_HEAD = 1_500
EARLIER = 600
"""Characters of the system prompt and of earlier messages that may say what is wanted."""

FOLLOW_UP = 200
"""A last message of at most so many characters may live on what was asked before."""

LOOK = 32_768
"""Characters of the last message, and as many of all others, whose patterns and lines are looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Looks:
    """The parts of a conversation that are looked at; `truncated` says whether any was cut for its length.

    `last` is the last user message. `ask` is where it says what is wanted, `body` the rest of it, `system` the head of
    the system prompt, `earlier` what the user asked before a short follow-up. `others` are further messages, without
    tool results, newest first. `position` is the index of the last user message.
    """

    position: int
    last: str
    ask: str
    body: str
    system: str
    earlier: str
    others: tuple[tuple[Speaker, str], ...]
    truncated: bool


def looks(conversation: Conversation) -> Looks:
    """Divide a conversation, in time that its number of messages bounds."""
    position = _last_user(conversation)
    full = conversation.utterances[position].text if conversation.utterances else ""
    last = sampled(full, LOOK)
    others, whole = _others(conversation, position)
    ask, body = divided(last)
    return Looks(
        position=position,
        last=last,
        ask=ask,
        body=body,
        system=_heads(conversation, Speaker.SYSTEM, before=len(conversation.utterances), limit=SYSTEM_HEAD),
        earlier=_heads(conversation, Speaker.USER, before=position, limit=EARLIER) if len(last) <= FOLLOW_UP else "",
        others=others,
        truncated=len(full) > LOOK or not whole,
    )


def _last_user(conversation: Conversation) -> int:
    """Where the last user message is; the last message of all if no user speaks."""
    count = len(conversation.utterances)
    speaks = (n for n in range(count - 1, -1, -1) if conversation.utterances[n].speaker is Speaker.USER)
    return next(speaks, count - 1)


def sampled(text: str, limit: int) -> str:
    """`text`, or its head and tail with `limit` characters together and a line break."""
    if len(text) <= limit:
        return text
    tail = limit // 2
    return f"{text[: limit - tail]}\n{text[len(text) - tail :]}"


def _heads(conversation: Conversation, speaker: Speaker, *, before: int, limit: int) -> str:
    """The beginnings of what `speaker` said before a position, newest first, `limit` characters together."""
    heads: list[str] = []
    for utterance in reversed(conversation.utterances[:before]):
        if limit <= 0:
            break
        if utterance.speaker is speaker:
            heads.append(utterance.text[:limit])
            limit -= len(heads[-1])
    return "\n".join(heads)


def _others(conversation: Conversation, position: int) -> tuple[tuple[tuple[Speaker, str], ...], bool]:
    """Messages but the last user's and tool results, newest first, and whether all fitted into LOOK."""
    chosen: list[tuple[Speaker, str]] = []
    room = LOOK
    for number in range(len(conversation.utterances) - 1, -1, -1):
        utterance = conversation.utterances[number]
        if number == position or utterance.speaker is Speaker.TOOL or not utterance.text:
            continue
        if len(utterance.text) > room:
            return (*chosen, (utterance.speaker, sampled(utterance.text, room))), False
        chosen.append((utterance.speaker, utterance.text))
        room -= len(utterance.text)
    return tuple(chosen), True
