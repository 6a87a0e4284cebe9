"""No collector, or one that goes away: requests do not notice."""

from collections.abc import Sequence
from pathlib import Path

from tests.support.collector import watching
from tests.support.stacks import Site, entry, site

EXPORTERS = ("opentelemetry.sdk", "opentelemetry.exporter")


async def answered(running: Site, times: int = 2) -> None:
    """So many requests succeed."""
    async with running.client() as client:
        for _ in range(times):
            assert (await client.chat("Is the sky blue?")).text


def imported(log: Path) -> list[str]:
    """The modules that a process said it imports."""
    lines = [line for line in log.read_text(encoding="utf-8").splitlines() if line.startswith("import time:")]
    return [line.rpartition("|")[2].strip() for line in lines]


def unasked(log: Path) -> Sequence[str]:
    """Lines of a log that are neither the product's own nor about imports."""
    lines = [line for line in log.read_text(encoding="utf-8").splitlines() if not line.startswith("import time:")]
    own = ("controlplane", "dataplane", "turnout_")
    return [line for line in lines if not str((entry(line) or {}).get("logger", "")).startswith(own)]


async def test_without_a_collector_nothing_is_exported_and_nothing_is_said_about_it(tmp_path: Path) -> None:
    async with site(tmp_path, workers=1, variables={"PYTHONPROFILEIMPORTTIME": "1"}) as running:
        await answered(running)
    for name in ("control-plane", "worker-1"):
        log = running.log(name)
        assert "turnout_wire.telemetry" in imported(log)
        assert not [module for module in imported(log) if module.startswith(EXPORTERS)]
        assert not unasked(log)


async def test_a_collector_that_goes_away_disturbs_neither_requests_nor_the_end(tmp_path: Path) -> None:
    async with watching() as watch:
        variables = {**watch.variables, "PYTHONPROFILEIMPORTTIME": "1"}
        async with site(tmp_path, workers=1, variables=variables) as running:
            await answered(running)
            await watch.collector.received(lambda spans: {"turnout-worker"} <= {span.service for span in spans})
            await watch.collector.stop()
            await answered(running)
            codes = [await process.stop() for process in reversed(running.processes.running)]
    assert codes == [0, 0, 0]
    for name in ("control-plane", "worker-1"):
        assert [module for module in imported(running.log(name)) if module.startswith(EXPORTERS)]
