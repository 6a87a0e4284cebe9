"""Several deployments of one model: who of them takes what."""

from collections import Counter
from datetime import timedelta
from types import MappingProxyType

import pytest

from controlplane.audit.model import Kind
from controlplane.catalog.model import DeploymentName
from controlplane.decision.draws import PROBE_SHARE
from controlplane.outcome.commands import timings
from controlplane.outcome.live import LiveView
from controlplane.outcome.model import AttemptFacts, ReceiptFacts
from controlplane.policy.model import Balancing
from controlplane.snapshot.model import Catalog, Headroom, Live, Peak, Room
from tests.support.books import entry
from tests.support.catalogs import NOW, catalog, deployment, model, policy
from tests.support.decisions import asked, deployments, explained, over_grid, with_headroom

A, B, C = (DeploymentName(name) for name in "abc")


def attempted(name: DeploymentName, *, duration: float, first_token: float, output_tokens: int = 20) -> ReceiptFacts:
    """A receipt of one call that went well."""
    attempt = AttemptFacts(
        deployment=name,
        model="gpt-4o",
        succeeded=True,
        outcome="succeeded",
        duration=timedelta(seconds=duration),
        time_to_first_token=timedelta(seconds=first_token),
        input_tokens=10,
        output_tokens=output_tokens,
        cost_nanousd=5,
    )
    return ReceiptFacts(
        receipt_id="r",
        decision_id="d",
        worker="w",
        result="succeeded",
        attempts=(attempt,),
        cost_nanousd=5,
        decided=None,
        entry=entry(Kind.RECEIPT, "r", NOW),
        decision=entry(Kind.DECISION, "d", NOW),
    )


def places(balancing: Balancing, **weights: int) -> Catalog:
    """One model at several places with these weights."""
    of = model()
    known = [deployment(of, name=name, weight=weight) for name, weight in weights.items()]
    return catalog(models=[of], deployments=known, policies=[policy(balancing=balancing)])


def firsts(of: Catalog, live: Live | None = None) -> Counter[str]:
    """How often each is first over a thousand draws; each must be as often first as its propensity says."""
    found = over_grid(asked(), of, live)
    told = {str(decision.targets[0].deployment): decision.propensity for decision in found}
    counted = Counter(str(decision.targets[0].deployment) for decision in found)
    assert {name: pytest.approx(count / 1_000, abs=0.002) for name, count in counted.items()} == told
    return counted


def peaks(**seconds: float) -> Live:
    """Times to the first token that were just measured."""
    found = {
        DeploymentName(name): Peak(time_to_first_token=timedelta(seconds=taking), at=NOW)
        for name, taking in seconds.items()
    }
    return Live(revision=1, peaks=MappingProxyType(found))


def busy(**calls: int) -> Live:
    """Calls in flight."""
    return Live(revision=1, in_flight=MappingProxyType({DeploymentName(name): count for name, count in calls.items()}))


def test_weights_share_the_traffic_unless_the_policy_says_another_way() -> None:
    assert policy().balancing is Balancing.WEIGHTED
    assert firsts(places(Balancing.WEIGHTED, a=3, b=1)) == {"a": 750, "b": 250}


def test_the_soonest_first_token_takes_all_but_the_few_that_measure_the_others() -> None:
    counted = firsts(places(Balancing.LEAST_LATENCY, a=1, b=1), peaks(a=0.9, b=0.2))
    assert counted == {"b": round(1_000 * (1 - PROBE_SHARE / 2)), "a": round(1_000 * PROBE_SHARE / 2)}


def test_a_place_without_weight_takes_nothing_however_quick_it_is() -> None:
    assert firsts(places(Balancing.LEAST_LATENCY, a=1, b=0), peaks(a=0.9, b=0.1)) == {"a": 1_000}


def test_the_time_to_the_first_token_is_not_divided_by_the_number_of_tokens_so_that_fastest_is_not_the_slowest() -> (
    None
):
    """`slow` begins after 2 s and writes 4,000 tokens; `quick` after 0.2 s and writes 10. By token `slow` would be 40 times quicker."""
    view = LiveView()
    for name, first, tokens in ((A, 2.0, 4_000), (B, 0.2, 10)):
        receipt = attempted(name, duration=first + 1, first_token=first, output_tokens=tokens)
        view.observe(timings(receipt), NOW)
    live = view.merged(lambda _: True, NOW)
    assert 2.0 / 4_000 < 0.2 / 10
    known = places(Balancing.LEAST_LATENCY, a=1, b=1)
    assert firsts(known, live).most_common(1)[0][0] == "b"


def test_a_peak_counts_at_once_and_is_forgotten_bit_by_bit() -> None:
    view, known = LiveView(), places(Balancing.LEAST_LATENCY, a=1, b=1)

    def quickest(after: float) -> str:
        live = view.merged(lambda _: True, NOW)
        moment = NOW + timedelta(seconds=after)
        return deployments(explained(asked(), known, live, now=moment))[0]

    for name, first in ((A, 0.2), (B, 0.3)):
        view.observe(timings(attempted(name, duration=1.0, first_token=first)), NOW)
    assert quickest(0) == "a"
    view.observe(timings(attempted(A, duration=9.0, first_token=8.0)), NOW)
    assert quickest(0) == "b"
    assert quickest(5) == "b"
    assert quickest(600) == "a"


def test_the_less_busy_takes_more() -> None:
    assert firsts(places(Balancing.LEAST_BUSY, a=1, b=1), busy(a=9)) == {"a": 91, "b": 909}
    assert firsts(places(Balancing.LEAST_BUSY, a=3, b=1), busy(a=2)) == {"a": 500, "b": 500}
    assert firsts(places(Balancing.LEAST_BUSY, a=1, b=1)) == {"a": 500, "b": 500}


def room(left: int, limit: int = 100) -> Headroom:
    """Requests that are left for another minute."""
    return Headroom(as_of=NOW, requests=Room(limit=limit, remaining=left, reset_at=NOW + timedelta(minutes=1)))


def test_more_headroom_takes_more() -> None:
    known = places(Balancing.HEADROOM, a=1, b=1)
    assert firsts(known, with_headroom({"a": room(90), "b": room(30)})) == {"a": 750, "b": 250}
    assert firsts(known, with_headroom({"a": room(50)})) == {"a": 333, "b": 667}


def test_a_limit_that_begins_anew_leaves_everything() -> None:
    over = Headroom(as_of=NOW - timedelta(minutes=2), requests=Room(limit=100, remaining=0))
    assert firsts(places(Balancing.HEADROOM, a=1, b=1), with_headroom({"a": over})) == {"a": 500, "b": 500}


def test_fallbacks_are_shared_in_the_same_way() -> None:
    of = model()
    known = catalog(
        models=[of],
        deployments=[deployment(of, name=name) for name in ("a", "b", "c")],
        policies=[policy(balancing=Balancing.LEAST_LATENCY)],
    )
    decision = explained(asked(), known, peaks(a=0.5, b=0.2, c=0.9), draw=0.1)
    assert deployments(decision) == ["b", "a", "c"]
