"""A reference that is pinned is what drift is told from until it is let go, on every kind of store."""

from datetime import datetime, timedelta
from io import StringIO

import pytest
from rich.console import Console

from controlplane.insight.drift import Measure, State
from controlplane.insight.drifts import Comparison
from controlplane.insight.pins import MOST_PINS, Repinned
from controlplane.rpc.insights import References
from controlplane.store.protocols import Store, StoreUnavailable
from tests.support.drift_service import DAY, START, Days, drifts_of, pinning, served
from turnout_cli.config import Connection
from turnout_cli.drift import Asked, Period, drift, pin, unpin
from turnout_wire.control_line import ControlLine
from turnout_wire.failure import Failure
from turnout_wire.insights import Insights

MIDNIGHT = START.replace(hour=0, minute=0, second=0, microsecond=0)
USUAL = (MIDNIGHT, MIDNIGHT + 28 * DAY)
"""The days of `lasting` before anything changed."""


async def lasting(store: Store) -> Days:
    """Four steady weeks, and three strange ones after them."""
    days = Days()
    days.steady(28)
    for _ in range(21):
        days.strange()
    await days.folded(store.database)
    return days


async def mix(store: Store, days: Days, comparison: Comparison | None = None) -> tuple[State, int]:
    """How it is with the mix of all requests, and how many it is compared with."""
    found = await drifts_of(store.database)(days.now, comparison)
    (one,) = [each for each in found if each.subject.measure is Measure.MIX]
    return one.state, one.reference


async def pinned(references: References, workload: str = "support", period: tuple[datetime, datetime] = USUAL) -> None:
    await references.pin(workload, *period, by="operator")


async def test_what_lasts_is_told_from_the_pinned_days_until_they_are_let_go(store: Store) -> None:
    days = await lasting(store)
    references = pinning(store.database, lambda: days.now)
    assert await mix(store, days) == (State.STEADY, 28 * 60), "the control: by itself what lasts is taken for usual"
    await pinned(references)
    assert await mix(store, days) == (State.ALARM, 28 * 60)
    assert (await mix(store, days, Comparison(recent=7, reference=56)))[0] is State.ALARM
    await references.unpin("support", by="operator")
    assert (await mix(store, days))[0] is State.STEADY


async def test_another_workload_is_compared_as_before(store: Store) -> None:
    days = await lasting(store)
    await pinned(pinning(store.database, lambda: days.now), "billing")
    assert (await mix(store, days))[0] is State.STEADY


async def test_pinning_again_takes_the_place_of_what_was_pinned(store: Store) -> None:
    days = await lasting(store)
    references = pinning(store.database, lambda: days.now)
    await pinned(references)
    later = (MIDNIGHT + 30 * DAY, MIDNIGHT + 40 * DAY)
    await pinned(references, period=later)
    (one,) = (await pinning(store.database, lambda: days.now).pins()).values()
    assert (one.since, one.until) == tuple(round(moment.timestamp()) for moment in later)
    assert (one.by, one.at) == ("operator", days.now)
    assert await mix(store, days) == (State.STEADY, 10 * 60)


async def test_no_day_is_compared_with_itself(store: Store) -> None:
    days = await lasting(store)
    await pinned(pinning(store.database, lambda: days.now), period=(MIDNIGHT + 38 * DAY, MIDNIGHT + 48 * DAY))
    assert (await mix(store, days))[1] == 10 * 60
    assert (await mix(store, days, Comparison(recent=3)))[1] == 8 * 60


@pytest.mark.parametrize(
    ("field", "since", "until"),
    [
        ("since", MIDNIGHT + timedelta(hours=1), MIDNIGHT + 20 * DAY),
        ("until", MIDNIGHT, MIDNIGHT + 6 * DAY),
        ("until", MIDNIGHT + 6 * DAY, MIDNIGHT),
        ("until", MIDNIGHT, MIDNIGHT + 91 * DAY),
        ("until", MIDNIGHT + 30 * DAY, MIDNIGHT + 49 * DAY),
        ("since", MIDNIGHT - 360 * DAY, MIDNIGHT - 340 * DAY),
    ],
)
async def test_a_period_that_cannot_be_compared_with_is_refused_and_nothing_is_written(
    store: Store, field: str, since: datetime, until: datetime
) -> None:
    written: list[Repinned] = []
    references = pinning(store.database, lambda: START + 49 * DAY, written)
    with pytest.raises(Failure) as refused:
        await references.pin("support", since, until, by="operator")
    assert (refused.value.reason, refused.value.field) == ("INVALID_FIELD", field)
    assert (written, dict(await references.pins())) == ([], {})


