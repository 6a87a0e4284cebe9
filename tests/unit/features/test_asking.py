"""Where a message says what is wanted."""

import pytest

from turnout_features.asking import HEAD, SHORT, TAIL, divided

ARTICLE = "The bridge was closed on Monday because engineers had found cracks in eleven of its hangers. " * 6


@pytest.mark.parametrize(
    "ask",
    [
        "Summarise this article in three sentences.", "tl;dr?", "Can you boil this down for me", "What happened here?",
        "Fasse den Text bitte zusammen.", "Résume ce texte en deux phrases.", "Resume este texto, por favor.",
        "Riassumi questo testo.", "Traduza para o inglês, por favor.", "请用一句话总结下面这段话。", "この記事を要約してください",
        "Переведи на английский.", "لخص هذا المقال", "Key takeaways", "guess a title for it!",
    ],
)  # fmt: skip
def test_the_paragraph_that_asks_is_found_at_either_end(ask: str) -> None:
    assert divided(f"{ask}\n\n{ARTICLE}") == (ask, ARTICLE.strip())
    assert divided(f"{ARTICLE}\n\n{ask}") == (ask, ARTICLE)


def test_a_line_break_is_enough_before_a_long_line() -> None:
    assert divided(f"Translate to German:\n{ARTICLE}") == ("Translate to German:", ARTICLE.strip())


def test_a_short_message_is_all_about_what_is_wanted() -> None:
    text = "Translate to German:\n\nThe bridge is closed."
    assert len(text) <= SHORT
    assert divided(text) == (text, "")


def test_head_and_tail_are_looked_at_where_both_ends_ask() -> None:
    text = f"Read this.\n\n{ARTICLE * 3}\n\nWhy was it closed?"
    assert divided(text) == (f"{text[:HEAD]}\n{text[-TAIL:]}", text[HEAD:-TAIL])


def test_head_and_tail_are_looked_at_where_neither_end_asks() -> None:
    text = f"{ARTICLE * 2}\n\n{ARTICLE * 2}"
    assert divided(text)[0] == f"{text[:HEAD]}\n{text[-TAIL:]}"


@pytest.mark.parametrize(
    "rest",
    [
        "```python\nx = 1\n```\n" + ARTICLE,
        "Traceback (most recent call last):\n  File x\n" + ARTICLE,
        "for (;;) {\n" + ARTICLE,
        "Requirements:\n- fast\n- safe\n" + ARTICLE,
    ],
)
def test_program_text_and_demands_belong_to_what_is_wanted(rest: str) -> None:
    text = f"Make this faster.\n\n{rest}"
    assert "Make this faster." in divided(text)[0]
    assert rest[:15] in divided(text)[0]


def test_a_request_longer_than_what_it_brings_along_is_not_divided_from_it() -> None:
    text = "Write a story about a bridge. " * 10 + "\n\nIt is closed."
    assert divided(text) == (text, "")


def test_nothing_is_lost_of_a_message_that_is_divided() -> None:
    for text in (f"Translate:\n\n{ARTICLE}", f"{ARTICLE}\n\nWhy?"):
        assert sorted(" ".join(divided(text)).split()) == sorted(text.split())
    ask, body = divided(ARTICLE * 4)
    assert len(ask) + len(body) == len(ARTICLE * 4) + len("\n")
