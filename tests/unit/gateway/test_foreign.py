"""Thinking of one protocol that goes through the hands of another's callers."""

import pytest

from dataplane.chat.model import Thinking
from dataplane.gateway.fields import Fields
from dataplane.gateway.foreign import MARK, opened, packed, sealed, unpacked
from dataplane.gateway.gemini.thoughts import seal, unsealed
from dataplane.gateway.openai.reasoning import is_ours, reasoning_item, thought_of
from dataplane.snapshot.model import WireProtocol

FOREIGN = [
    Thinking(text="Hm", signature="c2VhbA==", protocol="anthropic"),
    Thinking(text="", signature="a.b.c", protocol="bedrock"),
    Thinking(text="", redacted="xyz", protocol="anthropic"),
    Thinking(text="Hm", protocol="openai"),
]


@pytest.mark.parametrize("own", WireProtocol)
def test_a_protocols_own_signature_is_handed_out_as_it_is(own: WireProtocol) -> None:
    assert sealed("sig", own, own) == sealed("sig", "", own) == "sig"
    assert opened("sig", own) == ("sig", own)


def test_a_foreign_signature_tells_whose_it_is() -> None:
    handed = sealed("a.b", "gemini", WireProtocol.ANTHROPIC)
    assert handed == f"{MARK}gemini.a.b"
    assert opened(handed, WireProtocol.ANTHROPIC) == ("a.b", "gemini")


@pytest.mark.parametrize("changed", [f"{MARK}", f"{MARK}anthropic", f"{MARK}nobody.s", "anthropic.s"])
def test_what_no_gateway_wrote_is_no_foreign_seal(changed: str) -> None:
    assert opened(changed, WireProtocol.OPENAI) == (changed, WireProtocol.OPENAI)
    assert unpacked("Hm", changed) is None


@pytest.mark.parametrize("thought", FOREIGN)
def test_a_thought_comes_back_as_what_it_was(thought: Thinking) -> None:
    assert unpacked(thought.text, packed(thought, WireProtocol.GEMINI)) == thought
    assert unsealed(thought.text, seal(thought)) == thought


@pytest.mark.parametrize("thought", [*FOREIGN, Thinking(text="Hm", signature="sig", protocol="gemini")])
def test_an_item_of_responses_gives_back_what_it_was_made_of(thought: Thinking) -> None:
    item = reasoning_item(thought, "rs_1")
    assert is_ours(item)
    assert thought_of(Fields(item)) == thought


def test_an_item_that_a_provider_sealed_is_openais() -> None:
    item = {"type": "reasoning", "summary": [], "encrypted_content": "gAAAA"}
    assert not is_ours(item)
    assert thought_of(Fields(item)) == Thinking(signature="gAAAA", protocol="openai")


def test_of_an_item_whose_seal_was_changed_the_text_is_left() -> None:
    item = {**reasoning_item(FOREIGN[0], "rs_1"), "encrypted_content": f"{MARK}nobody.s"}
    assert is_ours(item)
    assert thought_of(Fields(item)) == Thinking(text="Hm")
