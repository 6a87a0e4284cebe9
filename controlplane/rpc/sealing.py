"""Decisions and snapshots as signed bytes."""

import asyncio
from collections.abc import Sequence

from controlplane.routing.model import IssuedDecision, SignedDecision
from controlplane.rpc.decision_codec import encode_decision
from controlplane.snapshot.publication import Published
from turnout.snapshot.v1 import snapshot_pb2
from turnout_wire.batch import MOST_SIGNED, sign_all
from turnout_wire.envelope import seal
from turnout_wire.pae import pae
from turnout_wire.payload_type import PayloadType
from turnout_wire.signature import Signature, Signer


class DecisionSealer:
    """Serializes a decision once, and signs those bytes together with all that are ready in the same turn of the event loop.

    A signature takes 30 µs to make and 70 to check, whatever it is over; decisions of one DecideRoutes share one.
    """

    def __init__(self, signer: Signer) -> None:
        self._signer = signer
        self._waiting: list[tuple[bytes, asyncio.Future[Signature]]] = []

    async def __call__(self, issued: IssuedDecision) -> SignedDecision:
        """See Sealer."""
        payload = encode_decision(issued)
        return SignedDecision(
            decision_id=issued.decision_id,
            snapshot_version=issued.snapshot_version,
            expires_at=issued.expires_at,
            payload=payload,
            signature=await self.sign(pae(PayloadType.DECISION, payload)),
        )

    def sign(self, message: bytes) -> "asyncio.Future[Signature]":
        """The signature over a message (its PAE), with the others of this turn."""
        loop = asyncio.get_running_loop()
        if not self._waiting:
            loop.call_soon(self._sign)  # behind whatever else is ready now
        signature: asyncio.Future[Signature] = loop.create_future()
        self._waiting.append((message, signature))
        return signature

    def _sign(self) -> None:
        waiting, self._waiting = self._waiting, []
        for first in range(0, len(waiting), MOST_SIGNED):
            self._sign_some(waiting[first : first + MOST_SIGNED])

    def _sign_some(self, waiting: "Sequence[tuple[bytes, asyncio.Future[Signature]]]") -> None:
        """Every caller gets its signature, or the error that it would have got alone."""
        try:
            signatures = sign_all([message for message, _ in waiting], self._signer)
        except Exception as error:  # noqa: BLE001 - it is raised where the signature is awaited
            for _, future in waiting:
                if not future.done():
                    future.set_exception(error)
            return
        for (_, future), signature in zip(waiting, signatures, strict=True):
            if not future.done():
                future.set_result(signature)


def published(message: snapshot_pb2.Snapshot, signer: Signer) -> Published:
    """A snapshot as it goes to every worker: signed once. Raises ValueError if it is too large to send."""
    envelope = seal(PayloadType.SNAPSHOT, message.SerializeToString(deterministic=True), signer)
    return Published(version=message.version, digest=message.digest, payload=envelope.SerializeToString())
