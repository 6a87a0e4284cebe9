import json

import pytest

from dataplane.gateway.anthropic.errors import KINDS, refuse
from dataplane.gateway.model import Problem
from dataplane.provider.failure import Fault
from turnout_wire.failure import CODES


def message(problem: Problem) -> str:
    return str(json.loads(refuse(problem).body)["error"]["message"])


def test_every_reason_of_the_contract_has_its_kind() -> None:
    assert KINDS.keys() == CODES.keys()


def test_the_field_is_named_once() -> None:
    assert (
        message(Problem(reason="INVALID_FIELD", message="must be a string", field="model")) == "model: must be a string"
    )
    named = Problem(reason="INVALID_FIELD", message="model: must be a string", field="model")
    assert message(named) == "model: must be a string"


@pytest.mark.parametrize("words", ["too many tokens", "prompt is too long: 9 tokens > 8 maximum"])
def test_a_context_that_is_too_long_is_told_in_the_words_that_clients_look_for(words: str) -> None:
    told = message(Problem(reason="PROVIDER_REJECTED", message=words, error=Fault.CONTEXT_TOO_LONG))
    assert told.startswith("prompt is too long: ")
    assert told.count("prompt is too long") == 1
    assert told.endswith(words)
