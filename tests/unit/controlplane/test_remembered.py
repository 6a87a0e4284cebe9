"""What is found out about content is kept for a while, and never where it would hold for something else."""

from collections.abc import Callable
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import pytest

from controlplane.catalog.canonical import digest
from controlplane.catalog.model import TaskType
from controlplane.classification.ladder import Ladder
from controlplane.classification.semantic_store import RouteFits
from controlplane.decision.index import index
from controlplane.policy.model import RouteSetName, RuleSet, RuleSetName
from controlplane.routing.commands import ExplainRoute, Reading, ReadRequest, Surroundings
from controlplane.routing.model import Ask, Known, Shown, Told
from controlplane.routing.remembered import SLOW_S, Readings, Remembered, RememberingEncoder
from controlplane.routing.worked_out import compiled
from controlplane.rpc.decision_codec import classification_message, put_classification
from controlplane.rpc.record_codec import recorded
from controlplane.snapshot.model import Snapshot
from tests.support.catalogs import NOW, catalog, policy, snapshot
from tests.support.routes import encoder, route, route_set
from turnout.audit.v1 import record_pb2
from turnout_features.model import Conversation, Features, Speaker, Utterance

RULES = RuleSet(name=RuleSetName("default"), digest=b"r" * 32, patterns=(), conditions=())
ROUTES = route_set()


def published(routes: Any = ROUTES, rules: RuleSet = RULES) -> Snapshot:
    """A snapshot whose policy compares requests with `routes`."""
    made = replace(
        catalog(policies=[policy(routes=RouteSetName("helpdesk"))]),
        rule_sets=MappingProxyType({rules.name: rules}),
        route_sets=MappingProxyType({routes.name: routes}),
    )
    return snapshot(made)


class Desk:
    """The reading of requests, with counts of how often a text was parsed."""

    def __init__(self, *, takes: float = 0.0) -> None:
        self.parsed = 0
        self.readings: Readings = Remembered(8)
        self.snapshot = published()
        self._now = 0.0
        self._takes = takes
        self._fits = RouteFits(encoder)
        self.around = Surroundings(
            snapshot=lambda: self.snapshot,
            index=index,
            patterns=compiled,
            classify=Ladder(),
            clock=lambda: NOW,
            draw=lambda: 0.5,
            new_id=lambda _: "d",
            issuer="turnout",
            routes=self._fits,
            encoder=encoder,
            readings=self.readings,
            seconds=lambda: self._now,
        )

    def read(self, text: str, *, on: Snapshot | None = None, told: bool = False, **more: Any) -> Reading:
        """What a request with this text is taken for."""
        return ReadRequest(self.around)(self.ask(text, **more), on or self.snapshot, told=told)

    def ask(self, text: str, **more: Any) -> Ask:
        """A request with this text."""
        return Ask(
            content=Shown(request_digest=text.encode(), read=self._parse(text)),
            tenant="a",
            presenter="p",
            **more,
        )

    def _parse(self, text: str) -> Callable[[], Conversation]:
        def parse() -> Conversation:
            self.parsed += 1
            self._now += self._takes
            return Conversation(utterances=(Utterance(speaker=Speaker.USER, text=text),))

        return parse


def test_the_same_content_is_read_once() -> None:
    desk = Desk()
    first, second = desk.read("Where is my invoice?"), desk.read("Where is my invoice?")
    assert desk.parsed == 1
    assert (first.request.classification, first.request.features) == (
        second.request.classification,
        second.request.features,
    )
    assert (desk.readings.hits, desk.readings.misses) == (1, 1)
    assert first.request.classification.route == "billing"


def test_another_content_is_read_by_itself() -> None:
    desk = Desk()
    assert desk.read("I forgot my password").request.classification.route == "login"
    assert desk.read("Where is my invoice?").request.classification.route == "billing"


