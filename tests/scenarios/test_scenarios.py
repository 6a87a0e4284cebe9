"""Every scenario of the folder, through the pure core and over the wire, with the same result."""

from collections import Counter
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.scenarios import in_process
from tests.scenarios.over_the_wire import Desks
from tests.scenarios.scenario import Scenario, differences, scenarios

ALL = scenarios()
each_scenario = pytest.mark.parametrize("scenario", ALL, ids=lambda scenario: f"{scenario.file}: {scenario.name}")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desks(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desks]:
    """Control planes, one for each catalog."""
    running = Desks(tmp_path_factory.mktemp("scenarios"))
    yield running
    await running.close()


@each_scenario
def test_the_pure_core_does_what_is_written(scenario: Scenario) -> None:
    assert differences(in_process.run(scenario), scenario.expected) == []


@each_scenario
@pytest.mark.asyncio(loop_scope="module")
async def test_a_control_plane_does_what_is_written_and_what_the_core_does(scenario: Scenario, desks: Desks) -> None:
    desk = await desks.of(scenario.catalog)
    seen = await desk.run(scenario)
    assert differences(seen, scenario.expected) == []
    assert seen == in_process.run(scenario)


def test_no_two_scenarios_have_one_name() -> None:
    counted = Counter((scenario.file, scenario.name) for scenario in ALL)
    assert [name for name, count in counted.items() if count > 1] == []
    assert len(ALL) >= 30
