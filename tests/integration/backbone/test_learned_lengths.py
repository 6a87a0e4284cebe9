"""Lengths that were learned, in a running control plane: costs with their interval in decisions, explanations, replays and on pages."""

from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest

from controlplane.catalog.model import TaskType
from controlplane.learning.artefact import decode, encode
from controlplane.learning.model import Length
from tests.support.artefacts import artefact
from tests.support.asking import command, id_of
from tests.support.backbone import Backbone, asked
from turnout.audit.v1 import audit_pb2
from turnout.catalog.v1 import catalog_pb2
from turnout.routing.v1 import decision_pb2, routing_pb2

USUAL = Length(low=40, middle=120, high=900, mean=250)


def uncertain() -> bytes:
    """A model that knows how long answers are, and qualities only by and large."""
    plain = decode(artefact({"small": 0.72, "large": 0.95}))
    lengths = {f"{task}|": USUAL for task in TaskType} | {
        f"{task}|small": replace(USUAL, mean=100, low=20, high=300) for task in TaskType
    }
    return encode(replace(plain, lengths=MappingProxyType(lengths), spread=np.array([100_000, 100_000])))


async def use(planes: Backbone) -> None:
    operator = planes.control.known_line("operator")
    digest = (await operator(catalog_pb2.ImportQualityModelRequest(content=uncertain()))).quality_model.digest
    await operator(catalog_pb2.ActivateQualityModelRequest(digest=digest))


async def test_a_signed_decision_says_between_what_the_cost_lies_and_is_made_again_the_same(planes: Backbone) -> None:
    before = decision_pb2.RouteDecision.FromString((await planes.decide()).decision.payload)
    assert before.targets[0].estimate.cost_high_nanousd == 0
    await use(planes)
    decided = await planes.decide()
    expected = decision_pb2.RouteDecision.FromString(decided.decision.payload).targets[0].estimate
    assert (expected.output_tokens_low, expected.output_tokens, expected.output_tokens_high) == (20, 100, 300)
    assert expected.cost_low_nanousd < expected.cost_nanousd < expected.cost_high_nanousd
    question = audit_pb2.GetDecisionRequest(decision_id=id_of(decided))
    found = await planes.control.known_line("operator")(question)
    assert found.explained.difference == ""
    told = {one.model: one.estimate.output_tokens_high for one in found.explained.candidates}
    assert told == {"small": 300, "large": 900}


async def test_an_explanation_has_shares_that_make_one(planes: Backbone) -> None:
    await use(planes)
    found = await planes.router(routing_pb2.ExplainRouteRequest(request=asked()))
    assert sum(each.share for each in found.distribution) == pytest.approx(1.0)
    assert {each.model for each in found.distribution} == {"small", "large"}
    assert all(-1 <= each.change <= 1 and each.signal for each in found.influences)


async def test_pages_show_intervals_and_shares(planes: Backbone) -> None:
    plain = await command(planes, "explain", "Why is the sky blue?", caller="local")
    assert ("nine in ten" in plain.out, "comes first" in plain.out) == (False, False)
    await use(planes)
    told = await command(planes, "explain", "Why is the sky blue?", caller="local")
    assert "nine in ten" in told.out
    assert "comes first, as uncertain as quality is" in told.out
    document = (await command(planes, "explain", "Why is the sky blue?", "--json", caller="local")).json
    assert sum(each["share"] for each in document["distribution"]) == pytest.approx(1.0)
    assert document["candidates"][0]["cost_high_nanousd"] > document["candidates"][0]["cost_low_nanousd"] > 0
    routed = await command(planes, "route", "Why is the sky blue?", caller="local")
    assert "likely $" in routed.out
    page = await command(planes, "decision", id_of(await planes.decide()))
    assert "nine in ten" in page.out