async def test_more_pins_than_a_look_can_read_are_refused_and_one_can_be_replaced_still(store: Store) -> None:
    references = pinning(store.database, lambda: START + 49 * DAY)
    names = [f"w{number}" for number in range(MOST_PINS + 1)]
    object.__setattr__(references.pin.around, "workloads", lambda: names)
    for name in names[:MOST_PINS]:
        await pinned(references, name)
    with pytest.raises(Failure, match="64 workloads have a pinned reference"):
        await pinned(references, names[-1])
    await pinned(references, names[0])
    assert len(await references.pins()) == MOST_PINS


async def test_nothing_is_pinned_that_the_log_does_not_take(store: Store) -> None:
    async def away(_: Repinned) -> None:
        raise StoreUnavailable("away")

    references = pinning(store.database, lambda: START + 49 * DAY)
    object.__setattr__(references.pin.around, "written", away)
    with pytest.raises(StoreUnavailable):
        await pinned(references)
    assert dict(await references.pins()) == {}


async def test_operators_change_it_and_callers_see_it_without_who_did(store: Store) -> None:
    days, written = await lasting(store), list[Repinned]()
    async with (
        served(store, days, written) as address,
        ControlLine(address, "operator") as operator,
        ControlLine(address, "acme") as caller,
        ControlLine(address, "globex") as other,
    ):
        with pytest.raises(Failure) as refused:
            await Insights(caller).pin_drift("support", *USUAL)
        assert refused.value.reason == "ACCESS_DENIED"
        with pytest.raises(Failure) as unknown:
            await Insights(operator).pin_drift("suport", *USUAL)
        assert unknown.value.reason == "WORKLOAD_UNKNOWN"
        made = await Insights(operator).pin_drift("support", *USUAL)
        assert (made["workload"], made["since"], made["until"], made["pinned_by"]) == ("support", *USUAL, "operator")
        seen = [(await Insights(line).drift())["pinned"] for line in (operator, caller, other)]
        assert seen == [[made], [{**made, "pinned_by": ""}], []]
        assert (await Insights(operator).drift(workloads=["billing"]))["pinned"] == []
        await Insights(operator).unpin_drift("support")
        assert (await Insights(operator).drift())["pinned"] == []
        with pytest.raises(Failure) as again:
            await Insights(operator).unpin_drift("support")
        assert again.value.reason == "NOT_FOUND"
    assert [(change.workload, change.pin is None, change.by) for change in written] == [
        ("support", False, "operator"),
        ("support", True, "operator"),
    ]


async def test_the_command_pins_says_so_and_lets_go(store: Store) -> None:
    days, written = await lasting(store), StringIO()
    asked = Asked(workloads=[], tenants=[], recent=DAY, reference=28 * DAY)
    async with served(store, days) as address:
        connection = Connection(control=(address,), workers=(), token="operator")
        console = Console(file=written, width=160)
        period = Period(workload="support", first=USUAL[0], last=USUAL[1] - DAY)
        assert await drift(connection, asked, console, 20) == 0
        assert await pin(connection, period, console, 20, as_json=False) == 0
        assert await drift(connection, asked, console, 20) == 1
        assert await unpin(connection, "support", console, 20) == 0
        assert await drift(connection, asked, console, 20) == 0
    said = f"support is compared with {USUAL[0]:%Y-%m-%d} to {USUAL[1] - DAY:%Y-%m-%d}, pinned by operator on {days.now:%Y-%m-%d}"
    assert written.getvalue().count(said) == 2, "when it is pinned, and beside what is told from it"
