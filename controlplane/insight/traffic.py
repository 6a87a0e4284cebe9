"""What was counted of a segment by day, as drift is told from it. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

Kind = tuple[str, str]
"""A task type and a complexity; empty where they are not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moments:
    """Values in [0, 1]: how many, their sum and that of their squares."""

    count: int = 0
    total: float = 0.0
    squares: float = 0.0

    @property
    def mean(self) -> float:
        """Of at least one."""
        return self.total / self.count

    @property
    def within(self) -> float:
        """The sum of the squares of what each differs from their mean."""
        return max(0.0, self.squares - self.total * self.total / self.count) if self.count else 0.0


def added(moments: Iterable[Moments]) -> Moments:
    """All of them together."""
    found = list(moments)
    return Moments(
        count=sum(each.count for each in found),
        total=sum(each.total for each in found),
        squares=sum(each.squares for each in found),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """What was counted on a day of UTC, or on the part of it that is looked at. `mix` has decisions by kind."""

    weekend: bool
    mix: Mapping[Kind, int] = field(default_factory=dict)
    confidence: Moments = Moments()
    quality: Moments = Moments()

    @property
    def requests(self) -> int:
        """Decisions."""
        return sum(self.mix.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """The latest time, which is `days` long, by day, and the days before it that it is compared with."""

    recent: Sequence[Day]
    reference: Sequence[Day]
    days: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Days that are alike: how much of the latest time lies on such days, and those of the reference."""

    recent: int
    reference: Sequence[Day]


def grouped(traffic: Traffic, size: Callable[[Day], int]) -> Sequence[Group]:
    """Working days and weekends apart, for they differ in most traffic; days on which `size` is 0 are left out.

    All days are one group where the reference has fewer than two of those that the latest time lies on.
    """
    days = [day for day in traffic.reference if size(day)]
    found = [
        Group(
            recent=sum(size(day) for day in traffic.recent if day.weekend is weekend),
            reference=[day for day in days if day.weekend is weekend],
        )
        for weekend in (False, True)
    ]
    if any(group.recent and len(group.reference) < 2 for group in found):
        return [Group(recent=sum(map(size, traffic.recent)), reference=days)]
    return [group for group in found if group.recent or len(group.reference) > 1]
