"""Drift on every kind of store: from entries of the log, as days pass, to what the command and the metrics show."""

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from controlplane.insight.drift import Drift, Measure, State
from controlplane.insight.drift_watch import AGAIN, EVERY, DriftWatch
from controlplane.insight.drifts import Alarms, Comparison
from controlplane.insight.keeping import Keeping
from controlplane.store.protocols import Store
from tests.support.drift_service import DAY, Days, drifts_of, served
from tests.support.meter import Meter
from turnout_cli.config import Connection
from turnout_cli.drift import Asked, drift
from turnout_wire.control_line import ControlLine
from turnout_wire.failure import Failure
from turnout_wire.insights import Insights


class Watched:
    """A watch of a store, as after a start of its process."""

    def __init__(self, store: Store, days: Days) -> None:
        self.meter = Meter()
        self.leading = True
        alarms = Alarms(store.database)
        self.drifts = drifts_of(store.database)
        self.watch = DriftWatch(
            self.drifts,
            alarms,
            self.meter.telemetry().metrics,
            leading=lambda: self.leading,
            clock=lambda: days.now,
        )

    def changes(self, state: str) -> float:
        """Told of so far."""
        return self.meter.total("turnout.drift.changes", state=state)

    def gauge(self) -> Mapping[str, float]:
        """By measure."""
        shown = self.meter.gauge("turnout.drift")
        assert all(about["turnout.workload"] == "support" for _, about in shown)
        return {str(about["turnout.measure"]): value for value, about in shown}


def alarming(found: list[Drift]) -> set[tuple[str, Measure]]:
    """Task type and measure."""
    return {(each.subject.segment.task_type, each.subject.measure) for each in found if each.state is State.ALARM}


async def test_what_leaves_its_band_is_told_once_and_so_is_its_return(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "controlplane.insight.drift_watch")
    days = Days()
    days.steady(28)
    await days.folded(store.database)
    watched = Watched(store, days)
    assert await watched.watch.turn() == EVERY
    assert watched.gauge() == {"mix": 0, "confidence": 0, "quality": 0}
    assert watched.changes("alarm") == 0
    days.strange()
    await days.folded(store.database)
    await watched.watch.turn()
    # The mix, and quality of all requests and of those of either kind that there are enough of.
    assert watched.gauge() == {"mix": 1, "confidence": 0, "quality": 1}
    told = watched.changes("alarm")
    (mix,) = [each for each in caplog.records if vars(each).get("measure") == "mix"]
    assert mix.getMessage() == "a segment has left its band"
    assert vars(mix)["detail"] == "most of it: code/expert is 50.0% of requests, where 10.0% were due"
    await watched.watch.turn()
    again = Watched(store, days)
    await again.watch.turn()
    assert (watched.changes("alarm"), again.changes("alarm")) == (told, 0)
    since = {each.since for each in await again.drifts(days.now) if each.state is State.ALARM}
    assert since == {days.now}
    days.steady(2)
    await days.folded(store.database)
    await again.watch.turn()
    assert again.gauge() == {"mix": 0, "confidence": 0, "quality": 0}
    assert again.changes("steady") + again.changes("unknown") == told
    assert await Alarms(store.database).held() == {}


async def test_who_does_not_lead_looks_for_nothing_and_shows_nothing(store: Store) -> None:
    days = Days()
    days.steady(28)
    days.strange()
    await days.folded(store.database)
    watched = Watched(store, days)
    watched.leading = False
    assert await watched.watch.turn() == AGAIN
    assert (watched.gauge(), watched.changes("alarm")) == ({}, 0)
    watched.leading = True
    await watched.watch.turn()
    assert watched.gauge()["mix"] == 1
    watched.leading = False
    await watched.watch.turn()
    assert watched.gauge() == {}


