"""What is counted is read back as it was counted, by Prometheus's own parser too."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from turnout_wire.failure import Failure
from turnout_wire.metrics import MOST_SERIES, SECONDS, TOKENS, PlainMetrics
from turnout_wire.prometheus import Exposition, Scrape
from turnout_wire.server import Principal

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def samples(metrics: PlainMetrics) -> Samples:
    """What a scraper takes, by name and labels."""
    text = Exposition(metrics).text().decode()
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(found: Samples, name: str, **labels: str) -> float:
    """One sample."""
    return found[name, frozenset(labels.items())]


def test_a_counter_has_a_name_of_prometheus_and_a_label_for_each_attribute() -> None:
    metrics = PlainMetrics()
    metrics.count("turnout.decisions", {"turnout.model": "small", "turnout.reason": "cheapest"})
    metrics.count("turnout.decisions", {"turnout.reason": "cheapest", "turnout.model": "small"}, 2)
    metrics.count("turnout.decisions", {"turnout.reason": "no_eligible_target"})
    metrics.count("turnout.cost", {}, 1_500, unit="nanousd")
    found = samples(metrics)
    assert value(found, "turnout_decisions_total", turnout_model="small", turnout_reason="cheapest") == 3
    assert value(found, "turnout_decisions_total", turnout_model="", turnout_reason="no_eligible_target") == 1
    assert value(found, "turnout_cost_nanousd_total") == 1_500


def test_a_histogram_has_cumulative_buckets_of_seconds() -> None:
    metrics = PlainMetrics()
    for seconds in (0.0005, 0.001, 0.3, 1_000.0):
        metrics.record("rpc.server.call.duration", seconds, {"rpc.method": "X"})
    found = samples(metrics)
    name = "rpc_server_call_duration_seconds"
    assert value(found, f"{name}_count", rpc_method="X") == 4
    assert value(found, f"{name}_sum", rpc_method="X") == pytest.approx(1_000.3015)
    assert value(found, f"{name}_bucket", rpc_method="X", le="0.001") == 2
    assert value(found, f"{name}_bucket", rpc_method="X", le="0.5") == 3
    assert value(found, f"{name}_bucket", rpc_method="X", le="300.0") == 3
    assert value(found, f"{name}_bucket", rpc_method="X", le="+Inf") == 4
    (seen,) = metrics.histograms["rpc.server.call.duration"].read().values()
    assert (seen.least, seen.greatest, len(seen.buckets)) == (0.0005, 1_000.0, len(SECONDS) + 1)


def test_tokens_have_buckets_of_their_own() -> None:
    metrics = PlainMetrics()
    metrics.record("gen_ai.client.token.usage", 300, {}, unit="{token}")
    assert value(samples(metrics), "gen_ai_client_token_usage_bucket", le="1024.0") == 1
    assert metrics.histograms["gen_ai.client.token.usage"].bounds == TOKENS


def test_a_gauge_is_read_when_it_is_asked_for() -> None:
    metrics, waiting = PlainMetrics(), [3]
    metrics.gauge("turnout.journal.waiting", lambda: [(waiting[0], {})])
    assert value(samples(metrics), "turnout_journal_waiting") == 3
    waiting[0] = 4
    assert value(samples(metrics), "turnout_journal_waiting") == 4


def test_what_is_no_plain_label_is_escaped() -> None:
    metrics = PlainMetrics()
    metrics.count("turnout.feedback", {"turnout.fresh": True, "x": 'a"b\\c\nd'})
    assert value(samples(metrics), "turnout_feedback_total", turnout_fresh="true", x='a"b\\c\nd') == 1


def test_series_that_never_end_are_counted_together() -> None:
    metrics = PlainMetrics()
    for number in range(MOST_SERIES + 50):
        metrics.count("turnout.odd", {"id": number})
        metrics.record("turnout.odd.duration", 1, {"id": number})
    metrics.count("turnout.odd", {"id": 0})
    counted, recorded = metrics.counters["turnout.odd"].read(), metrics.histograms["turnout.odd.duration"].read()
    assert len(counted) == len(recorded) == MOST_SERIES + 1
    assert counted[("otel.metric.overflow", True),] == recorded[("otel.metric.overflow", True),].count == 50
    assert counted[("id", 0),] == 2


def scrape(address: str, *, opened: bool = False) -> Scrape:
    known = Principal(name="any", tenant="any", roles=frozenset())
    return Scrape(PlainMetrics(), {"mine": known}.get, address=address, opened=opened)


@pytest.mark.parametrize(
    ("address", "opened", "authorization", "host"),
    [
        ("127.0.0.1:80", False, "", "127.0.0.1:80"),
        ("localhost:80", False, "", "localhost"),
        ("10.0.0.1:80", True, "", "anything"),
        ("10.0.0.1:80", False, "Bearer mine", "anything"),
        ("127.0.0.1:80", False, "bearer mine", "evil.example"),
    ],
)
def test_metrics_are_read_on_this_machine_where_they_are_open_and_with_a_token(
    address: str, opened: bool, authorization: str, host: str
) -> None:
    assert scrape(address, opened=opened)(authorization, host)


@pytest.mark.parametrize(
    ("address", "authorization", "host"),
    [
        ("10.0.0.1:80", "", "10.0.0.1:80"),
        ("10.0.0.1:80", "", "127.0.0.1"),
        ("127.0.0.1:80", "", "evil.example"),
        ("10.0.0.1:80", "Bearer other", "10.0.0.1:80"),
        ("10.0.0.1:80", "Basic mine", "10.0.0.1:80"),
    ],
)
def test_metrics_are_read_by_nobody_else(address: str, authorization: str, host: str) -> None:
    with pytest.raises(Failure, match="UNAUTHENTICATED"):
        scrape(address)(authorization, host)
