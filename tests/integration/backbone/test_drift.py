"""Drift over both planes: weeks of figures that were kept before, and a day of requests that the planes decided."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import cast

import pytest_asyncio

from controlplane.audit.model import Kind
from controlplane.insight.facts import Fact, Place
from controlplane.insight.fold import fold
from controlplane.insight.rollups import Rollups
from tests.support.asking import client, command, told, web
from tests.support.backbone import Backbone, backbone
from tests.support.insight import decision
from tests.support.insight import told as entry
from turnout.audit.v1 import record_pb2

DAYS, REQUESTS = 30, 60


@pytest_asyncio.fixture
async def planes(tmp_path: Path) -> AsyncIterator[Backbone]:
    async with backbone(tmp_path, http="127.0.0.1:0") as running:
        yield running


def past(planes: Backbone) -> Iterator[Fact]:
    """A month until two days ago in which everything was a translation."""
    today = planes.control.clock.now()
    for day in range(2, 2 + DAYS):
        at_us = round((today - timedelta(days=day)).timestamp() * 1e6)
        for number in range(REQUESTS):
            place = Place(tenant="default", workload="default", task_type="translation", complexity="simple")
            yield decision(day * REQUESTS + number, at_us, place=place, confidence_ppm=900_000)


async def remember(planes: Backbone) -> None:
    """Put the past into the figures, beside the one who folds what happens now."""
    rollups = Rollups(planes.control.store.database)
    changes = fold([entry(fact) for fact in past(planes)], {})
    for _ in range(20):
        cursor = await rollups.cursor()
        try:
            await rollups.save(changes, cursor, cursor.next_index, {})
        except Exception:  # noqa: BLE001, S112 - the other one took the generation; databases have their own words for it
            continue
        return
    raise AssertionError("the figures were never at rest")


async def bodies(planes: Backbone, kind: Kind) -> list[bytes]:
    """What the log has of that kind, in order."""
    sql = "SELECT body FROM entry WHERE kind = ? ORDER BY seq"
    return [cast("bytes", body) for (body,) in await planes.control.store.database.fetch(sql, kind.value)]


async def test_requests_of_another_kind_alarm_by_every_way_until_they_are_as_before(planes: Backbone) -> None:
    await remember(planes)
    assert "turnout.drift" in planes.control.meter.gauges
    quiet = await command(planes, "drift", "--json")
    assert (quiet.code, {one["state"] for one in quiet.json["drifts"]}) == (0, {"unknown"})
    async with client(planes) as turnout, web(planes) as ask:
        prompt = "Write a Python function that merges two sorted lists, with tests."
        await asyncio.gather(*(turnout.decide(f"{prompt} Number {number}.") for number in range(REQUESTS)))
        found = await told(planes, lambda answer: answer["drifts"][0]["recent_count"] == REQUESTS, "drift")
        mix = next(each for each in found["drifts"] if each["measure"] == "mix")
        assert (mix["workload"], mix["task_type"], mix["state"]) == ("default", "unknown", "alarm")
        shown = await command(planes, "drift", "--workload", "default")
        assert shown.code == 1
        assert f"default: mix: {mix['detail']}" in shown.out
        status, document = await ask("GET", "/v1/drift", "local", params={"workloads": "default"})
        assert (status, document["drifts"][0]["state"]) == (200, "DRIFT_STATE_ALARM")
        status, refused = await ask("GET", "/v1/drift", "local", params={"recent": "3600s"})
        assert (status, refused["error"]["field"]) == (400, "recent")
    await planes.control.plane._drift_watch().look()
    known = await command(planes, "drift", "acknowledge", "--workload", "default")
    assert (known.code, "acknowledged by operator on" in known.out) == (0, True)
    assert (await command(planes, "drift")).code == 0
    (entry_body,) = await bodies(planes, Kind.DRIFT_ACKNOWLEDGEMENT)
    noted = record_pb2.DriftAcknowledgementRecord.FromString(entry_body).drifts
    assert {(one.workload, one.acknowledged_by) for one in noted} == {("default", "operator")}
    assert mix["detail"] in [one.detail for one in noted]
    assert (await command(planes, "drift", "acknowledge", "--workload", "other")).code == 1
    elsewhere = await command(planes, "drift", "--workload", "other")
    assert (elsewhere.code, "nothing was decided yet" in elsewhere.out) == (0, True)
    wrong = await command(planes, "drift", "--recent", "36h")
    assert (wrong.code, "--recent: '36h' is no number of whole days" in wrong.err) == (2, True)


async def test_an_operator_pins_a_reference_which_every_way_shows_and_the_log_keeps(planes: Backbone) -> None:
    await remember(planes)
    today = planes.control.clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
    first, last = (f"{today - timedelta(days=ago):%Y-%m-%d}" for ago in (20, 10))
    period = ("--from", first, "--to", last)
    made = await command(planes, "drift", "pin", "--workload", "default", *period)
    assert (made.code, f"default is compared with {first} to {last}, pinned by operator on" in made.out) == (0, True)
    assert f"default is compared with {first} to {last}" in (await command(planes, "drift")).out
    found = (await command(planes, "drift", "--json")).json
    assert {each["reference_count"] for each in found["drifts"] if each["measure"] == "mix"} == {11 * REQUESTS}
    async with web(planes) as ask:
        status, document = await ask("GET", "/v1/drift", "local", params={"workloads": "default"})
        assert (status, [one["workload"] for one in document["pinned"]]) == (200, ["default"])
        assert document["pinned"][0]["pinned_by"] == ""
    refused = await command(planes, "drift", "pin", "--workload", "default", "--from", "soon", "--to", last)
    assert (refused.code, "--from: 'soon' is no day: write it as 2026-11-21" in refused.err) == (2, True)
    assert (await command(planes, "drift", "unpin", "--workload", "default")).code == 0
    again = await command(planes, "drift", "unpin", "--workload", "default")
    assert (again.code, "has no pinned reference" in again.err) == (1, True)
    said = [record_pb2.DriftReferenceRecord.FromString(one) for one in await bodies(planes, Kind.DRIFT_REFERENCE)]
    assert [(one.workload, one.HasField("since"), one.changed_by) for one in said] == [
        ("default", True, "operator"),
        ("default", False, "operator"),
    ]
    assert said[0].until.ToDatetime() - said[0].since.ToDatetime() == timedelta(days=11)
