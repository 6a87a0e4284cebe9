"""Deciding on features that the client made: the same decision, and no text on the way to the control plane."""

from typing import Any

import pytest

from tests.support.asking import command, told
from tests.support.backbone import PROMPT, Backbone, document, opened, replaced
from tests.support.wiretap import wiretap
from turnout.routing.v1 import decision_pb2
from turnout_client import Client, Decision

PROMPTS: dict[str, dict[str, Any]] = {
    PROMPT: {},
    "Fix this:\n```python\ndef f(x):\n    return x +\n```\nand explain step by step what was wrong.": {},
    "Übersetze ins Englische: Der Zug fährt über die Weiche.": {"max_output_tokens": 100},
    "Review the change below.": {"feature": "cr"},
    "| a | b |\n|---|---|\n| 1 | 2 |\n\nGive me this table as JSON.": {"response_format": "json"},
    "List three colours.": {"models": ["large"]},
}
SECRET = "patient-4711-has-a-rare-disease"


def plan(decision: Decision) -> decision_pb2.RouteDecision:
    """The decision without what is new in each: its identity, its times, how often workers had reported and the log's checkpoint."""
    message = opened(decision.envelope)
    for name in ("decision_id", "issued_at", "expires_at", "request_id", "live_revision", "checkpoint"):
        message.ClearField(name)
    return message


def client(planes: Backbone, **settings: Any) -> Client:
    token = planes.control.token("local")
    where = {"control": planes.control.address, "workers": planes.worker.address, **settings}
    return Client(token=token, **where)


async def test_features_of_the_client_give_the_same_decision_as_the_text(planes: Backbone) -> None:
    async with client(planes) as turnout:
        for prompt, options in PROMPTS.items():
            told = await turnout.decide(prompt, describe=True, **options)
            shown = await turnout.decide(prompt, **options)
            assert plan(told) == plan(shown), prompt


async def test_the_prompts_of_that_test_do_not_all_get_one_decision(planes: Backbone) -> None:
    async with client(planes) as turnout:
        plans = [plan(await turnout.decide(prompt, describe=True, **options)) for prompt, options in PROMPTS.items()]
    assert len({message.SerializeToString() for message in plans}) == len(PROMPTS)
    assert len({message.classification.SerializeToString() for message in plans}) > 2


@pytest.mark.parametrize(("keep_text", "passes"), [(True, False), (False, True)])
async def test_the_text_goes_to_the_control_plane_only_if_it_may(
    planes: Backbone, keep_text: bool, passes: bool
) -> None:
    async with (
        wiretap(planes.control.address) as control,
        wiretap(planes.worker.address) as worker,
        client(planes, control=control.address, workers=worker.address, keep_text=keep_text) as turnout,
    ):
        assert (await turnout.chat(f"Summarize: {SECRET}")).text == "Blue."
    assert b"DecideRoute" in control.sent
    assert (SECRET.encode() in control.sent) is passes
    assert SECRET.encode() in worker.sent


async def test_the_text_stays_with_the_client_for_batches_and_explanations_too(planes: Backbone) -> None:
    async with (
        wiretap(planes.control.address) as control,
        client(planes, control=control.address, keep_text=True) as turnout,
    ):
        await turnout.decide_many([SECRET, f"Again: {SECRET}"])
        await turnout.explain(SECRET)
        await turnout.classify(SECRET)
    assert len(control.sent) > 1000
    assert SECRET.encode() not in control.sent


async def test_a_decision_on_features_runs_the_payload_with_its_digest_and_no_other(planes: Backbone) -> None:
    async with client(planes) as turnout:
        decision = await turnout.decide(PROMPT, describe=True)
        assert (await turnout.generate(decision)).text == "Blue."


async def test_a_decision_on_features_is_recorded_explained_and_made_again_as_one_on_the_text(planes: Backbone) -> None:
    pairs = []
    async with client(planes) as turnout:
        for prompt, options in PROMPTS.items():
            described = await turnout.chat(prompt, describe=True, **options)
            shown = await turnout.chat(prompt, **options)
            pairs.append((described.decision_id, shown.decision_id))
    for pair in pairs:
        records = [
            await told(planes, lambda found: found["receipts"] and found["inclusion"], "decision", one) for one in pair
        ]
        assert records[0]["record"]["asked"] == records[1]["record"]["asked"]
        assert [(found["not_explained"], found["explained"]["difference"]) for found in records] == [("", "")] * 2
        exclusions = [
            {row["deployment"]: row["exclusion"] for row in one["explained"]["candidates"]} for one in records
        ]
        assert exclusions[0] == exclusions[1]
    verified = await command(planes, "audit", "verify", "--json")
    assert (verified.code, verified.json["replayed"]) == (0, 2 * len(PROMPTS))


async def test_when_the_rules_change_the_client_makes_its_features_again(planes: Backbone) -> None:
    async with client(planes) as turnout:
        before = await turnout.decide(PROMPT, describe=True)
        sky = {"signal": "own.sky", "regex": "(?i)sky", "votes": {"task_type": {"creative": 9}}}
        changed = document(planes.providers.address, rule_sets=[{"name": "own", "patterns": [sky]}])
        changed["policies"][0]["rule_set"] = "own"
        replaced(planes.catalog, changed)
        assert not planes.control.state.catalog.reload().problems
        after = await turnout.decide(PROMPT, describe=True)
    assert (before.snapshot_version, after.snapshot_version) == (1, 2)
    assert (before.plan.task_type, after.plan.task_type) == ("qa", "creative")
