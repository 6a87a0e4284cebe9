"""Figures over the wire, on every kind of store: from entries of the log to what the command shows."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio

from controlplane.access.model import Role
from controlplane.insight.facts import Fact, Place
from controlplane.insight.keeping import Keeping
from controlplane.insight.projector import Progress, progress_of
from controlplane.insight.report import Reports
from controlplane.insight.rollups import Rollups
from controlplane.insight.segments import Segments
from controlplane.rpc.access import ACCESS
from controlplane.rpc.insights import InsightServicer
from controlplane.store.protocols import Store
from tests.support.drift_service import drifts_of, pinning
from tests.support.insight import CHEAP, DEAR, MINUTE, NOON, Log, decision, failed_run, feedback, refusal, run
from turnout.insight.v1 import insight_pb2
from turnout_cli.report_page import page
from turnout_wire.control_line import ControlLine
from turnout_wire.failure import Failure
from turnout_wire.hosting import Host
from turnout_wire.insights import Insights
from turnout_wire.layers import Access, Deadlines, Errors, RequestIds, Validation
from turnout_wire.server import Principal, Service

START = datetime.fromtimestamp(NOON / 1e6, UTC)
OTHERS = Place(tenant="globex", workload="billing", owner="team-b", task_type="code", complexity="expert")
FACTS: list[Fact] = [
    decision(0), run(0), feedback(0, 1, quality_ppm=800_000, label="accepted"),
    decision(1, NOON + MINUTE), failed_run(1), run(1, "again", cost_nanousd=30_000_000, answered_by=DEAR),
    decision(2, NOON + 30 * MINUTE, route=DEAR, place=OTHERS, baseline=None), run(2, answered_by=DEAR),
    decision(3, NOON + 31 * MINUTE, low_confidence=True),
    refusal(NOON + 32 * MINUTE),
]  # fmt: skip
LOG = Log(FACTS)


class Served:
    """A service of figures over a store, its clock an hour after the first decision."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.address = ""

    async def start(self) -> Host:
        """Fold everything and serve."""
        projector = LOG.projector(self.store.database, batch=3)
        while await projector.step():
            pass
        rollups, reports = Rollups(self.store.database), Reports(self.store.database)

        async def progress() -> tuple[Progress, Mapping[str, int]]:
            return await progress_of(rollups, await LOG.size() + 2)

        references = pinning(self.store.database, lambda: START)
        servicer = InsightServicer(
            reports.report,
            Segments(reports),
            drifts_of(self.store.database),
            references,
            progress=progress,
            clock=lambda: START + timedelta(hours=1),
        )
        descriptor = insight_pb2.DESCRIPTOR.services_by_name["InsightService"]
        access = Access(ACCESS, principal)
        layers = (RequestIds(), Errors(), Deadlines(lambda method: ACCESS[method.name].deadline), access, Validation())
        host = Host([Service(descriptor=descriptor, servicer=servicer)], layers, max_concurrent=10)
        self.address = f"127.0.0.1:{await host.start('127.0.0.1:0')}"
        return host

    @asynccontextmanager
    async def insights(self, tenant: str = "operator") -> AsyncIterator[Insights]:
        """As the operator, or as a caller of a tenant."""
        async with ControlLine(self.address, tenant) as line:
            yield Insights(line)


def principal(token: str) -> Principal:
    """`operator`, or a caller of the tenant that the token names."""
    roles = frozenset({Role.OPERATOR if token == "operator" else Role.CALLER})
    return Principal(name=token, tenant=token, roles=roles)


@pytest_asyncio.fixture
async def served(store: Store) -> AsyncIterator[Served]:
    """A running service."""
    made = Served(store)
    host = await made.start()
    yield made
    await host.stop(0)


HOUR: dict[str, Any] = {"since": START, "until": START + timedelta(hours=1)}


async def test_totals_tell_what_came_of_all_requests(served: Served) -> None:
    async with served.insights() as insights:
        totals = (await insights.report(**HOUR))["totals"]
    assert (totals["requests"], totals["decided"], totals["executed"], totals["successful"]) == (5, 4, 3, 3)
    assert totals["refusals"] == {"BUDGET_EXHAUSTED": 1}
    assert totals["errors"] == {"TARGETS_EXHAUSTED": 1}
    assert totals["labels"] == {"accepted": 1}
    assert totals["success_rate"] == 1.0
    assert abs(totals["fallback_rate"] - 1 / 3) < 1e-9
    assert totals["low_confidence_rate"] == 0.25
    assert totals["cost_nanousd"] == 50_000_000
    assert totals["cost_per_successful_nanousd"] == 16_666_667
    # 1,000 tokens in and 100 out at the baseline's price, for the two decisions that have one.
    assert totals["baseline_cost_nanousd"] == 2 * 2_800_000
    assert totals["savings_nanousd"] == 2 * 2_800_000 - 40_000_000
    assert (totals["latency"]["count"], totals["latency"]["p50"]) == (3, 0.8)
    assert (totals["quality"]["count"], totals["quality"]["mean"]) == (1, 0.8)
    assert totals["quality"]["low"] < 0.8 < totals["quality"]["high"]