def test_what_is_the_tenants_own_is_never_taken_from_another() -> None:
    desk = Desk()
    desk.read("Where is my invoice?")
    other = replace(desk.ask("Where is my invoice?"), tenant="b", presenter="q", policy="default")
    request = ReadRequest(desk.around)(other, desk.snapshot).request
    assert (request.tenant, request.key, request.policy) == ("b", "q", "default")


@pytest.mark.parametrize(
    "changed",
    [
        published(rules=replace(RULES, digest=b"s" * 32)),
        published(route_set(route("only", "Where is my invoice?"))),
    ],
)
def test_after_a_change_of_what_reads_it_content_is_read_again(changed: Snapshot) -> None:
    desk = Desk()
    desk.read("Where is my invoice?")
    desk.read("Where is my invoice?", on=changed)
    assert desk.parsed == 2


def test_with_another_hint_content_is_read_again() -> None:
    desk = Desk()
    desk.read("Where is my invoice?")
    assert (
        desk.read("Where is my invoice?", hint=Known(task_type=TaskType.CODE)).request.classification.task_type
        == "code"
    )


def test_features_of_a_client_are_not_kept_for_only_its_word_ties_them_to_the_digest() -> None:
    desk = Desk()
    desk.read("Where is my invoice?")
    lying = Told(features=Features(rule_set_digest=RULES.digest), request_digest=b"Where is my invoice?")
    told = ReadRequest(desk.around)(replace(desk.ask(""), content=lying), desk.snapshot)
    assert told.request.features == lying.features
    assert len(desk.readings) == 1


def test_who_wants_to_know_each_classifier_is_told_what_is_found_now() -> None:
    desk = Desk()
    desk.read("Where is my invoice?")
    rungs = desk.read("Where is my invoice?", told=True).request.classification.rungs
    assert [rung.classifier for rung in rungs][-1] == "semantic"
    assert rungs[-1].nearest is not None
    assert rungs[-1].silence == ""
    assert desk.parsed == 2


async def test_the_rung_tells_why_it_names_no_route() -> None:
    rungs = Desk().read("Write a poem about autumn", told=True).request.classification.rungs
    assert rungs[-1].silence.startswith("none is near enough")
    plan, _ = await ExplainRoute(Desk().around)(Desk().ask("  "))
    assert plan.classification.rungs[-1].silence == "the text has no words"


def test_what_took_long_is_not_kept() -> None:
    desk = Desk(takes=SLOW_S * 2)
    desk.read("Where is my invoice?")
    desk.read("Where is my invoice?")
    assert desk.parsed == 2


def test_a_cache_is_bounded_and_forgets_what_was_not_looked_up_for_longest() -> None:
    cache: Remembered[str, int] = Remembered(2)
    cache.keep("a", 1)
    cache.keep("b", 2)
    assert cache.find("a") == 1
    cache.keep("c", 3)
    assert (len(cache), cache.find("b"), cache.find("a"), cache.find("c")) == (2, None, 1, 3)


def test_the_vector_of_a_text_is_made_once_and_the_text_is_not_kept() -> None:
    vectors: Remembered[bytes, bytes] = Remembered(4)
    remembering = RememberingEncoder(encoder(), vectors)
    assert remembering("secret words \ud800") == remembering("secret words \ud800") == encoder()("secret words \ud800")
    assert (vectors.hits, vectors.misses, remembering.name) == (1, 1, encoder().name)
    assert "secret" not in repr(vars(vectors))


def test_the_record_has_the_route_as_it_was_found() -> None:
    taken = Desk().read("Where is my invoice?").request.classification
    asked = record_pb2.Asked()
    put_classification(asked.classification, taken)
    assert asked.classification.route == "billing"
    again = recorded(asked, record_pb2.Basis(), tenant="a", key="p").request.classification
    assert (again.nearest, again.route) == (taken.nearest, "billing")
    assert not classification_message(replace(taken, nearest=None)).HasField("nearest")


def test_route_sets_that_differ_have_other_digests() -> None:
    assert digest(ROUTES) != digest(route_set(route("only", "Where is my invoice?")))
