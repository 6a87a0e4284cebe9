"""Decisions and snapshots as signed bytes."""

from controlplane.routing.model import IssuedDecision, SignedDecision
from controlplane.rpc.decision_codec import encode_decision
from controlplane.snapshot.publication import Published
from turnout.snapshot.v1 import snapshot_pb2
from turnout_wire.envelope import seal
from turnout_wire.pae import pae
from turnout_wire.payload_type import PayloadType
from turnout_wire.signature import Signer


class DecisionSealer:
    """Serializes a decision once and signs those bytes."""

    def __init__(self, signer: Signer) -> None:
        self._signer = signer

    def __call__(self, issued: IssuedDecision) -> SignedDecision:
        """See Sealer."""
        payload = encode_decision(issued)
        signature = self._signer.sign(pae(PayloadType.DECISION, payload))
        return SignedDecision(
            decision_id=issued.decision_id,
            snapshot_version=issued.snapshot_version,
            expires_at=issued.expires_at,
            payload=payload,
            key_id=signature.key_id,
            signature=signature.value,
        )


def published(message: snapshot_pb2.Snapshot, signer: Signer) -> Published:
    """A snapshot as it goes to every worker: signed once. Raises ValueError if it is too large to send."""
    envelope = seal(PayloadType.SNAPSHOT, message.SerializeToString(deterministic=True), signer)
    return Published(version=message.version, digest=message.digest, payload=envelope.SerializeToString())