async def test_two_that_look_at_once_tell_once(store: Store) -> None:
    days = Days()
    days.steady(28)
    days.strange()
    await days.folded(store.database)
    one, other = Watched(store, days), Watched(store, days)
    held = Alarms.held

    async def both(alarms: Alarms) -> Mapping[Any, datetime]:
        """The second one has told everything when the first, which saw no alarm either, comes to write."""
        found = await held(alarms)
        if alarms is one.watch._alarms and not other.changes("alarm"):
            await other.watch.turn()
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Alarms, "held", both)
        await one.watch.turn()
    assert other.changes("alarm") > 0
    assert one.changes("alarm") == 0


async def test_drift_is_the_same_however_the_log_was_folded_and_how_coarse_it_is_kept(
    store: Store, tmp_path: Path
) -> None:
    days = Days()
    days.steady(28)
    days.strange()
    await days.folded(store.database, batch=61)
    drifts = Watched(store, days).drifts
    before = list(await drifts(days.now))
    await Keeping(store.database, store.entries.erase, clock=lambda: days.now).round()
    assert list(await drifts(days.now)) == before
    assert alarming(before) >= {("", Measure.MIX), ("", Measure.QUALITY)}
    for table in ("fold_cursor", "rollup", "tally", "sketch", "segment", "decision_row"):
        await store.database.write([_emptied(table)])
    await days.folded(store.database)
    assert list(await drifts(days.now)) == before


def _emptied(table: str) -> Any:
    from controlplane.store.protocols import Statement

    return Statement(sql=f"DELETE FROM {table}", rows=[()])


async def test_a_week_can_be_compared_with_eight_before_it(store: Store) -> None:
    days = Days()
    days.steady(56)
    days.strange()
    days.steady(6)
    await days.folded(store.database)
    found = await Watched(store, days).drifts(days.now, Comparison(recent=7, reference=56))
    mix = next(each for each in found if each.subject.measure is Measure.MIX)
    assert (mix.recent, mix.reference) == (7 * 60, 56 * 60)
    assert mix.state is State.STEADY


async def test_a_caller_sees_the_drift_of_its_own_tenant_and_no_other(store: Store) -> None:
    days = Days()
    days.steady(28)
    days.strange()
    await days.folded(store.database)
    async with served(store, days) as address:
        found = {}
        for token in ("operator", "acme", "globex"):
            async with ControlLine(address, token) as line:
                found[token] = (await Insights(line).drift())["drifts"]
                assert (await Insights(line).drift(workloads=["billing"]))["drifts"] == []
        assert found["operator"] == found["acme"]
        assert found["globex"] == []
        first = found["acme"][0]
        assert (first["tenant"], first["workload"], first["measure"], first["state"]) == (
            "acme",
            "support",
            "mix",
            "alarm",
        )
        assert first["value"] > first["high"] > first["low"] == first["reference"] == 0
        assert (first["task_type"], first["since"], first["recent_count"]) == ("unknown", None, 60)


@pytest.mark.parametrize(
    ("field", "span"),
    [("recent", timedelta(hours=30)), ("recent", timedelta(days=15)), ("reference", timedelta(days=6))],
)
async def test_what_cannot_be_compared_is_refused(store: Store, field: str, span: timedelta) -> None:
    async with served(store, Days()) as address, ControlLine(address, "operator") as line:
        with pytest.raises(Failure) as refused:
            await Insights(line).drift(**{field: span})  # type: ignore[arg-type]
    assert (refused.value.reason, refused.value.field) == ("INVALID_FIELD", field)


async def test_the_command_shows_a_table_and_exits_with_1_while_anything_alarms(store: Store) -> None:
    days = Days()
    asked = Asked(workloads=[], tenants=[], recent=DAY, reference=28 * DAY)
    async with served(store, days) as address:
        connection = Connection(control=(address,), workers=(), token="operator")
        written = StringIO()
        console = Console(file=written, width=160)
        days.steady(28)
        await days.folded(store.database)
        assert await drift(connection, asked, console, 20) == 0
        days.strange()
        await days.folded(store.database)
        assert await drift(connection, asked, console, 20) == 1
    text = written.getvalue()
    assert "the last day beside the 28 days before" in text
    assert "support: mix: most of it: code/expert is 50.0% of requests, where 10.0% were due" in text
    assert "2 entries of the log are not counted yet" in text
