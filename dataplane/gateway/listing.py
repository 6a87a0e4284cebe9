"""The models that callers may ask for, in the shape of a face."""

from collections.abc import Callable

from dataplane.gateway.exchange import Exchange
from dataplane.gateway.face import ModelsFace
from dataplane.gateway.model import Received
from dataplane.gateway.watching import Watch
from dataplane.snapshot.model import WorkerSnapshot
from turnout_wire.failure import Failure
from turnout_wire.server import Principal


class Listing:
    """Serves the list, and each of its entries."""

    def __init__(self, face: ModelsFace, snapshot: Callable[[], WorkerSnapshot]) -> None:
        self.face = face
        self._snapshot = snapshot

    async def __call__(self, exchange: Exchange, received: Received, caller: Principal, watch: Watch) -> None:  # noqa: ARG002 - one signature for all
        """Answer. Raises Failure MODEL_UNKNOWN and SNAPSHOT_STALE."""
        name = received.parameters.get("model")
        snapshot = self._snapshot()
        body = self.face.all(snapshot) if name is None else self.face.one(snapshot, name)
        if body is None:
            raise Failure(
                "MODEL_UNKNOWN", f"there is no model {name!r:.128}; GET /v1/models lists what there is", field="model"
            )
        await exchange.respond(200, (), body)
