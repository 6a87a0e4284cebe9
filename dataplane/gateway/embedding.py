"""Vectors of texts through a gateway."""

from dataclasses import replace

from dataplane.execution.run import RunOutcome
from dataplane.gateway import told
from dataplane.gateway.chat import Kitchen
from dataplane.gateway.exchange import Exchange
from dataplane.gateway.face import EmbedFace
from dataplane.gateway.model import Answering, Asked, Received
from dataplane.gateway.problems import of_failure
from dataplane.gateway.question import Operation
from dataplane.gateway.refusing import refuse
from dataplane.gateway.watching import Watch
from dataplane.permit.model import PermittedDecision
from turnout_wire.server import Principal


class Embeddings:
    """Serves one face."""

    def __init__(self, face: EmbedFace, kitchen: Kitchen) -> None:
        self._face = face
        self._with = kitchen

    async def __call__(self, exchange: Exchange, received: Received, caller: Principal, watch: Watch) -> None:
        """Answer. Raises BadRequest and Failure as long as nothing was sent."""
        started = self._with.monotonic()
        asked = self._face.read(received)
        admitted = await self._with.admission(caller, asked, received, Operation.EMBED, watch.traceparent)
        watch.decided(admitted.run)
        outcome = await self._with.runner.generate(admitted.run)
        watch.ended(outcome.receipt)
        decision = admitted.run.decision
        headers = [*told.decided(decision), *told.ended(decision, outcome.receipt)]
        calling = told.calling(outcome.receipt).total_seconds()
        headers.append(told.overhead(self._with.monotonic() - started, calling))
        if outcome.failure is not None:
            await refuse(exchange, self._face, of_failure(outcome.failure, outcome.receipt), headers)
            return
        await exchange.respond(200, headers, self._written(outcome, asked, decision))

    def _written(self, outcome: RunOutcome, asked: Asked, decision: PermittedDecision) -> bytes:
        if outcome.body or outcome.vectors is None:
            return outcome.body
        usage = outcome.receipt.attempts[-1].usage  # an estimate, where the provider tells none
        answering = Answering(
            asked=asked,
            answer_id=decision.decision_id.replace("-", ""),
            created=self._with.clock(),
            model=decision.targets[0].model,
        )
        return self._face.vectors(replace(outcome.vectors, usage=usage), answering)
