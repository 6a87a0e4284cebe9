"""Lists of models, whatever the face."""

from dataclasses import replace

import pytest

from dataplane.gateway.exchange import Exchange
from dataplane.gateway.listing import Listing
from dataplane.gateway.model import Received
from dataplane.gateway.openai.models import Models
from dataplane.gateway.watching import Watch, Watching
from dataplane.rpc.content import Content
from dataplane.snapshot.model import Listed, WorkerSnapshot
from tests.support.asgi import Conversation
from tests.support.runs import snapshot
from turnout_wire.failure import Failure
from turnout_wire.server import ANONYMOUS
from turnout_wire.telemetry import Telemetry

SMALL = Listed(name="small", provider="first", as_of="2026-01-01", context_window=1, max_output_tokens=1)
SNAPSHOT = replace(snapshot(), models={"small": SMALL}, aliases={"fast": "small"}, workloads=("chat",))


def watch() -> Watch:
    return Watching(Telemetry(), Content(wanted=False), lambda: 0.0).begin("/", "GET", {})


async def listed(name: str | None = None, of: WorkerSnapshot = SNAPSHOT) -> Conversation:
    asked = Conversation()
    parameters = {} if name is None else {"model": name}
    exchange = Exchange(asked.scope, asked.receive, asked.send)
    await Listing(Models(), lambda: of)(exchange, Received(headers={}, parameters=parameters), ANONYMOUS, watch())
    return asked


async def test_all_that_a_request_may_name_is_listed() -> None:
    told = await listed()
    assert told.status == 200
    assert [model["id"] for model in told.value["data"]] == ["auto", "auto:chat", "fast", "small"]


@pytest.mark.parametrize("name", ["auto", "auto:chat", "fast", "small"])
async def test_each_of_the_list_is_found_by_its_name(name: str) -> None:
    assert (await listed(name)).value["id"] == name


async def test_a_model_that_there_is_not_is_refused_by_name() -> None:
    with pytest.raises(Failure, match="no model 'large'; GET /v1/models lists") as refused:
        await listed("large")
    assert (refused.value.reason, refused.value.field) == ("MODEL_UNKNOWN", "model")


async def test_a_long_name_is_not_told_back_whole() -> None:
    with pytest.raises(Failure) as refused:
        await listed("x" * 10_000)
    assert len(refused.value.message) < 250
