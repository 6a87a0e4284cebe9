"""One uniform number for every choice of a decision."""

from collections import Counter

import pytest

from controlplane.decision.draws import pick

LOTS = [("a", 0.25), ("b", 0.5), ("c", 0.25)]
GRID = [(number + 0.5) / 64 for number in range(64)]


def test_each_item_takes_a_part_of_the_draws_as_wide_as_its_chance() -> None:
    assert Counter(pick(LOTS, draw)[0] for draw in GRID) == {"a": 16, "b": 32, "c": 16}
    assert {pick(LOTS, draw)[:2] for draw in GRID} == set(LOTS)


@pytest.mark.parametrize(("draw", "item"), [(0.0, "a"), (0.25, "b"), (0.75, "c"), (1 - 2**-53, "c")])
def test_a_part_begins_where_the_one_before_ends(draw: float, item: str) -> None:
    assert pick(LOTS, draw)[0] == item


def test_what_is_left_of_a_draw_is_uniform_whatever_was_picked() -> None:
    for item, chance in LOTS:
        left = [rest for found, _, rest in (pick(LOTS, draw) for draw in GRID) if found == item]
        count = len(GRID) * chance
        assert left == pytest.approx([(number + 0.5) / count for number in range(int(count))])


@pytest.mark.parametrize("draw", [0.0, 0.1, 0.2, 0.3, 0.7, 1 - 2**-53])
def test_what_is_left_is_a_draw_again(draw: float) -> None:
    """Chances such as a third do not add up to one exactly."""
    for lots in ([("a", 1 / 3), ("b", 1 / 3), ("c", 1 / 3)], [("a", 0.1), ("b", 0.9)], [("a", 1.0)]):
        rest = draw
        for _ in range(60):
            _, _, rest = pick(lots, rest)
            assert 0.0 <= rest < 1.0


def test_the_only_item_costs_nothing_of_the_draw() -> None:
    assert pick([("a", 1.0)], 0.3) == ("a", 1.0, 0.3)
