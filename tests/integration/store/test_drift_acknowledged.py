"""An alarm that somebody knows of is told as such until it ends or shifts further, on every kind of store."""

from io import StringIO

import pytest
from rich.console import Console

from controlplane.insight.drift import Drift, Measure, State
from controlplane.insight.drift_watch import DriftWatch
from controlplane.insight.drifts import Alarms, Comparison
from controlplane.rpc.insights import References
from controlplane.store.protocols import Store, StoreUnavailable
from tests.support.drift_service import DAY, Days, drifts_of, pinning, served
from tests.support.meter import Meter
from turnout_cli.config import Connection
from turnout_cli.drift import Asked, Known, acknowledge, drift
from turnout_wire.control_line import ControlLine
from turnout_wire.failure import Failure
from turnout_wire.insights import Insights


async def looked(store: Store, days: Days) -> None:
    """Fold what there is, and let the watch look, who keeps alarms."""
    await days.folded(store.database)
    watch = DriftWatch(
        drifts_of(store.database),
        Alarms(store.database),
        Meter().telemetry().metrics,
        leading=lambda: True,
        clock=lambda: days.now,
    )
    await watch.look()


async def strange(store: Store) -> Days:
    """Four steady weeks and a strange day, of which an alarm is kept."""
    days = Days()
    days.steady(28)
    days.strange()
    await looked(store, days)
    return days


async def alarms(store: Store, days: Days, comparison: Comparison | None = None) -> dict[Measure, list[bool]]:
    """Of each measure that alarms, which of its alarms somebody knows of."""
    found = [each for each in await drifts_of(store.database)(days.now, comparison) if each.state is State.ALARM]
    return {
        measure: [each.acknowledged is not None for each in found if each.subject.measure is measure]
        for measure in {each.subject.measure for each in found}
    }


async def say(references: References, *measures: Measure) -> None:
    await references.acknowledge("support", [], measures, by="ann")


async def test_it_is_told_with_who_and_when_and_of_another_measure_nothing_is_said(store: Store) -> None:
    days, written = await strange(store), list[Drift]()
    assert set(await alarms(store, days)) == {Measure.MIX, Measure.QUALITY}
    await say(pinning(store.database, lambda: days.now, acknowledged=written), Measure.QUALITY)
    found = await alarms(store, days)
    assert found[Measure.MIX] == [False]
    assert found[Measure.QUALITY] == [True] * len(written)
    assert {each.subject.measure for each in written} == {Measure.QUALITY}
    (one,) = [
        each.acknowledged for each in await drifts_of(store.database)(days.now) if each.subject == written[0].subject
    ]
    assert one is not None
    assert (one.by, one.at) == ("ann", days.now)
    assert any(any(known) for known in (await alarms(store, days, Comparison(recent=2))).values()) is False


async def test_it_holds_as_long_as_the_alarm_does_and_not_for_the_next_one(store: Store) -> None:
    days = await strange(store)
    await say(pinning(store.database, lambda: days.now))
    days.strange()
    await looked(store, days)
    assert (await alarms(store, days))[Measure.MIX] == [True]
    days.steady(1)
    await looked(store, days)
    assert await alarms(store, days) == {}
    days.strange()
    await looked(store, days)
    again = (await alarms(store, days))[Measure.QUALITY]
    assert again
    assert not any(again)


async def test_what_shifts_further_by_as_much_as_counts_is_news(store: Store) -> None:
    days = await strange(store)
    await say(pinning(store.database, lambda: days.now))
    days.stranger()
    await looked(store, days)
    found = await alarms(store, days)
    assert (found[Measure.MIX], any(found[Measure.QUALITY])) == ([False], False)


async def test_without_an_alarm_that_is_kept_there_is_nothing_to_know_of(store: Store) -> None:
    days = Days()
    days.steady(28)
    days.strange()
    await days.folded(store.database)
    references, written = pinning(store.database, lambda: days.now), list[Drift]()
    assert await alarms(store, days), "it alarms, and the watch has not looked yet"
    with pytest.raises(Failure, match="ten minutes later") as refused:
        await say(references)
    assert (refused.value.reason, refused.value.field, written) == ("NOT_FOUND", "workload", [])


async def test_nothing_is_known_that_the_log_does_not_take(store: Store) -> None:
    days = await strange(store)

    async def away(_: object) -> None:
        raise StoreUnavailable("away")

    references = pinning(store.database, lambda: days.now)
    object.__setattr__(references.acknowledge, "written", away)
    with pytest.raises(StoreUnavailable):
        await say(references)
    assert (await alarms(store, days))[Measure.MIX] == [False]


async def test_what_ended_is_forgotten_when_the_next_one_is_known(store: Store) -> None:
    days = await strange(store)
    references = pinning(store.database, lambda: days.now)
    await say(references)
    assert len(await references.acknowledge.kept()) > 1
    days.steady(1)
    await looked(store, days)
    days.busy()
    await looked(store, days)
    await say(references)
    assert {subject.measure for subject in await references.acknowledge.kept()} == {Measure.MIX}


async def test_the_command_exits_with_0_once_all_is_known_and_callers_do_not_see_who(store: Store) -> None:
    days, written = await strange(store), StringIO()
    asked = Asked(workloads=[], tenants=[], recent=DAY, reference=28 * DAY)
    async with served(store, days) as address, ControlLine(address, "acme") as caller:
        connection = Connection(control=(address,), workers=(), token="operator")
        console = Console(file=written, width=160)
        with pytest.raises(Failure) as refused:
            await Insights(caller).acknowledge_drift("support")
        assert refused.value.reason == "ACCESS_DENIED"
        with pytest.raises(Failure, match="they are mix, confidence, quality"):
            await Insights(caller).acknowledge_drift("support", measures=["speed"])
        some = Known(workload="support", tenants=["acme"], measures=["mix"])
        assert await drift(connection, asked, console, 20) == 1
        assert await acknowledge(connection, some, console, 20, as_json=False) == 0
        assert await drift(connection, asked, console, 20) == 1, "quality is not known yet"
        assert (
            await acknowledge(
                connection, Known(workload="support", tenants=[], measures=[]), console, 20, as_json=False
            )
            == 0
        )
        assert await drift(connection, asked, console, 20) == 0
        seen = (await Insights(caller).drift())["drifts"][0]
        assert (seen["acknowledged_at"], seen["acknowledged_by"]) == (days.now, "")
    assert f"acknowledged by operator on {days.now:%Y-%m-%d %H:%M} UTC" in written.getvalue()
    assert "known alarm" in written.getvalue()
