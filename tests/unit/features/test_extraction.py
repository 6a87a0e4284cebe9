"""Features of whole conversations: counts, turns, and where a signal was found."""

import pytest

from tests.support.talks import Words, talk
from turnout_features import Conversation, OutputFormat, Speaker, Utterance, extract, o200k_tokens
from turnout_features.extraction import questions
from turnout_features.looks import EARLIER, FOLLOW_UP, LOOK
from turnout_features.tokens import IMAGE_TOKENS, MESSAGE_TOKENS

LONG = "It rained all day and nobody went out. " * 30


def words(text: str) -> int:
    """A tokenizer that counts words."""
    return len(text.split())


def test_tokens_of_all_messages_their_separators_pictures_and_tools_are_counted() -> None:
    told = talk("one two three", "four", "five six", system="seven", images=2)
    told = Conversation(utterances=told.utterances, tool_text="eight nine")
    found = extract(told, Words(), words)
    assert found.input_tokens == 7 + 2 + 4 * MESSAGE_TOKENS + 2 * IMAGE_TOKENS
    assert found.last_user_tokens == 2
    assert found.images == 2


@pytest.mark.parametrize(
    ("text", "tokens"), [("", 0), ("hello world", 2), ("hello <|endoftext|>", 8), ("\ud800", 1), ("天气很好", 2)]
)
def test_tokens_are_those_of_o200k(text: str, tokens: int) -> None:
    """What looks like a special token is text, and what has no bytes is a replacement character."""
    assert o200k_tokens(text) == tokens


def test_turns_are_what_users_and_the_assistant_say() -> None:
    told = talk("a", "b", "c", system="s")
    told = Conversation(utterances=(*told.utterances, Utterance(speaker=Speaker.TOOL, text="t")))
    found = extract(told, Words(), words)
    assert (found.turns, found.tool_results, found.characters) == (3, 1, 5)


def test_what_the_request_says_about_itself_is_kept() -> None:
    told = Conversation(
        utterances=talk("a").utterances,
        tools=3,
        tool_required=True,
        output_format=OutputFormat.JSON_SCHEMA,
        max_output_tokens=77,
    )
    found = extract(told, Words(), words)
    assert (found.tools, found.tool_required, found.max_output_tokens) == (3, True, 77)
    assert found.output_format is OutputFormat.JSON_SCHEMA
    assert found.rule_set_digest == b"words"


def test_an_empty_conversation_has_features_too() -> None:
    found = extract(Conversation(utterances=()), Words(["x"]), words)
    assert (found.input_tokens, found.turns, found.signals, found.language) == (0, 0, (), "")


def test_the_last_user_message_is_asked_though_others_follow() -> None:
    told = Conversation(
        utterances=(
            Utterance(speaker=Speaker.USER, text="red"),
            Utterance(speaker=Speaker.ASSISTANT, text="blue"),
            Utterance(speaker=Speaker.TOOL, text="green"),
        )
    )
    assert extract(told, Words(["red", "blue", "green"]), words).signals == ("red",)


def test_without_a_user_the_last_message_is_asked() -> None:
    told = Conversation(utterances=(Utterance(speaker=Speaker.SYSTEM, text="blue"),))
    assert extract(told, Words(["blue"]), words).signals == ("blue",)


def test_a_signal_is_named_once_by_the_most_telling_place() -> None:
    told = talk("red blue", "so", "red", system="blue green red")
    assert extract(told, Words(["red", "blue", "green"]), words).signals == ("red", "system/blue", "system/green")


def test_what_was_asked_before_counts_for_a_short_follow_up_only() -> None:
    short, long = "as a table then", "as a table then, " + "word " * (FOLLOW_UP // 5)
    assert extract(talk("red", "so", short), Words(["red"]), words).signals == ("earlier/red",)
    assert extract(talk("red", "so", long), Words(["red"]), words).signals == ()


def test_of_what_was_asked_before_the_newest_counts() -> None:
    old, new = "red", "blue " + "word " * (EARLIER // 5)
    assert extract(talk(old, "so", new, "so", "and?"), Words(["red", "blue"]), words).signals == ("earlier/blue",)


def test_what_an_assistant_says_raises_no_signal() -> None:
    assert extract(talk("a", "red", "b"), Words(["red"]), words).signals == ()


def test_words_of_a_pasted_text_are_told_apart_from_the_request() -> None:
    pasted = LONG + "The red house. " + LONG
    for message in (f"Summarise this in blue:\n\n{pasted}", f"{pasted}\n\nPlease summarise this in blue."):
        assert extract(talk(message), Words(["blue", "red"]), words).signals == ("blue", "body/red")


def test_instructions_in_a_pasted_text_are_none() -> None:
    pasted = "They must never look back. " * 30
    assert extract(talk(f"Translate this to Dutch:\n\n{pasted}"), Words(), words).instructions == 1


def test_code_of_all_messages_counts_and_instructions_of_the_system() -> None:
    fenced = "```python\nx = 1\ny = 2\n```"
    found = extract(talk("hm", fenced, "and now?", system="Answer in French. Never apologise."), Words(), words)
    assert (found.code_blocks, found.code_lines, found.instructions) == (1, 2, 2)


def test_an_answer_that_lists_steps_is_no_instruction() -> None:
    assert extract(talk("ok", "1. Boil it.\n2. Eat it.", "thanks"), Words(), words).instructions == 0


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("no", 0), ("why?", 1), ("why? how?", 2), ("why???", 1), ("really?! yes", 1), ("see http://x.y/?a=b", 0),
        ("为什么？怎么？", 2), ("لماذا؟", 1), ('"why?" he said', 1), ("(why?)", 1), ("", 0),
    ],
)  # fmt: skip
def test_questions_of_all_scripts_are_counted(text: str, count: int) -> None:
    assert questions(text) == count


@pytest.mark.parametrize(("length", "truncated"), [(LOOK, False), (LOOK + 1, True)])
def test_a_text_too_long_to_be_looked_at_is_said_to_be_cut(length: int, *, truncated: bool) -> None:
    assert extract(talk("x" * length), Words(), words).truncated is truncated
    assert extract(talk("x", system="y" * length), Words(), words).truncated is truncated


def test_head_and_tail_of_a_text_too_long_are_looked_at() -> None:
    text = "red " + "x" * LOOK + " green " + "x" * LOOK + " blue"
    assert set(extract(talk(text), Words(["red", "green", "blue"]), words).signals) == {"red", "blue"}
