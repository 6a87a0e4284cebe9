"""What callers tell the router, and what it is taken for."""

from datetime import timedelta

import pytest

from dataplane.chat.model import ChatRequest
from dataplane.gateway.hints import NAMES, Said, constraints_of, hints_of, time_limit, wants_kept
from dataplane.gateway.model import Asked, BadRequest
from dataplane.gateway.question import Constraints, Hints
from dataplane.provider.model import Endpoint, Original
from dataplane.snapshot.model import WireProtocol
from tests.support.pages import page


def asked(**more: object) -> Asked:
    """A request that says nothing of itself."""
    plain: dict[str, object] = {
        "model": "auto",
        "protocol": WireProtocol.OPENAI,
        "request": ChatRequest(messages=()),
        "original": Original(endpoint=Endpoint.CHAT_COMPLETIONS, text="{}", spans={}),
    }
    return Asked(**{**plain, **more})  # type: ignore[arg-type]


def test_who_says_nothing_has_the_sessions_and_users_of_its_protocol() -> None:
    said = Said({"content-type": "application/json"}, {})
    assert hints_of(said, asked(session="s", user="u")) == Hints(session="s", user="u")
    assert constraints_of(said, asked()) == Constraints()
    assert time_limit(said) is None


def test_every_hint_arrives() -> None:
    said = Said(
        {
            "x-turnout-workload": "support",
            "x-turnout-feature": "chat",
            "x-turnout-endpoint": "/answers",
            "x-turnout-session": "conversation-1",
            "x-turnout-user": "user-7",
            "x-turnout-task-type": "Code",
            "x-turnout-complexity": "expert",
            "x-turnout-labels": "team=search, stage=test",
        },
        {},
    )
    found = hints_of(said, asked(session="other", user="other"))
    assert (found.workload, found.feature, found.endpoint) == ("support", "chat", "/answers")
    assert (found.session, found.user) == ("conversation-1", "user-7")
    assert (found.task_type, found.complexity) == ("code", "expert")
    assert dict(found.labels) == {"team": "search", "stage": "test"}


def test_every_constraint_arrives() -> None:
    said = Said(
        {
            "x-turnout-tier": "small,middle",
            "x-turnout-min-quality": "0.8",
            "x-turnout-max-cost-usd": "0.0000000015",
            "x-turnout-max-latency-ms": "1500",
            "x-turnout-regions": "eu",
            "x-turnout-providers": "openai",
            "x-turnout-excluded-providers": "local",
            "x-turnout-models": "a,b",
            "x-turnout-excluded-models": "c",
        },
        {},
    )
    assert constraints_of(said, asked(only=("audio",))) == Constraints(
        min_quality=0.8,
        max_cost_nanousd=2,
        max_latency=timedelta(milliseconds=1500),
        tiers=("small", "middle"),
        regions=("eu",),
        providers=("openai",),
        excluded_providers=("local",),
        models=("a", "b"),
        excluded_models=("c",),
        protocols=(WireProtocol.OPENAI,),
    )


def test_what_only_one_protocol_can_say_needs_its_deployments() -> None:
    assert constraints_of(Said({}, {}), asked(only=("logprobs",))).protocols == (WireProtocol.OPENAI,)


def test_metadata_says_the_same_and_a_header_wins() -> None:
    assert hints_of(Said({}, {"task_type": "qa"}), asked()).task_type == "qa"
    said = Said({"x-turnout-workload": "one"}, {"workload": "two", "max_latency_ms": "5"})
    assert hints_of(said, asked()).workload == "one"
    assert constraints_of(said, asked()).max_latency == timedelta(milliseconds=5)


@pytest.mark.parametrize(
    ("headers", "metadata", "field"),
    [
        ({"x-turnout-wrkload": "a"}, {}, "x-turnout-wrkload"),
        ({}, {"wrkload": "a"}, "metadata.turnout_wrkload"),
    ],
)
def test_a_word_that_is_not_known_is_refused_and_not_ignored(
    headers: dict[str, str], metadata: dict[str, str], field: str
) -> None:
    with pytest.raises(BadRequest) as refused:
        Said(headers, metadata)
    assert refused.value.field == field
    assert "x-turnout-workload" in refused.value.message


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("min-quality", "1.5"),
        ("min-quality", "good"),
        ("max-cost-usd", "0"),
        ("max-cost-usd", "nan"),
        ("max-latency-ms", "-1"),
        ("task-type", "poetry"),
        ("complexity", "hard"),
        ("labels", "team"),
        ("labels", ",".join(f"l{number}=x" for number in range(33))),
        ("timeout-ms", "soon"),
        ("cache", "maybe"),
        ("workload", "w" * 129),
    ],
)
def test_a_value_that_makes_no_sense_is_refused_by_name(name: str, value: str) -> None:
    said = Said({f"x-turnout-{name}": value}, {})
    with pytest.raises(BadRequest) as refused:
        (hints_of(said, asked()), constraints_of(said, asked()), time_limit(said), wants_kept(said))
    assert refused.value.field == f"x-turnout-{name}"


def test_the_names_are_those_of_the_page() -> None:
    text = page("docs/gateway.md").text
    assert [name for name in NAMES if f"-{name}" not in text] == []
