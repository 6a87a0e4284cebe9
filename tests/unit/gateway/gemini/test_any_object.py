"""Whatever JSON object comes, it is read or refused."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from dataplane.gateway.gemini.counting import CountTokens
from dataplane.gateway.gemini.generate_content import GenerateContent
from dataplane.gateway.model import Asked, BadRequest, Received

NAMES = """contents parts role text thought thoughtSignature inlineData inline_data mimeType data fileData fileUri functionCall
    name args id functionResponse response result output error user model function systemInstruction tools functionDeclarations
    parameters parametersJsonSchema type OBJECT STRING properties items anyOf nullable enum required minItems example $defs
    toolConfig functionCallingConfig mode ANY AUTO allowedFunctionNames generationConfig temperature topP topK maxOutputTokens
    stopSequences seed responseMimeType responseSchema responseJsonSchema application/json thinkingConfig thinkingBudget
    includeThoughts thinkingLevel low candidateCount responseModalities labels turnout_feature googleSearch cachedContent
    image/png QUJD https://example.org/x.png executableCode"""
WORDS = st.sampled_from(NAMES.split())
LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | WORDS | st.text(max_size=4)
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS | st.text(max_size=4), inner, max_size=5),
    max_leaves=20,
)
PART = st.dictionaries(WORDS, JSON, max_size=5) | st.fixed_dictionaries(
    {},
    optional={
        "text": JSON,
        "thought": st.booleans(),
        "thoughtSignature": JSON,
        "functionCall": st.fixed_dictionaries({"name": WORDS, "args": JSON}),
        "functionResponse": st.fixed_dictionaries({"name": WORDS, "response": JSON}),
        "inlineData": st.fixed_dictionaries({"mimeType": WORDS, "data": JSON}),
        "fileData": st.fixed_dictionaries({"fileUri": WORDS}),
    },
)
CONTENT = st.fixed_dictionaries(
    {"role": st.sampled_from(("user", "model", "function")), "parts": st.lists(PART, max_size=3) | JSON}
)
FUNCTION = st.fixed_dictionaries({"name": WORDS, "parameters": JSON})
NEARLY = st.builds(
    lambda known, more: {**more, **known},
    st.fixed_dictionaries(
        {"contents": st.lists(CONTENT, min_size=1, max_size=3)},
        optional={
            "tools": st.lists(
                st.fixed_dictionaries({"functionDeclarations": st.lists(FUNCTION, max_size=2)}), max_size=2
            ),
            "generationConfig": st.dictionaries(WORDS, JSON, max_size=4),
        },
    ),
    st.dictionaries(WORDS, JSON, max_size=4),
)
PATH = {"model": "auto", "action": "generateContent"}


def read(value: dict[str, Any], face: GenerateContent | CountTokens) -> Asked | BadRequest:
    try:
        return face.read(Received(headers={}, parameters=PATH, value=value))
    except BadRequest as wrong:
        return wrong


@given(NEARLY | st.dictionaries(WORDS | st.text(max_size=4), JSON, max_size=6))
def test_any_object_is_read_or_refused(value: dict[str, Any]) -> None:
    sent = json.loads(json.dumps(value))
    for face in (GenerateContent(), CountTokens()):
        assert isinstance(read(sent, face), Asked | BadRequest)