async def test_rows_are_for_every_combination_in_order_of_time_then_requests(served: Served) -> None:
    async with served.insights() as insights:
        found = await insights.report(**HOUR, group_by=("time", "model"), bucket=timedelta(hours=1))
    rows = [(row["group"]["begins"], row["group"]["model"], row["figures"]["requests"]) for row in found["rows"]]
    assert rows == [(START, "large", 2), (START, "small", 2), (START, "", 1)]
    assert sum(row["figures"]["route_share"] for row in found["rows"]) == 1.0
    assert found["rows"][0]["group"]["workload"] is None


async def test_every_dimension_can_be_grouped_by_and_filtered(served: Served) -> None:
    async with served.insights() as insights:
        for name in (
            "workload",
            "owner",
            "feature",
            "model",
            "deployment",
            "task_type",
            "complexity",
            "tenant",
            "time",
        ):
            rows = (await insights.report(**HOUR, group_by=(name,)))["rows"]
            assert sum(row["figures"]["requests"] for row in rows) == 5, name
        found = await insights.report(**HOUR, filters={"workloads": ["billing"], "models": ["large"]})
        assert found["totals"]["decided"] == 1
        assert (await insights.report(**HOUR, filters={"owners": ["nobody"]}))["totals"]["decided"] == 0


async def test_a_caller_sees_its_own_tenant_and_no_other(served: Served) -> None:
    async with served.insights("globex") as insights:
        found = await insights.report(**HOUR, group_by=("tenant",))
        asked = await insights.report(**HOUR, filters={"tenants": ["acme", "globex"]})
        others = await insights.report(**HOUR, group_by=("tenant",), filters={"tenants": ["acme"]})
        segments = (await insights.segments())["segments"]
    assert [row["group"]["tenant"] for row in found["rows"]] == ["globex"]
    assert found["totals"]["decided"] == asked["totals"]["decided"] == 1
    assert (others["rows"], others["totals"]["requests"]) == ([], 0)
    assert [each["workload"] for each in segments] == ["billing"]


async def test_segments_tell_how_each_model_does_at_each_kind_of_work(served: Served) -> None:
    async with served.insights() as insights:
        found = await insights.segments()
    assert found["half_life"] == 7 * 86_400
    first = next(each for each in found["segments"] if each["model"] == CHEAP.model)
    assert (first["workload"], first["task_type"], first["complexity"]) == ("support", "qa", "simple")
    assert 1.9 < first["decided"] <= 2.0
    assert first["quality"]["low"] < 0.8 < first["quality"]["high"]
    assert first["success"]["mean"] == 1.0


async def test_pages_follow_each_other_and_a_strange_token_is_refused(served: Served) -> None:
    async with served.insights() as insights:
        found = await insights.report(**HOUR, group_by=("model", "tenant"), limit=2)
        assert (len(found["rows"]), found["row_count"]) == (2, 5)
        assert found["next_page_token"]
    request = insight_pb2.GetReportRequest(page_token="bm9uZQ==")
    async with served.insights() as insights:
        with pytest.raises(Failure) as refused:
            await insights._call("GetReport", request, insight_pb2.GetReportResponse)
    assert refused.value.reason == "PAGE_TOKEN_INVALID"


async def test_the_answer_tells_how_far_it_follows_the_log(served: Served) -> None:
    async with served.insights() as insights:
        progress = (await insights.report(**HOUR))["progress"]
    assert (progress["folded"], progress["behind"]) == (len(FACTS), 2)


async def test_figures_are_the_same_after_they_were_made_coarser(served: Served) -> None:
    store = served.store
    span: dict[str, Any] = {"since": START - timedelta(hours=12), "until": START + timedelta(hours=12)}
    async with served.insights() as insights:
        before = await insights.report(**span, group_by=("model",))
        keeping = Keeping(store.database, store.entries.erase, clock=lambda: START + timedelta(days=3))
        await keeping.round()
        after = await insights.report(**span, group_by=("model",))
        daily = await insights.report(**span, group_by=("model",), bucket=timedelta(days=1))
        assert [row["begins"] for row in await _widths(store)] == [3600, 86400]
    assert after["rows"] == before["rows"] == daily["rows"]
    assert after["totals"] == before["totals"] == daily["totals"]


async def _widths(store: Store) -> list[dict[str, object]]:
    rows = await store.database.fetch("SELECT DISTINCT width FROM rollup ORDER BY width")
    return [{"begins": row[0]} for row in rows]


async def test_everything_is_dropped_in_its_time_on_every_store(served: Served) -> None:
    store = served.store
    dropped = await Keeping(store.database, store.entries.erase, clock=lambda: START + timedelta(days=500)).round()
    assert (dropped["decisions"], dropped["rollups"]) == (4, 5)
    async with served.insights() as insights:
        assert (await insights.report(**HOUR))["progress"]["dropped"]["decisions"] == 4


async def test_the_page_needs_nothing_else_and_shows_every_plot(served: Served) -> None:
    async with served.insights() as insights:
        text = await page(insights, START, START + timedelta(hours=1), {})
    assert text.count("<svg") == 7
    assert "<script" not in text
    assert "http" not in text
    assert "prefers-color-scheme: dark" in text
