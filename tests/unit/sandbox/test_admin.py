"""The admin surface shows and changes what a drill needs, and says what is wrong with a request."""

import json
from typing import Any

import pytest

from dataplane.provider.sandbox import Fault, FaultKind, SandboxConfig
from dataplane.provider.sandbox.admin import answer
from dataplane.provider.sandbox.call import ProtocolName
from dataplane.provider.sandbox.clock import ManualClock
from dataplane.provider.sandbox.exchange import Ending
from dataplane.provider.sandbox.http1 import Request
from dataplane.provider.sandbox.script import Reply
from dataplane.provider.sandbox.service import Sandbox
from tests.unit.sandbox.calls import body_of, request_of, sandbox


def admin(served: Sandbox, method: str, path: str, body: object = None) -> tuple[int, Any]:
    path, _, query = path.partition("?")
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    (reply,) = answer(served, Request(method=method, path=path, query=query, headers={}, body=data)).steps
    assert isinstance(reply, Reply)
    return reply.status, json.loads(reply.body)


def test_faults_are_set_shown_and_cleared() -> None:
    served = sandbox()
    faults = [{"id": "a", "kind": "status", "status": 429, "count": 5}, {"kind": "hang", "model": "m"}]
    assert admin(served, "PUT", "/_sandbox/faults", {"faults": faults})[0] == 200
    status, shown = admin(served, "GET", "/_sandbox/faults")
    assert status == 200
    assert shown["faults"] == [
        {"id": "a", "kind": "status", "status": 429, "count": 5, "seen": 0, "hits": 0},
        {"id": "1", "kind": "hang", "model": "m", "seen": 0, "hits": 0},
    ]
    assert admin(served, "DELETE", "/_sandbox/faults") == (200, {"faults": []})


def test_one_fault_is_put_replaced_and_deleted_beside_the_others() -> None:
    served = sandbox()
    served.arm((Fault(id="a", kind=FaultKind.HANG),))
    _, shown = admin(served, "PUT", "/_sandbox/faults/b", {"kind": "reset"})
    assert [one["id"] for one in shown["faults"]] == ["a", "b"]
    _, shown = admin(served, "PUT", "/_sandbox/faults/a", {"kind": "empty", "id": "ignored"})
    assert [one["kind"] for one in shown["faults"]] == ["empty", "reset"]
    _, shown = admin(served, "DELETE", "/_sandbox/faults/a")
    assert [one["id"] for one in shown["faults"]] == ["b"]
    assert admin(served, "DELETE", "/_sandbox/faults/a")[0] == 404


def test_the_window_of_a_fault_starts_when_it_is_put() -> None:
    clock = ManualClock()
    served = Sandbox(SandboxConfig(), clock)
    clock.advance(100.0)
    admin(served, "PUT", "/_sandbox/faults/a", {"kind": "status", "for_s": 10.0})
    assert served.armed[0].since_s == 100.0


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "field"),
    [
        ("PUT", "/_sandbox/faults", {"faults": [{"kind": "boom"}]}, 400, "faults[0].kind"),
        ("PUT", "/_sandbox/faults", {}, 400, "faults"),
        ("PUT", "/_sandbox/faults", b"{", 400, ""),
        ("PUT", "/_sandbox/faults/a", [], 400, ""),
        ("GET", "/_sandbox/calls?limit=x", None, 400, "limit"),
        ("GET", "/_sandbox/calls?limit=-1", None, 400, "limit"),
        ("POST", "/_sandbox/faults", None, 404, "path"),
        ("GET", "/_sandbox/", None, 404, "path"),
    ],
)
def test_a_wrong_request_is_told_why(method: str, path: str, body: object, status: int, field: str) -> None:
    served = sandbox()
    served.arm((Fault(id="old", kind=FaultKind.HANG),))
    got, shown = admin(served, method, path, body)
    assert (got, shown["error"]["field"]) == (status, field)
    assert shown["error"]["reason"]
    assert [one.fault.id for one in served.armed] == ["old"]


def test_no_more_faults_than_there_is_room_for() -> None:
    served = sandbox()
    served.arm(tuple(Fault(id=str(number), kind=FaultKind.HANG) for number in range(200)))
    assert admin(served, "PUT", "/_sandbox/faults/one-more", {"kind": "hang"})[0] == 400


def play(served: Sandbox, *, cancelled: bool = False, fault: Fault | None = None) -> None:
    served.arm((fault,) if fault else ())
    exchange = served.exchange(request_of(ProtocolName.OPENAI, body_of(ProtocolName.OPENAI, "a very private prompt")))
    assert exchange is not None
    assert exchange.ended is not None
    exchange.ended(Ending(status=200, chunks=0, cancelled=cancelled, at_s=1.5))


def test_calls_are_counted_for_each_model() -> None:
    served = sandbox()
    play(served)
    play(served, cancelled=True)
    play(served, fault=Fault(id="f", kind=FaultKind.EMPTY))
    served.exchange(request_of(ProtocolName.OPENAI, body_of(ProtocolName.OPENAI, "still running")))
    _, stats = admin(served, "GET", "/_sandbox/stats")
    assert (stats["calls"], stats["in_flight"], stats["cancelled"]) == (4, 1, 1)
    assert stats["outcomes"] == {"answered": 1, "cancelled": 1, "fault": 1}
    assert stats["faults"] == {"empty": 1}
    assert stats["qualities"] == {"good": 3}
    assert stats["models"]["m"]["calls"] == 4


def test_the_last_calls_are_listed_newest_first_without_any_text() -> None:
    served = sandbox()
    for _ in range(3):
        play(served)
    status, shown = admin(served, "GET", "/_sandbox/calls?limit=2")
    assert status == 200
    assert [call["number"] for call in shown["calls"]] == [3, 2]
    assert shown["calls"][0] | {"started": 0} == {
        "number": 3,
        "protocol": "openai",
        "model": "m",
        "stream": False,
        "status": 200,
        "outcome": "answered",
        "fault": None,
        "quality": "good",
        "prompt_tokens": shown["calls"][0]["prompt_tokens"],
        "output_tokens": shown["calls"][0]["output_tokens"],
        "chunks": 0,
        "started": 0,
        "duration_s": 1.5,
    }
    assert "private" not in json.dumps(shown)


def test_only_so_many_calls_are_kept() -> None:
    served = sandbox(calls_kept=2)
    for _ in range(5):
        play(served)
    assert [call["number"] for call in admin(served, "GET", "/_sandbox/calls")[1]["calls"]] == [5, 4]


def test_a_client_that_asks_for_ever_new_models_is_counted_in_a_bounded_space() -> None:
    served = Sandbox(SandboxConfig(), ManualClock())
    for number in range(1_100):
        served.book.begin(f"model-{number}")
    _, stats = admin(served, "GET", "/_sandbox/stats")
    assert len(stats["models"]) == 1_001
    assert stats["models"]["(others)"]["calls"] == 100


def test_models_are_listed_as_openai_does() -> None:
    status, shown = admin(sandbox(), "GET", "/v1/models")
    assert status == 200
    assert [(one["id"], one["object"], one["owned_by"]) for one in shown["data"]] == [("m", "model", "sandbox")]


@pytest.mark.parametrize(("method", "path"), [("GET", "/"), ("GET", "/v1/chat/completions"), ("DELETE", "/v1/models")])
def test_an_unknown_path_is_answered_as_openai_does(method: str, path: str) -> None:
    status, shown = admin(sandbox(), method, path)
    assert status == 404
    assert shown["error"]["message"] == f"Invalid URL ({method} {path})"
