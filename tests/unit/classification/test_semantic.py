"""Which semantic route a request is nearest to, and when it is near enough."""

from dataclasses import replace
from functools import cache
from itertools import chain
from pathlib import Path

import numpy as np
import pytest

from controlplane.classification.model import Nearness, Silence
from controlplane.classification.semantic import UNIT, Matcher, similarities
from controlplane.classification.semantic_fit import fit
from controlplane.classification.semantic_store import RouteFits
from controlplane.classification.semantic_threshold import UNKNOWN, Score, thresholds
from controlplane.policy.model import RouteSet
from tests.support.routes import HELPDESK, embedded, encoder, route, route_set
from turnout_features.model import Embedding


def fitted(routes: RouteSet) -> Matcher:
    """The matcher of `routes` for the packaged encoder."""
    return fit(routes, encoder(), encoder().name)


@cache
def helpdesk() -> Matcher:
    """The matcher of HELPDESK."""
    return fitted(route_set())


def nearest(matcher: Matcher, text: str) -> Nearness:
    """What comes of a text that has a vector."""
    found = matcher(embedded(text))
    assert isinstance(found, Nearness)
    return found


@pytest.mark.parametrize(
    ("text", "route"),
    [
        ("you charged my card two times", "billing"),
        ("my parcel went to the wrong address", "delivery"),
        ("password forgotten, please reset it", "login"),
    ],
)
def test_a_request_goes_to_the_route_whose_examples_mean_the_same(text: str, route: str) -> None:
    found = nearest(helpdesk(), text)
    assert (found.route, found.reached) == (route, True)


@pytest.mark.parametrize("text", ["Write a poem about autumn", "What is the capital of Mongolia?", "prove that 2 > 1"])
def test_what_no_route_is_about_is_out_of_scope(text: str) -> None:
    assert not nearest(helpdesk(), text).reached


@pytest.mark.parametrize("name", list(HELPDESK))
def test_an_example_belongs_to_its_own_route(name: str) -> None:
    found = [nearest(helpdesk(), example) for example in HELPDESK[name]]
    assert [one.route for one in found if one.reached] == [name] * len(found)


def test_counter_examples_keep_out_what_is_like_them() -> None:
    against = ("What is a bill in parliament?", "How does a bill become a law?", "Which bill did the senate pass?")
    asked = "When does a bill become law?"
    billing = tuple(HELPDESK["billing"])
    open_to_all = fitted(route_set(route("billing", *billing), route("login", *HELPDESK["login"])))
    guarded = fitted(route_set(route("billing", *billing, against=against), route("login", *HELPDESK["login"])))
    assert nearest(guarded, asked).similarity < nearest(open_to_all, asked).similarity
    assert not nearest(guarded, asked).reached
    assert nearest(guarded, "Why was my card charged twice?").reached


def test_a_threshold_of_ones_own_holds() -> None:
    strict = route_set(*(replace(one, threshold=0.99) for one in route_set().routes))
    assert {nearest(fitted(strict), text).threshold for text in HELPDESK["billing"]} == {0.99}
    assert not nearest(fitted(strict), "Where is my invoice, please?").reached


def test_without_a_vector_it_is_silent() -> None:
    assert helpdesk()(None) == Silence("the request has no vector")


def test_a_vector_of_another_encoder_is_not_compared() -> None:
    other = replace(embedded("Where is my invoice?"), encoder="static-0-00000000")
    assert helpdesk()(other) == Silence("the vector is of another encoder than the examples")


def test_a_vector_of_another_length_is_not_compared() -> None:
    short = Embedding(encoder=encoder().name, values=b"\x01" * 8)
    assert isinstance(helpdesk()(short), Silence)


def test_a_text_without_words_belongs_nowhere() -> None:
    assert helpdesk()(embedded("   ")) == Silence("the text has no words")


