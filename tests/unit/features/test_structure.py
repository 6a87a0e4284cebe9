"""Lines of code, data, passages and steps are told apart."""

import pytest

from turnout_features.structure import HEAD, TAIL, Structure, structure


@pytest.mark.parametrize(
    "line",
    [
        "def area(radius):", "class Tree:", "import os", "from os import path", "for x in xs:", "return x + 1",
        "const a = () => 1;", "public static void main(String[] args) {", "#include <stdio.h>", "x = f(y)", "print(x)",
        "SELECT a FROM b", "update users set a = 1", "GROUP BY month", "$ pip install x", "  at a.b.C(D.java:1)",
        'File "x.py", line 3', "ValueError: bad", "func main() {", "let mut a = 1;", "// note", "if (a && b) {",
    ],
)  # fmt: skip
def test_a_line_of_a_program_is_code(line: str) -> None:
    assert structure(line).code_lines == 1


@pytest.mark.parametrize(
    "line",
    [
        "We met at noon and went home.", "Is it far?", "The price is 20 euros, and that is fine.", "Dear Ann,",
        "I think (but I am not sure) that it works", "Tom: are you coming?", "2 cups of flour", "Wir gehen heim.",
        "今日はいい天気です。", "Сегодня хорошая погода.", "¿Dónde está?", "so on and so forth...",
    ],
)  # fmt: skip
def test_prose_is_neither_code_nor_data(line: str) -> None:
    found = structure(line)
    assert (found.code_lines, found.structured_lines, found.retrieved_chunks) == (0, 0, 0)


@pytest.mark.parametrize(
    "line",
    [
        "| a | b |", "Ann\t3\t5", "Ann,3,red,yes", '"name": "Ann",', "{", "<li>red</li>", "2024-05-03T10:02:11Z ok",
    ],
)  # fmt: skip
def test_a_line_of_a_table_or_of_data_is_structured(line: str) -> None:
    assert structure(line).structured_lines == 1


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("Which is red?\nA. the sky\nB. a rose\nC. the sea\nD. snow\nAnswer:", 4),
        ("Which is red?\nOptions:\n(A) the sky\n(B) a rose", 2),
        ("a) the sky\nb) a rose\nc) the sea", 3),
        ("A: the sky, which\nis blue.\n\nB: a rose", 2),
        ("First?\nA. 1\nB. 2\nC. 3\n\nSecond?\nA. 1\nB. 2", 3),
        ("\n".join(f"{letter}. this" for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"), 26),
        ("A. Miller wrote this.\nC. Lee did not.", 0),
        ("I. Introduction\nV. Results", 0),
        ("1. the sky\n2. a rose", 0),
        ("A rose is red.\nB flat is a note.", 0),
        ("A)\nB", 0),
    ],
)
def test_answers_to_choose_from_are_counted_by_their_letters(text: str, options: int) -> None:
    assert structure(text).answer_options == options


@pytest.mark.parametrize(
    "line",
    [
        "Document 1: the bridge",
        "[3] The bridge is closed.",
        "<passage id='1'>",
        "Context:",
        "文档1：桥",
        "Quelle 2: Brücke",
    ],
)
def test_a_line_that_heads_a_passage_is_a_chunk(line: str) -> None:
    assert structure(line).retrieved_chunks == 1


@pytest.mark.parametrize(
    "text",
    [
        "Write a poem.", "please translate it", "Can you list them", "It must rhyme.", "1. peel it", "Step 2: boil it",
        "Schreib ein Gedicht.", "Explique pourquoi.", "Traduce la carta.", "Spiega il motivo.", "请翻译这句话",
        "詩を書いてください。", "Напиши письмо.", "اكتب رسالة", "पत्र लिखो",
    ],
)  # fmt: skip
def test_a_sentence_that_asks_is_an_instruction(text: str) -> None:
    assert structure(text).instructions == 1


@pytest.mark.parametrize("text", ["It rained.", "Why is it so?", "Hallo!", "", "\n\n", "...", "Writers met."])
def test_a_sentence_that_asks_for_nothing_is_none(text: str) -> None:
    assert structure(text).instructions == 0


def test_sentences_are_counted_one_by_one() -> None:
    assert structure("Write a poem. Make it rhyme! It must be short. It rained.").instructions == 3


def test_what_is_fenced_is_code_unless_it_is_said_to_be_data() -> None:
    assert structure("```python\nhello\nworld\n```").code_lines == 2
    assert structure("```json\n{\n```").structured_lines == 1
    assert structure("```json\n{\n```").code_lines == 0


def test_what_is_fenced_instructs_nobody() -> None:
    assert structure("```text\nWrite a poem.\n```").instructions == 0


def test_a_fence_that_is_never_closed_is_a_block() -> None:
    assert structure("```python\nx").code_blocks == 1
    assert structure("```a\n```\n```b\n```\n~~~").code_blocks == 3


def test_of_many_lines_those_at_both_ends_are_judged() -> None:
    whole = structure("x = 1\n" * (HEAD + TAIL))
    assert (whole.code_lines, whole.cut) == (HEAD + TAIL, False)
    more = structure("x = 1\n" * HEAD + "so it goes\n" * 1_000 + "x = 1\n" * TAIL)
    assert (more.code_lines, more.cut) == (HEAD + TAIL, True)


def test_nothing_has_no_structure() -> None:
    assert structure("") == Structure()
