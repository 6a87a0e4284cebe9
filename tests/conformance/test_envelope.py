"""The permit answers every vector of conformance/envelope as it must, and does not without the step that is meant."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from dataplane.permit import steps
from dataplane.permit.context import Context
from dataplane.permit.refusal import RefusalReason
from dataplane.permit.replay import ReplayGuard
from tests.conformance.vectors import context, load, names, outcomes, reader
from tools import envelope_vectors
from tools.envelope_cases import STRANGER, cases
from turnout_wire import batch, strict
from turnout_wire.failure import CODES


def test_the_vectors_are_current() -> None:
    assert envelope_vectors.differences() == [], "run `python -m tools.envelope_vectors`"


def test_the_vectors_are_the_same_each_time() -> None:
    assert envelope_vectors.rendered() == envelope_vectors.rendered()


@pytest.mark.parametrize("name", names())
def test_a_vector_gets_the_outcome_that_is_right(name: str) -> None:
    vector = load(name)
    assert outcomes(vector, context(vector)) == vector.expected


def test_every_reason_has_a_vector() -> None:
    expected = {reason for name in names() for reason in load(name).expected}
    assert expected == {"PERMITTED", *RefusalReason}


def test_every_reason_is_public() -> None:
    assert set(RefusalReason) <= set(CODES)


def test_no_two_cases_share_a_name() -> None:
    listed = [case.name for case in cases()]
    assert sorted(listed) == names()


Spoil = Callable[[pytest.MonkeyPatch, Context], Context]


def without(step: str, found: Any = None) -> Spoil:
    """Leave out one step of the permit: it finds nothing."""

    def spoil(monkeypatch: pytest.MonkeyPatch, context: Context) -> Context:
        assert callable(getattr(steps, step))
        monkeypatch.setattr(steps, step, lambda *_: found)
        return context

    return spoil


def credulous(_: pytest.MonkeyPatch, context: Context) -> Context:
    """Take every signature."""
    return replace(context, verifier=lambda *_: True)


def pathless(monkeypatch: pytest.MonkeyPatch, context: Context) -> Context:
    """Take every path, and every signature over where it leads."""
    monkeypatch.setattr(batch, "root_of_path", lambda leaf, *_: leaf)
    return credulous(monkeypatch, context)


def trusting(monkeypatch: pytest.MonkeyPatch, context: Context) -> Context:
    """Know every key that there is."""
    key = next(iter(load("good").keys.values()))
    monkeypatch.setattr(steps, "known_key", lambda *_: replace(key, public_key=STRANGER.public_key))
    return context


def lax(monkeypatch: pytest.MonkeyPatch, context: Context) -> Context:
    """Parse whatever the parser takes."""
    monkeypatch.setattr(strict, "check", lambda *_: None)
    return context


def lawless(monkeypatch: pytest.MonkeyPatch, context: Context) -> Context:
    """Hold no decision to the rules of decision.proto."""
    monkeypatch.setattr(reader(), "_validator", RulesOff())
    return context


class RulesOff:
    """Finds no violation."""

    def collect_violations(self, *_: Any, **__: Any) -> list[Any]:
        """None at all."""
        return []


def forgetful(monkeypatch: pytest.MonkeyPatch, context: Context) -> Context:
    """Count no runs."""
    monkeypatch.setattr(ReplayGuard, "admit", lambda *_: None)
    return context


def roomy(_: pytest.MonkeyPatch, context: Context) -> Context:
    """Remember without bound."""
    return replace(context, guard=ReplayGuard(capacity=10**9))


CONTROLS = [
    ("two-signatures", without("envelope_rules")),
    ("oversized", without("envelope_rules")),
    ("wrong-payload-type", without("payload_type")),
    ("unknown-key", trusting),
    ("revoked-key", without("key_in_force")),
    ("prepared-key", without("key_in_force")),
    ("outlived-key", without("key_in_force")),
    ("flipped-bit-in-signature", without("signature")),
    ("swapped-payload-type", credulous),
    ("other-known-key", credulous),
    ("malleated-signature", credulous),
    ("batch-of-one", without("misshapen", "")),
    ("batch-too-large", without("misshapen", "")),
    ("batch-wrong-index", credulous),
    ("batch-wrong-size", credulous),
    ("batch-wrong-sibling", credulous),
    ("batch-other-key", credulous),
    ("batch-other-payload", credulous),
    ("batch-swapped-tags", credulous),
    ("batch-truncated-path", pathless),
    ("batch-path-too-long", pathless),
    ("issuer-mismatch", without("issuer")),
    ("issued-before-key", without("issuer")),
    ("non-minimal-varint", lax),
    ("non-minimal-tag", lax),
    ("non-minimal-length", lax),
    ("non-minimal-unknown-field", lax),
    ("duplicate-submessage", lax),
    ("wrong-wire-type", lax),
    ("number-too-large", lax),
    ("group", lax),
    ("no-target", lawless),
    ("unknown-required-feature", without("features")),
    ("wrong-audience", without("audience")),
    ("lifetime-too-long", without("life")),
    ("expired", without("time_window")),
    ("from-the-future", without("time_window")),
    ("wrong-tenant", without("tenant")),
    ("wrong-presenter", without("presenter")),
    ("other-body", without("digest")),
    ("other-content-type", without("digest")),
    ("shifted-boundary", without("digest")),
    ("replayed", forgetful),
    ("two-runs", forgetful),
    ("replay-guard-full", roomy),
]


@pytest.mark.parametrize(("name", "spoil"), CONTROLS, ids=[name for name, _ in CONTROLS])
def test_a_refusal_needs_its_step(name: str, spoil: Spoil, monkeypatch: pytest.MonkeyPatch) -> None:
    vector = load(name)
    refused = next(number for number, expected in enumerate(vector.expected) if expected != "PERMITTED")
    assert outcomes(vector, spoil(monkeypatch, context(vector)))[refused] == "PERMITTED"