@pytest.mark.parametrize("byte", [b"\x7f", b"\x80", b"\x81"])
def test_the_wildest_vector_is_counted_without_overflow(byte: bytes) -> None:
    vector = np.frombuffer(byte * 512, np.int8)
    matcher = helpdesk()
    weights, doubled = matcher.weights.astype(object), vector.astype(object)
    doubled[:256] = doubled[:256] * 2
    exact = [(int(total) - int(bias)) >> 6 for total, bias in zip(weights @ doubled, matcher.bias, strict=True)]
    assert similarities(matcher, vector).tolist() == exact
    found = matcher(Embedding(encoder=encoder().name, values=byte * 512))
    assert isinstance(found, Nearness)
    assert -1 <= found.similarity <= 1


def test_the_same_examples_are_worked_out_to_the_bit() -> None:
    again = fitted(route_set())
    assert (again.weights == helpdesk().weights).all()
    assert (again.bias.tolist(), again.thresholds) == (helpdesk().bias.tolist(), helpdesk().thresholds)


def test_one_route_with_one_example_can_be_worked_out() -> None:
    alone = fitted(route_set(route("billing", "Where is my invoice?")))
    assert nearest(alone, "Where is my invoice?").reached
    assert not nearest(alone, "Write a poem about autumn").reached


class Counting:
    """The encoder, with the number of texts that it was asked for."""

    def __init__(self) -> None:
        self.name = encoder().name
        self.asked = 0

    def __call__(self, text: str) -> bytes:
        self.asked += 1
        return encoder()(text)


def test_a_set_that_is_published_again_or_after_a_restart_is_not_worked_out_again(tmp_path: Path) -> None:
    first, second, counting = Counting(), Counting(), list(chain(*HELPDESK.values()))
    fits = RouteFits(lambda: first, tmp_path / "routes")
    made = fits(route_set())
    assert fits(route_set()) is made
    assert first.asked == len(counting)
    read = RouteFits(lambda: second, tmp_path / "routes")(route_set())
    assert second.asked == 0
    assert (read.routes, read.thresholds, read.against) == (made.routes, made.thresholds, made.against)
    assert (read.weights == made.weights).all()
    assert (read.bias == made.bias).all()


def test_what_was_kept_of_another_encoder_or_is_damaged_is_made_again(tmp_path: Path) -> None:
    other, again = Counting(), Counting()
    other.name = "static-0-00000000"
    RouteFits(lambda: other, tmp_path)(route_set())
    (path,) = tmp_path.glob("*.npz")
    RouteFits(lambda: again, tmp_path)(route_set())
    assert again.asked > 0
    for kept in tmp_path.glob("*.npz"):
        kept.write_bytes(path.read_bytes()[:100])
    repaired = Counting()
    RouteFits(lambda: repaired, tmp_path)(route_set())
    assert repaired.asked > 0


def test_a_folder_that_cannot_be_written_only_costs_time(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert RouteFits(encoder, blocked / "routes")(route_set()).routes == tuple(HELPDESK)


def test_the_bar_lies_in_the_middle_between_what_is_kept_and_what_is_let_go() -> None:
    own = [Score(route=0, similarity=value) for value in (600_000, 700_000)]
    strangers = [Score(route=0, similarity=value) for value in (100_000, 200_000)]
    assert thresholds(1, own, strangers) == (400_000,)


def test_a_route_whose_examples_are_nearer_to_one_another_asks_for_more() -> None:
    own = [Score(route=0, similarity=800_000)] * 20 + [Score(route=1, similarity=500_000)] * 20
    strangers = [Score(route=0, similarity=300_000), Score(route=1, similarity=300_000)]
    close, loose = thresholds(2, own, strangers)
    assert close > loose


def test_without_a_second_example_there_is_a_threshold_all_the_same() -> None:
    assert thresholds(2, [], [Score(route=1, similarity=UNIT)]) == (UNKNOWN, UNKNOWN)
