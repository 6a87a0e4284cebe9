"""A vector is made of a text where anybody looks at it, and nowhere else."""

from dataclasses import replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import pytest

from controlplane.classification.ladder import Ladder
from controlplane.decision.index import index
from controlplane.learning.training.own import nothing_learned
from controlplane.policy.model import ClassifierKind, FurtherClassifier, RouteSet, RouteSetName, RuleSet, RuleSetName
from controlplane.routing.commands import ReadRequest, Surroundings
from controlplane.routing.model import Ask, Shown
from controlplane.routing.remembered import Remembered
from controlplane.snapshot.model import Catalog
from tests.support.catalogs import catalog, policy, snapshot
from turnout_features.model import Conversation, Embedding, Speaker, Utterance

RULES = RuleSet(name=RuleSetName("default"), digest=b"r" * 32, patterns=(), conditions=())
ROUTES = RouteSet(name=RouteSetName("desk"), digest=b"o" * 32, routes=())
HELLO = Conversation(utterances=(Utterance(speaker=Speaker.USER, text="Hello"),))
ALONE = (ClassifierKind.RULES,)


class NoPatterns:
    """Matches nothing."""

    digest = RULES.digest

    def match(self, text: str) -> tuple[str, ...]:  # noqa: ARG002 - see Patterns
        return ()


class OneVector:
    """Gives every text the same vector."""

    name = "one"

    def __call__(self, text: str, /) -> bytes:
        """See Encode."""
        del text
        return b"\1\2"


def known(**policy_fields: Any) -> Catalog:
    return replace(
        catalog(policies=[policy(**policy_fields)]),
        rule_sets=MappingProxyType({RULES.name: RULES}),
        route_sets=MappingProxyType({ROUTES.name: ROUTES}),
    )


def reader() -> ReadRequest:
    return ReadRequest(
        Surroundings(
            snapshot=snapshot,
            index=index,
            patterns=lambda _: NoPatterns(),
            classify=Ladder(),
            clock=lambda: datetime(2026, 11, 21, tzinfo=UTC),
            draw=lambda: 0.5,
            new_id=str,
            issuer="turnout",
            encoder=OneVector,
            readings=Remembered(4),
        )
    )


def embedding(read: ReadRequest, of: Catalog) -> Embedding | None:
    content = Shown(request_digest=b"d" * 32, read=lambda: HELLO)
    return read(Ask(content=content, tenant="acme", presenter="app"), snapshot(of)).request.features.embedding


def test_the_rules_alone_need_no_vector() -> None:
    assert embedding(reader(), known(classifiers=ALONE)) is None


@pytest.mark.parametrize(
    "of",
    [
        pytest.param(known(), id="the learned classifier"),
        pytest.param(known(classifiers=ALONE, further=(FurtherClassifier(name="acme"),)), id="a package"),
        pytest.param(known(classifiers=ALONE, routes=ROUTES.name), id="semantic routes"),
        pytest.param(replace(known(classifiers=ALONE), learned=nothing_learned("1")), id="a quality model"),
    ],
)
def test_whatever_else_looks_at_a_request_gets_its_vector(of: Catalog) -> None:
    assert embedding(reader(), of) is not None


def test_what_was_remembered_without_a_vector_is_read_again_when_one_is_looked_at() -> None:
    read, alone = reader(), known(classifiers=ALONE)
    assert embedding(read, alone) is None
    assert embedding(read, replace(alone, learned=nothing_learned("1"))) is not None
    assert embedding(read, alone) is None
