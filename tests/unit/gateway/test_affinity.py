"""Conversations and where their caches are."""

from dataplane.chat.model import ChatRequest, EmbedRequest, Message, Role, Text, Usage
from dataplane.gateway.affinity import LEAST_TOKENS, LIFE_S, Affinities
from dataplane.gateway.question import Affinity

USED = Usage(input_tokens=5_000, output_tokens=10)


class Clock:
    """A clock that a test moves."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def conversation(*texts: str) -> ChatRequest:
    """The user and the model in turn."""
    roles = (Role.USER, Role.ASSISTANT)
    return ChatRequest(
        messages=tuple(Message(role=roles[number % 2], parts=(Text(text=text),)) for number, text in enumerate(texts))
    )


def test_a_conversation_that_goes_on_is_known_by_how_it_begins() -> None:
    places = Affinities(Clock())
    places.answered("acme", "", conversation("Hi"), "here", USED)
    assert places.of("acme", "", conversation("Hi", "Hello", "And?")) == Affinity(
        deployment="here", cached_tokens=5_000
    )


def test_another_tenant_begin_or_session_is_another_conversation() -> None:
    places = Affinities(Clock())
    places.answered("acme", "s", conversation("Hi"), "here", USED)
    longer = conversation("Hi", "Hello", "And?")
    assert places.of("acme", "s", longer) is not None
    assert places.of("globex", "s", longer) is None
    assert places.of("acme", "t", longer) is None
    assert places.of("acme", "", longer) is None


def test_a_begin_that_was_changed_is_in_no_cache() -> None:
    places = Affinities(Clock())
    places.answered("acme", "s", conversation("Hi", "Hello", "And?"), "here", USED)
    assert places.of("acme", "s", conversation("Hi", "Goodbye", "And?", "So", "Well")) is None


def test_caches_are_forgotten_when_providers_forget_them() -> None:
    clock = Clock()
    places = Affinities(clock)
    places.answered("acme", "s", conversation("Hi"), "here", USED)
    clock.now += LIFE_S - 1
    assert places.of("acme", "s", conversation("Hi", "a", "b")) is not None
    clock.now += 2
    assert places.of("acme", "s", conversation("Hi", "a", "b")) is None


def test_what_is_too_short_or_only_guessed_is_not_counted_on() -> None:
    places = Affinities(Clock())
    places.answered("acme", "short", conversation("Hi"), "here", Usage(input_tokens=LEAST_TOKENS - 1))
    places.answered("acme", "guess", conversation("Hi"), "here", Usage(input_tokens=9_000, estimated=True))
    places.answered("acme", "none", conversation("Hi"), "here", None)
    longer = conversation("Hi", "a", "b")
    assert [places.of("acme", name, longer) for name in ("short", "guess", "none")] == [None, None, None]


def test_texts_for_vectors_have_no_conversation() -> None:
    places = Affinities(Clock())
    places.answered("acme", "s", conversation("Hi"), "here", USED)
    assert places.of("acme", "s", EmbedRequest(texts=("Hi",))) is None


def test_the_least_recently_used_is_forgotten_first() -> None:
    places = Affinities(Clock(), capacity=2)
    for name in ("one", "two", "three"):
        places.answered("acme", name, conversation("Hi"), name, USED)
    longer = conversation("Hi", "a", "b")
    assert [places.of("acme", name, longer) is not None for name in ("one", "two", "three")] == [False, True, True]
