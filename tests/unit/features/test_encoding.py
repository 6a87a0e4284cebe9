"""Which text of a conversation is embedded."""

from dataclasses import dataclass, field

from tests.support.talks import Words, talk
from turnout_features import Conversation, Embedding, extract
from turnout_features.encoding import BODY, BRIEF, EARLIER


@dataclass
class Heard:
    """An encoder that keeps what it was given."""

    name: str = "heard-1"
    texts: list[str] = field(default_factory=list)

    def __call__(self, text: str, /) -> bytes:
        self.texts.append(text)
        return b"\x01\xff"


def heard(told: Conversation) -> str:
    encode = Heard()
    assert extract(told, Words(), len, encode).embedding == Embedding(encoder="heard-1", values=b"\x01\xff")
    (text,) = encode.texts
    return text


def test_without_an_encoder_there_is_no_embedding() -> None:
    assert extract(talk("hello"), Words(), len).embedding is None


def test_what_the_last_user_message_asks_is_embedded_and_nothing_else() -> None:
    last = "What is the capital of the country that lies north of it?"
    assert len(last) > BRIEF
    assert heard(talk("Tell me about France", "It is large.", last, system="You are kind.")) == last


def test_a_brief_message_is_embedded_with_the_beginning_of_what_was_asked_before() -> None:
    before = "How do I sort a list in Java? " * 20
    assert heard(talk(before, "So.", "And in Python?")) == f"{before[:EARLIER]}\nAnd in Python?"


def test_what_a_message_brings_along_does_not_drown_what_it_asks() -> None:
    pasted = "\n\n".join(
        f"Paragraph {n}. " + "The harvest was good that year in all of the valley. " * 6 for n in range(40)
    )
    text = heard(talk(f"Translate this to Dutch:\n\n{pasted}"))
    assert text.startswith("Translate this to Dutch:")
    assert len(text) < 3 * BODY


def test_a_conversation_without_text_is_embedded_as_nothing() -> None:
    assert heard(Conversation(utterances=())) == ""
