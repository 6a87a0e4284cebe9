"""Azure OpenAI: addresses of deployments and of v1, its header, its filters."""

from datetime import UTC, datetime
from typing import Any

import pytest

from dataplane.provider.adapter import Outgoing
from dataplane.provider.failure import Exchange, refused
from dataplane.provider.http_provider import ADAPTERS
from dataplane.provider.model import Endpoint, Verdict
from dataplane.snapshot.model import Deployment, WireProtocol
from tests.support.calls import call_of, events_of

OPENAI = WireProtocol.OPENAI
NOW = datetime(2026, 11, 21, tzinfo=UTC)
HOME = "https://n.openai.azure.com"


def deployed(base_url: str, **fields: Any) -> Deployment:
    return call_of(OPENAI, base_url=base_url, provider="azure", **fields).deployment


@pytest.mark.parametrize(
    ("base_url", "api_version", "url"),
    [
        (HOME, "2024-10-21", f"{HOME}/openai/deployments/my%20d/chat/completions?api-version=2024-10-21"),
        (f"{HOME}/openai", "2024-10-21", f"{HOME}/openai/deployments/my%20d/chat/completions?api-version=2024-10-21"),
        (
            f"{HOME}/openai/deployments/other/",
            "2024-10-21",
            f"{HOME}/openai/deployments/other/chat/completions?api-version=2024-10-21",
        ),
        (
            f"{HOME}/openai/deployments/other?api-version=1",
            "2024-10-21",
            f"{HOME}/openai/deployments/other/chat/completions?api-version=1",
        ),
        (HOME, "", f"{HOME}/openai/v1/chat/completions"),
        (f"{HOME}/openai/v1/", "", f"{HOME}/openai/v1/chat/completions"),
        (f"{HOME}/openai/v1", "preview", f"{HOME}/openai/v1/chat/completions?api-version=preview"),
        ("http://127.0.0.1:8/az", "", "http://127.0.0.1:8/az/openai/v1/chat/completions"),
    ],
)
def test_addresses_are_those_of_a_deployment_or_of_v1(base_url: str, api_version: str, url: str) -> None:
    deployment = deployed(base_url, provider_model="my d", api_version=api_version)
    assert ADAPTERS[OPENAI].url(deployment, stream=True) == url


def test_embeddings_have_the_same_kinds_of_addresses() -> None:
    deployment = deployed(HOME, provider_model="d", api_version="1")
    url = ADAPTERS[OPENAI].url(deployment, stream=False, endpoint=Endpoint.EMBEDDINGS)
    assert url == f"{HOME}/openai/deployments/d/embeddings?api-version=1"


def test_the_key_stands_in_a_header_of_its_own() -> None:
    outgoing = Outgoing(url="https://x", body=b"", now=NOW)
    assert ADAPTERS[OPENAI].headers(deployed(HOME), "k", outgoing) == {"api-key": "k"}


def test_responses_are_there_only_without_an_api_version() -> None:
    takes = ADAPTERS[OPENAI].takes
    assert takes(Endpoint.RESPONSES, deployed(HOME))
    assert not takes(Endpoint.RESPONSES, deployed(HOME, api_version="2024-10-21"))


FILTERED = {
    "error": {
        "message": "The response was filtered",
        "param": "prompt",
        "code": "content_filter",
        "status": 400,
        "innererror": {
            "code": "ResponsibleAIPolicyViolation",
            "content_filter_result": {"hate": {"filtered": True, "severity": "high"}},
        },
    }
}


def test_a_filtered_prompt_is_the_caller_s() -> None:
    failure = refused(Exchange(status=400, headers={}, now=NOW), FILTERED)
    assert (failure.verdict, failure.error) == (Verdict.IGNORED, "content_filter")


def test_an_unknown_deployment_is_our_mistake() -> None:
    body = {"error": {"code": "DeploymentNotFound", "message": "The API deployment does not exist."}}
    failure = refused(Exchange(status=404, headers={}, now=NOW), body)
    assert (failure.verdict, failure.error) == (Verdict.MISCONFIGURED, "model_unknown")


def test_what_its_filters_say_in_a_stream_is_read_over() -> None:
    events = events_of(
        call_of(OPENAI, base_url=HOME, provider="azure"),
        {"choices": [], "prompt_filter_results": [{"prompt_index": 0, "content_filter_results": {}}]},
        {"id": "i", "model": "m", "choices": [{"index": 0, "delta": {"content": "Hi"}, "content_filter_results": {}}]},
        {"choices": [{"index": 0, "finish_reason": "stop", "content_filter_offsets": {"check_offset": 1}}]},
        "[DONE]",
    )
    assert len(events) == 2
