"""Values that are made quickly are the values that they were."""

import copy
import dataclasses
import inspect
from dataclasses import dataclass, field

import pytest

from turnout_wire.quick import quick


@dataclass(frozen=True, slots=True, kw_only=True)
class Plain:
    """As dataclasses make it."""

    one: int
    two: str = "two"
    three: tuple[int, ...] = ()
    four: list[int] = field(default_factory=list)


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Quick:
    """The same, quick."""

    one: int
    two: str = "two"
    three: tuple[int, ...] = ()
    four: list[int] = field(default_factory=list)


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Hashed:
    """One that can be a key."""

    name: str
    place: int = 0


GIVEN = [{"one": 1}, {"one": 1, "two": "b"}, {"one": 2, "three": (3,), "four": [4]}]


@pytest.mark.parametrize("given", GIVEN)
def test_a_quick_value_has_the_fields_of_a_plain_one(given: dict[str, object]) -> None:
    made, plain = Quick(**given), Plain(**given)  # type: ignore[arg-type]
    assert dataclasses.asdict(made) == dataclasses.asdict(plain)
    assert repr(made).replace("Quick", "Plain") == repr(plain)
    assert type(made) is Quick


def test_a_quick_value_cannot_be_changed() -> None:
    made = Quick(one=1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        made.one = 2  # type: ignore[misc]
    with pytest.raises((dataclasses.FrozenInstanceError, TypeError)):
        made.five = 2  # type: ignore[attr-defined]
    with pytest.raises(dataclasses.FrozenInstanceError):
        del made.one
    with pytest.raises((dataclasses.FrozenInstanceError, TypeError)):
        made.__class__ = Plain  # type: ignore[assignment]


def test_each_quick_value_has_a_default_of_its_own() -> None:
    assert Quick(one=1).four is not Quick(one=1).four


@pytest.mark.parametrize("given", [{}, {"one": 1, "six": 6}, {"two": "b"}])
def test_what_does_not_fit_is_refused_as_before(given: dict[str, object]) -> None:
    for cls in (Plain, Quick):
        with pytest.raises(TypeError, match="argument"):
            cls(**given)  # type: ignore[arg-type]


def test_fields_are_given_by_name_as_before() -> None:
    with pytest.raises(TypeError, match="positional"):
        Quick(1)  # type: ignore[call-arg]
    assert list(inspect.signature(Quick).parameters) == list(inspect.signature(Plain).parameters)


def test_quick_values_are_compared_hashed_copied_and_replaced() -> None:
    one, same, other = Hashed(name="a"), Hashed(name="a", place=0), Hashed(name="b")
    assert one == same != other
    assert {one: 1}[same] == 1
    assert copy.deepcopy(one) == copy.copy(one) == one
    assert dataclasses.replace(one, place=2) == Hashed(name="a", place=2)


@dataclass(slots=True, kw_only=True)
class Open:
    """Not frozen."""

    one: int


@dataclass(frozen=True, kw_only=True)
class Loose:
    """Without slots."""

    one: int


@dataclass(frozen=True, slots=True)
class Placed:
    """By place."""

    one: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """Looks at itself when it is made."""

    one: int

    def __post_init__(self) -> None:
        """Nothing."""


@pytest.mark.parametrize("cls", [int, Open, Loose, Placed, Checked])
def test_what_cannot_be_made_quick_is_refused(cls: type) -> None:
    with pytest.raises(TypeError, match=cls.__name__):
        quick(cls)
