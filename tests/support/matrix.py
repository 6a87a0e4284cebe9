"""One cell of the matrix: a scenario is played, and what comes of it is held against the table."""

from collections.abc import Callable, Mapping

import pytest

from tests.support.matrix_stage import PLACES, Heard, Stage
from tools.compatibility_table import TABLE, Client, Kind, Row

Scenario = Callable[[Heard], None]
"""Uses an SDK, and checks what it got and what the provider was told; raises the SDK's own class when it is refused."""


def cells(*clients: Client) -> pytest.MarkDecorator:
    """A test for each cell of these clients."""
    rows = [row for row in TABLE if row.client in clients]
    found = [(row, kind) for row in rows for kind in Kind if kind in PLACES]
    return pytest.mark.parametrize(("row", "kind"), found, ids=[f"{row.feature}-{kind}" for row, kind in found])


def hold(stage: Stage, row: Row, kind: Kind, scenarios: Mapping[str, Scenario], refusals: type[Exception]) -> None:
    """Play the scenario. `refusals` is what the SDK raises for an answer that is an error."""
    assert {one.feature for one in TABLE if one.client is row.client} == scenarios.keys(), (
        "a scenario, or a row, is missing"
    )
    cell = row.at(kind)
    heard = stage.listen(row.client, kind, cell.dropped)
    scenario = scenarios[row.feature]
    if cell.reason:
        with pytest.raises(refusals):
            scenario(heard)
        told = heard.header("x-turnout-error")
        assert told == cell.reason, f"the gateway told {told}"
        assert not heard.arrived, "it is said to be refused, and a provider was asked"
        return
    scenario(heard)
    warned = sorted(_warned(heard))
    assert warned == sorted(cell.dropped), f"the gateway told {warned}"


def _warned(heard: Heard) -> set[str]:
    words = heard.header("x-turnout-warning").partition(": ")[2]
    return {word.strip() for word in words.split(",") if word.strip()}
