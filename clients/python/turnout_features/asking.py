"""Finds where a message says what is wanted, apart from the text that it brings along."""

from turnout_features.patterns import compiled_set
from turnout_features.structure import REQUESTS, sentences

HEAD, TAIL = 500, 300
"""Characters at both ends of a long message, where people say what they want."""

SHORT = 240
"""A message of at most so many characters is all about what is wanted."""

PROSE = 160
"""Characters of a line that is a paragraph of its own."""

_QUESTION = ("?", "\uff1f", "\u061f")

_POLITE = (
    "please|pls|plz|can you|could you|i need|i want|i.?d like|help me|bitte|kannst du|ich brauche|s.il (?:te|vous) pla[iî]t"
    "|peux.tu|pouvez.vous|por favor|puedes|necesito|per favore|puoi|preciso|você pode"
)
_VERBS = (
    "guess|pick|choose|select|name|decide|determine|predict|complete|fill|continue|rank|rate|correct|edit|improve|shorten|condense"
    "|sum|distill?|tag|label|match|merge|count|replace|change|pull|turn|boil|cut"
)
_NOUNS = (
    r"tl;?dr|summary|headline|title|key (?:points|takeaways)|question|q:|task|instructions?"
    r"|in (?:one|two|three|a few|\d+) (?:words?|sentences?|lines?|bullets?)"
)
_QUESTION_WORDS = (
    "what|who|whom|when|where|which|why|how|was wird|was ist|wer|warum|wie|welche[rs]?|quel(?:le)?s?|pourquoi|comment"
    "|qué|cuál|cómo|por qué|perché|quale|qual|como|por que"
)
_ELSEWHERE = (
    "总结|概括|翻译|提取|吗$|什么|为什么|要約|まとめ|翻訳|訳し|抽出|教えて|ですか|ください|요약|번역"
    "|резюмир|перевед|извлек|لخص|ترجم|सारांश|अनुवाद"
)
_WISHES = compiled_set(
    (
        *REQUESTS,
        ("wish", rf"(?i)\b(?:{_POLITE})\b"),
        ("wish", rf"(?i)^\W*(?:{_VERBS})\b"),
        ("wish", rf"(?i)^\W*(?:{_NOUNS})\b"),
        ("wish", rf"(?i)^\W*(?:(?:and|so|but|ok) )?(?:{_QUESTION_WORDS})\b"),
        ("wish", _ELSEWHERE),
    )
)
"""What tells that a sentence asks for something."""

_DEMANDS = "requirements|constraints|rules|criteria|conditions|anforderungen|bedingungen|exigences|requisitos|requisiti"
_BELONGS = compiled_set(
    (
        ("program", r"```|Traceback \(most"),
        ("program", r"(?m:[;{]\s*$|^\s+at [\w.$<>]+\(|^\w*(?:Error|Exception)\b|^(?:--- a/|\+\+\+ b/))"),
        ("demands", rf"(?im)^\W*(?:[\w ]{{1,20}} )?(?:{_DEMANDS})\W*$"),
        ("demands", rf"(?im)^\W*(?:{_DEMANDS})\s*:|要求[:：]|要件[:：]|条件[:：]"),
    )
)
"""Program text and lists of demands are not material to work on: they are what the work is about."""


def divided(message: str) -> tuple[str, str]:
    """Where `message` says what is wanted, and the rest.

    If of its first and its last paragraph only one asks for something, and the rest is longer, that paragraph; else head
    and tail of the message, all of it if it is short.
    """
    if len(message) > SHORT and (parted := _parted(message)):
        return parted
    if len(message) <= HEAD + TAIL:
        return message, ""
    return f"{message[:HEAD]}\n{message[-TAIL:]}", message[HEAD:-TAIL]


def _parted(message: str) -> tuple[str, str] | None:
    """The one paragraph at an end that asks for something, and the rest."""
    text = message.strip()
    blank = "\n\n" in text
    first, _, after = text.partition("\n\n" if blank else "\n")
    before, _, last = text.rpartition("\n\n" if blank else "\n")
    leads, closes = _asks(first[:HEAD]), _asks(last[-TAIL:])
    if not after or leads == closes:
        return None
    ask, rest = (first, after) if leads else (last, before)
    if (
        len(ask) > min(len(rest), HEAD)
        or not (blank or _has_prose(rest))
        or _BELONGS.Match(message.encode("utf-8", "replace"))
    ):
        return None
    return ask, rest


def _asks(paragraph: str) -> bool:
    """Whether any of its sentences asks, or it ends with a question."""
    said = paragraph.encode("utf-8", "replace").replace(b"\n", b". ")
    return paragraph.rstrip().endswith(_QUESTION) or any(_WISHES.Match(sentence) for sentence in sentences(said))


def _has_prose(text: str) -> bool:
    return any(len(line) >= PROSE for line in text.split("\n"))
