"""A classifier of another package decides with, where its policy names it and the request came with its text."""

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.support.asking import client
from tests.support.backbone import Backbone, backbone, opened, payload
from tests.support.installing import install
from turnout.routing.v1 import routing_pb2

POLICIES = [
    {"name": "cheap", "strategy": "cheapest", "classifiers": ["rules", {"acme": {"below": 1, "timeout": "20s"}}]},
    {"name": "best", "strategy": {"kind": "fixed", "models": ["large"]}},
]
TICKET = "INC-4711 P1 the till is dead, please look"


@pytest_asyncio.fixture
async def planes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Backbone]:
    monkeypatch.syspath_prepend(str(install("classifier", tmp_path / "site")))
    async with backbone(tmp_path, sections={"policies": POLICIES}) as running:
        yield running
    sys.modules.pop("acme_tickets", None)


async def test_each_rung_is_told_and_the_last_one_decides(planes: Backbone) -> None:
    async with client(planes) as turnout:
        found = await turnout.classify(TICKET)
        other = await turnout.classify("What is the capital of France?")
    assert [(rung.classifier, rung.silence) for rung in found.rungs] == [("rules", ""), ("acme", "")]
    assert (found.classifier, found.task_type, found.complexity) == ("acme", "reasoning", "complex")
    assert found.rungs[-1].confidence == found.confidence == 0.95
    assert other.classifier == "rules"
    assert other.rungs[-1].silence == "it is no ticket"


async def test_a_decision_is_made_on_what_it_says(planes: Backbone) -> None:
    decided = await planes.router(routing_pb2.DecideRouteRequest(payload=payload(TICKET)))
    assert opened(decided.decision).classification.confidence_ppm == 950_000
    told: routing_pb2.ExplainRouteResponse = await planes.router(
        routing_pb2.ExplainRouteRequest(request=routing_pb2.DecideRouteRequest(payload=payload(TICKET)))
    )
    assert told.classification.rungs[-1].classifier == "acme"
