"""Words that answers are made of, and the words that a prompt is about."""

import string
from collections.abc import Mapping, Sequence
from types import MappingProxyType

_SIGNS = str.maketrans(dict.fromkeys(map(ord, string.punctuation + string.digits), " "))
_HEAD_CHARS, _TAIL_CHARS, _TOPICS = 600, 300, 6
_SHORTEST, _LONGEST = 4, 20
_COMMON_TEXT = """about above after again also answer answers because been before being below best between both case choose
    code correct could could describe does doing during each either else error every example explain extract
    find first following following form from function generate give given gives have having help here how
    include into just know language like list long made make many might more most much must name need needs
    none only option options other over please problem provide question questions read return same sentence
    sentences should show some something such summarize summary take tell text than that their them then
    there these they thing this those through translate under until using very want were what when where
    which while whose will with within without word words work would write your
    english french german italian japanese portuguese spanish
    bash golang java javascript python rust typescript"""
_COMMON = frozenset(_COMMON_TEXT.split())
FALLBACK_TOPICS = ("request", "result", "context")

# A property whose name contains the fragment gets one of these.
STRINGS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "city": ("Paris", "Osaka", "Nairobi", "Montevideo", "Tallinn"),
        "country": ("France", "Japan", "Kenya", "Uruguay", "Estonia"),
        "location": ("Paris", "Osaka harbour", "Nairobi", "the north station"),
        "first_name": ("Ada", "Kenji", "Amara", "Lucía"),
        "last_name": ("Okafor", "Tanaka", "Silva", "Kask"),
        "email": ("ada@example.com", "kenji@example.org"),
        "url": ("https://example.com/turnout", "https://example.org/yard"),
        "phone": ("+33 1 99 00 12 34", "+81 3 5550 0123"),
        "currency": ("EUR", "JPY", "KES", "UYU"),
        "language": ("English", "French", "Japanese", "Swahili"),
        "unit": ("celsius", "metric"),
        "date": ("2026-03-14", "2025-11-02"),
        "time": ("14:30", "09:05"),
        "color": ("green", "slate blue", "amber"),
        "name": ("Ada Okafor", "Kenji Tanaka", "Lucía Silva"),
        "id": ("a1-2048", "b7-0016", "c3-0512"),
    }
)
FORMATS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "date": ("2026-03-14", "2025-11-02"),
        "date-time": ("2026-03-14T09:30:00Z", "2025-11-02T18:05:00Z"),
        "time": ("09:30:00Z", "18:05:00Z"),
        "duration": ("PT15M", "P1DT2H"),
        "email": ("ada@example.com", "kenji@example.org"),
        "idn-email": ("ada@example.com",),
        "hostname": ("yard.example.com", "example.org"),
        "ipv4": ("192.0.2.10", "198.51.100.7"),
        "ipv6": ("2001:db8::10", "2001:db8::7"),
        "uri": ("https://example.com/turnout", "https://example.org/yard"),
        "url": ("https://example.com/turnout",),
        "uri-reference": ("/turnout", "https://example.org/yard"),
        "uuid": ("6f1c1f2e-3a4b-4c5d-8e6f-708192a3b4c5", "0b1d2c3e-4f50-4617-a829-3a4b5c6d7e8f"),
        "json-pointer": ("/items/0",),
        "regex": ("^[a-z]+$",),
        "byte": ("dHVybm91dA==",),
    }
)


def shown(question: str) -> str:
    """The start and the end of `question`: what the sandbox reads of a long one."""
    if len(question) <= _HEAD_CHARS + _TAIL_CHARS:
        return question
    return f"{question[:_HEAD_CHARS]}\n{question[-_TAIL_CHARS:]}"


def words_of(text: str) -> list[str]:
    """The words of `text`, in lower case, without the ASCII signs around and inside them."""
    return text.lower().translate(_SIGNS).split()


def topics(words: Sequence[str]) -> tuple[str, ...]:
    """Up to six of `words` that a question is about, in its order; never empty."""
    found: dict[str, None] = {}
    for word in words:
        if _SHORTEST <= len(word) <= _LONGEST and word not in _COMMON and word.isalpha():
            found[word] = None
            if len(found) == _TOPICS:
                break
    return tuple(found) or FALLBACK_TOPICS
