"""Any text at all has features, and the same on both sides of the wire."""

from hypothesis import example, given
from hypothesis import strategies as st

from controlplane.catalog.load import load
from controlplane.policy.model import RuleSet, RuleSetName
from controlplane.routing.worked_out import compiled
from turnout.inference.v1 import chat_pb2
from turnout.routing.v1 import routing_pb2
from turnout_features import Conversation, OutputFormat, RulePatterns, Speaker, Utterance, extract
from turnout_features.asking import divided
from turnout_features.extraction import questions
from turnout_features.language import language
from turnout_features.structure import structure
from turnout_wire.conversation import conversation, features_from_proto, features_to_proto

RULES: RuleSet = load(None).rule_sets[RuleSetName("default")]
SERVER = compiled(RULES)

FRAGMENTS = [
    "```python\n", "```", "| a | b |\n", "\n\n", "\n", "? ", "？", "1. ", "translate this ", "please ", "```json\n{}\n",
    "Überse\u0308tze ", "总结", "x = 1;\n", "\ud800", "\0", "\u202e", "[1] a\n", "a,b,c\n", "\u2028", " " * 300, "word " * 60,
]  # fmt: skip
ANY_CHARACTER = st.characters(exclude_categories=())
TEXTS = st.one_of(
    st.text(ANY_CHARACTER, max_size=400),
    st.lists(st.one_of(st.sampled_from(FRAGMENTS), st.text(ANY_CHARACTER, max_size=20)), max_size=30).map("".join),
)
SENDABLE = TEXTS.map(lambda text: text.encode("utf-8", "replace").decode())
CONVERSATIONS = st.builds(
    Conversation,
    utterances=st.lists(
        st.builds(Utterance, speaker=st.sampled_from(Speaker), text=TEXTS, images=st.integers(0, 3)), max_size=6
    ).map(tuple),
    tools=st.integers(0, 5),
    tool_text=TEXTS,
    tool_required=st.booleans(),
    output_format=st.sampled_from(OutputFormat),
    max_output_tokens=st.integers(0, 1 << 20),
)


@given(told=CONVERSATIONS)
@example(told=Conversation(utterances=()))
def test_any_conversation_has_features(told: Conversation) -> None:
    found = extract(told, SERVER)
    numbers = (found.input_tokens, found.last_user_tokens, found.code_blocks, found.code_lines, found.structured_lines)
    assert all(number >= 0 for number in (*numbers, found.instructions, found.questions, found.retrieved_chunks))
    assert found.answer_options in {0, *range(2, 27)}
    assert found.last_user_tokens <= found.input_tokens
    assert found.characters == sum(len(utterance.text) for utterance in told.utterances)
    assert extract(told, SERVER) == found


@given(told=CONVERSATIONS)
def test_features_go_over_the_wire_and_come_back(told: Conversation) -> None:
    found = extract(told, SERVER, len)
    sent = routing_pb2.Features.FromString(features_to_proto(found).SerializeToString())
    assert features_from_proto(sent) == found


@given(texts=st.lists(SENDABLE, min_size=1, max_size=4))
def test_a_client_finds_what_the_server_finds(texts: list[str]) -> None:
    """The client compiles the patterns that the service hands out and reads the same bytes."""
    handed = [routing_pb2.Pattern(signal=rule.signal, regex=rule.regex) for rule in RULES.patterns]
    response = routing_pb2.GetRuleSetResponse(digest=RULES.digest, patterns=handed)
    client = RulePatterns.compiled(((one.signal, one.regex) for one in response.patterns), response.digest)
    messages = [chat_pb2.Message(role=chat_pb2.ROLE_USER, parts=[chat_pb2.Part(text=text)]) for text in texts]
    body = chat_pb2.ChatRequest(messages=messages).SerializeToString()
    here = extract(conversation(chat_pb2.ChatRequest.FromString(body)), SERVER, len)
    there = extract(conversation(chat_pb2.ChatRequest.FromString(body)), client, len)
    assert there == here


@given(text=TEXTS)
def test_no_part_raises_for_any_text(text: str) -> None:
    language(text)
    structure(text)
    assert questions(text) >= 0
    ask, body = divided(text)
    assert len(ask) + len(body) <= len(text) + 1


@given(text=TEXTS, count=st.integers(2, 4))
def test_signals_have_no_name_twice(text: str, count: int) -> None:
    told = Conversation(utterances=(Utterance(speaker=Speaker.USER, text=text),) * count)
    names = [signal.rpartition("/")[2] for signal in extract(told, SERVER, len).signals]
    assert len(names) == len(set(names))
    assert set(names) <= {rule.signal for rule in RULES.patterns}
