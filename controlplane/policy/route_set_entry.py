"""Sets of semantic routes as entries of a document."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from controlplane.catalog.canonical import digest
from controlplane.catalog.document.node import At
from controlplane.catalog.document.problem import Problem, ProblemKind, Refused
from controlplane.catalog.document.read import Field, each, optional, record, required
from controlplane.catalog.document.scalar import number, text
from controlplane.policy.entry import route_set_name
from controlplane.policy.model import Route, RouteName, RouteSet, RouteSetName
from controlplane.policy.strategy_entry import MAX_ROUTES, route_name

MAX_EXAMPLE = 1_000
"""Characters of an example: one says one thing."""
MAX_EXAMPLES = 1_000
"""Examples of one route, and as many counter-examples."""
MAX_TOGETHER = 10_000
"""Examples and counter-examples of a set."""


def _example(at: At) -> str:
    written = text(at).strip()
    if len(written) > MAX_EXAMPLE:
        reason = f"the example has {len(written)} characters"
        raise at.refuse(ProblemKind.TOO_LONG, reason, f"keep it to {MAX_EXAMPLE}: one example says one thing")
    return written


_examples = each(_example, limit=MAX_EXAMPLES)

ROUTE_FIELDS: Mapping[str, Field] = {
    "name": required(route_name),
    "examples": required(_examples),
    "counter_examples": optional(_examples),
    "threshold": optional(number(-1.0, 1.0)),
}


def _route(at: At) -> Route:
    fields = record(at, ROUTE_FIELDS, noun="route")
    if not fields["examples"]:
        way_out = "give it some, five or more in the words of callers"
        raise at.down("examples").refuse(ProblemKind.NO_EFFECT, "a route without examples matches nothing", way_out)
    return Route(
        name=RouteName(fields["name"]),
        examples=fields["examples"],
        counter_examples=fields.get("counter_examples", ()),
        threshold=fields.get("threshold"),
    )


ROUTE_SET_FIELDS: Mapping[str, Field] = {
    "name": required(route_set_name),
    "routes": required(each(_route, limit=MAX_ROUTES)),
}


def read_route_set(at: At) -> RouteSet:
    """The route set at `at`, with its digest. Raises Refused."""
    fields = record(at, ROUTE_SET_FIELDS, noun="route set")
    routes = RouteSet(name=RouteSetName(fields["name"]), digest=b"", routes=fields["routes"])
    if not routes.routes:
        raise at.down("routes").refuse(ProblemKind.NO_EFFECT, "this set has no routes", "add one, or remove the set")
    if found := [*_twice(at, routes), *_too_many(at, routes)]:
        raise Refused(*found)
    return replace(routes, digest=digest(routes))


def _twice(at: At, routes: RouteSet) -> Iterator[Problem]:
    """Names that are taken, and texts that would speak for two routes, or for a route and against it."""
    named: dict[str, At] = {}
    said: dict[str, tuple[At, str]] = {}
    for index, route in enumerate(routes.routes):
        here = at.down("routes", index, "name")
        if (first := named.setdefault(route.name, here)) is not here:
            reason = f"there is a route `{route.name}` on line {first.line} already"
            yield here.problem(
                ProblemKind.DUPLICATE_NAME, reason, "give one of them another name, or put them together"
            )
        yield from _said_twice(at.down("routes", index), route, said)


def _said_twice(at: At, route: Route, said: dict[str, tuple[At, str]]) -> Iterator[Problem]:
    own: dict[str, At] = {}
    for index, text_ in enumerate(route.examples):
        here = at.down("examples", index)
        first, whose = said.setdefault(_folded(text_), (here, route.name))
        own.setdefault(_folded(text_), here)
        if first is not here:
            where = "of this route" if whose == route.name else f"of the route `{whose}`"
            reason = f"this is an example {where} already, on line {first.line}"
            yield here.problem(ProblemKind.DUPLICATE_NAME, reason, "leave it in the one that it belongs to")
    for index, text_ in enumerate(route.counter_examples):
        here = at.down("counter_examples", index)
        if first_own := own.get(_folded(text_)):
            reason = f"this is an example of the same route, on line {first_own.line}"
            yield here.problem(ProblemKind.DUPLICATE_NAME, reason, "let it be the one or the other")


def _folded(example: str) -> str:
    return " ".join(example.casefold().split())


def _too_many(at: At, routes: RouteSet) -> Iterator[Problem]:
    count = sum(len(route.examples) + len(route.counter_examples) for route in routes.routes)
    if count > MAX_TOGETHER:
        reason = f"{count} examples and counter-examples together"
        yield at.down("routes").problem(ProblemKind.TOO_MANY, reason, f"keep to {MAX_TOGETHER} in a set")
