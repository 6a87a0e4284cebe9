"""Semantic routes of a help desk, and the encoder that they are worked out with."""

from collections.abc import Mapping, Sequence
from functools import cache

from controlplane.catalog.canonical import digest
from controlplane.policy.model import Route, RouteName, RouteSet, RouteSetName
from turnout_embedding import Encoder, load
from turnout_features.model import Embedding

HELPDESK: Mapping[str, Sequence[str]] = {
    "billing": (
        "Where is my invoice?",
        "I was charged twice this month",
        "Why is my bill higher than last month?",
        "Please send me a copy of the receipt",
        "Change the credit card that you charge",
        "What does this fee on my bill mean?",
    ),
    "delivery": (
        "Where is my parcel?",
        "When will my order arrive?",
        "The package was delivered to the wrong address",
        "My order has not arrived yet",
        "Can I change the delivery date?",
        "Track the shipment of my order",
    ),
    "login": (
        "I forgot my password",
        "I cannot log in to my account",
        "How do I reset my password?",
        "My account is locked",
        "The code for signing in does not come",
        "Change the email address that I log in with",
    ),
}


@cache
def encoder() -> Encoder:
    """The packaged encoder, loaded once."""
    return load()


def embedded(text: str) -> Embedding:
    """The vector of a text."""
    return Embedding(encoder=encoder().name, values=encoder()(text))


def route(name: str, *examples: str, against: Sequence[str] = (), threshold: float | None = None) -> Route:
    """A route with these examples."""
    return Route(name=RouteName(name), examples=tuple(examples), counter_examples=tuple(against), threshold=threshold)


def route_set(*routes: Route, name: str = "helpdesk") -> RouteSet:
    """These routes as a set, those of HELPDESK if there are none."""
    made = routes or tuple(route(one, *examples) for one, examples in HELPDESK.items())
    known = RouteSet(name=RouteSetName(name), digest=b"", routes=made)
    return RouteSet(name=known.name, digest=digest(known), routes=made)
