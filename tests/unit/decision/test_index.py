"""What is worked out before any request arrives."""

from dataclasses import replace

import pytest

from controlplane.decision.engine import decide
from controlplane.decision.index import index
from controlplane.policy.model import Access
from controlplane.snapshot.model import HealthState
from tests.support.catalogs import NOW, catalog, policy, snapshot
from tests.support.decisions import asked, decided, health


def test_an_index_serves_every_decision_on_its_snapshot() -> None:
    reading = snapshot()
    assert decide(asked(), reading, now=NOW, draw=0.5, indexed=index(reading)) == decided()


def test_what_is_disabled_serves_no_request_that_asks_for_nothing_special() -> None:
    """Such requests are not held against each rule: what no request may use was left out before."""
    placed = [replace(each, disabled=each.model == "gpt-4o-mini") for each in catalog().deployments]
    assert decided(asked("chat", "moderate"), catalog(deployments=placed)).targets[0].model == "claude-3-5-haiku"


def test_an_index_of_another_catalog_or_another_health_is_refused() -> None:
    reading = snapshot()
    others = [snapshot(catalog()), replace(reading, live=health({"openai/gpt-4o": HealthState.OPEN}))]
    for other in others:
        with pytest.raises(ValueError, match="another snapshot"):
            decide(asked(), reading, now=NOW, draw=0.5, indexed=index(other))


def test_a_change_of_health_keeps_what_is_known_of_the_catalog() -> None:
    first = snapshot()
    before = index(first)
    sick = replace(first, live=health({"openai/gpt-4o-mini": HealthState.MISCONFIGURED}))
    after = index(sick, before)
    assert after.catalog is before.catalog
    assert index(first, before) is before
    assert decide(asked(), sick, now=NOW, draw=0.5, indexed=after) == decided(live=sick.live)
    assert decide(asked(), sick, now=NOW, draw=0.5, indexed=after).targets[0].model == "claude-3-5-haiku"


def test_a_change_of_the_catalog_is_worked_out_anew() -> None:
    first = snapshot()
    denied = catalog(policies=[policy(access=Access(deny_models=frozenset({"gpt-4o-mini"})))])
    changed = replace(first, catalog=denied)
    after = index(changed, index(first))
    assert decide(asked(), changed, now=NOW, draw=0.5, indexed=after) == decided(of=denied)
