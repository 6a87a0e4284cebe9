"""How often steady traffic alarms, and which shifts are found: `python -m tests.benchmarks.drift`, five minutes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from controlplane.insight.drift import Measure, Segment, State, Subject, judged
from controlplane.insight.traffic import Traffic
from tests.support.drifting import Draw, Habits, joined, looks, shifted

USUAL = Habits(requests=1_000, uneven=0.01, daily=0.02)
STEADY: Mapping[str, Habits] = {
    "60 requests a day, days a little uneven": replace(USUAL, requests=60),
    "1,000 requests, days alike": Habits(requests=1_000),
    "1,000 requests, days a little uneven": USUAL,
    "the same, half of the mix another one at weekends": replace(USUAL, weekend=0.5),
    "20,000 requests, days uneven, other weekends": Habits(requests=20_000, uneven=0.03, daily=0.03, weekend=0.3),
    "500 requests, days very uneven": Habits(requests=500, uneven=0.06, daily=0.06),
}
WEEKS = 170
TRIALS = 100
SEGMENT = Segment(tenant="acme", workload="support")
PARTS = 12


def false_alarms(habits: Habits, weeks: int, seed: int = 0) -> float:
    """The share of daily looks at steady traffic with an alarm."""
    days = {SEGMENT: Draw(seed).days(habits, 28 + 7 * weeks)}
    found = [any(drift.state is State.ALARM for drift in judged(look)) for look in looks(days)]
    return sum(found) / len(found)


def begun(habits: Habits, weeks: int, seed: int = 0) -> int:
    """How many alarms begin in steady traffic, looked at every two hours, each ending in its narrower band."""
    draw = Draw(seed)
    days = [draw.parts(habits, number, PARTS) for number in range(29 + 7 * weeks)]
    whole = [joined(parts) for parts in days]
    held: dict[Subject, datetime] = {}
    count = 0
    for last in range(28, len(days) - 1):
        for part in range(1, PARTS + 1):
            recent = [joined(parts) for parts in (days[last][part:], days[last + 1][:part]) if parts]
            found = judged({SEGMENT: Traffic(recent=recent, reference=whole[last - 28 : last])}, held)
            alarms = {drift.subject for drift in found if drift.state is State.ALARM}
            count += len(alarms - held.keys())
            held = dict.fromkeys(alarms, datetime.fromtimestamp(0, UTC))
    return count


def found(before: Habits, after: Habits, measure: Measure, reference: int = 28) -> float:
    """The share of days, the first of their kind, that alarm."""
    alarms = 0
    for seed in range(TRIALS):
        draw = Draw(seed)
        traffic = Traffic(reference=draw.days(before, reference), recent=[draw.day(after, reference)])
        drifts = {drift.subject.measure: drift for drift in judged({SEGMENT: traffic})}
        alarms += drifts[measure].state is State.ALARM
    return alarms / TRIALS


def shifts() -> Iterator[tuple[str, Measure, Sequence[tuple[Habits, Habits]]]]:
    """What changes, of what is watched, for 200, 1,000 and 5,000 requests a day."""
    sizes = [replace(USUAL, requests=size, judged=0.2) for size in (200.0, 1_000.0, 5_000.0)]
    for share in (0.1, 0.15, 0.2, 0.25):
        yield f"{share:.0%} of requests of another kind", Measure.MIX, [(each, shifted(each, share)) for each in sizes]
    for less in (0.06, 0.1, 0.15):
        lower = [(each, replace(each, confidence=each.confidence - less)) for each in sizes]
        yield f"confidence {less} lower", Measure.CONFIDENCE, lower
    for less in (0.1, 0.2, 0.3):
        worse = [(each, replace(each, quality=each.quality - less)) for each in sizes]
        yield f"quality {less} lower, one answer in 5 judged", Measure.QUALITY, worse


def main() -> None:
    """Print the tables."""
    print(f"share of daily looks with an alarm, {WEEKS} steady weeks each")
    for name, habits in STEADY.items():
        print(f"{name} | {false_alarms(habits, WEEKS):.2%}", flush=True)
    print(f"alarms begun in {WEEKS} steady weeks, looked at every two hours: {begun(USUAL, WEEKS)}", flush=True)
    print("found on the first day | 200 | 1,000 | 5,000 requests a day")
    for name, measure, pairs in shifts():
        print(f"{name} | " + " | ".join(f"{found(*pair, measure):.0%}" for pair in pairs), flush=True)


if __name__ == "__main__":
    main()
