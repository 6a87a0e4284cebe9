"""Sealing bytes into a signed envelope, and the signatures of an envelope as values."""

from turnout.trust.v1.envelope_pb2 import Envelope
from turnout.trust.v1.envelope_pb2 import Signature as SignatureMessage
from turnout_wire.pae import pae
from turnout_wire.payload_type import MAX_PAYLOAD_BYTES, PayloadType
from turnout_wire.signature import Inclusion, Signature, Signer


def seal(payload_type: PayloadType, payload: bytes, signer: Signer) -> Envelope:
    """An envelope of exactly these bytes with one signature over PAE(payload_type, payload).

    Raises:
        ValueError: the payload is empty or larger than its type may be; no verifier would take it.
    """
    limit = MAX_PAYLOAD_BYTES[payload_type]
    if not 0 < len(payload) <= limit:
        raise ValueError(f"a payload of type {payload_type} has 1 to {limit} bytes, not {len(payload)}")
    signature = signer.sign(pae(payload_type, payload))
    sealed = SignatureMessage(key_id=signature.key_id, value=signature.value)
    return Envelope(payload_type=payload_type, payload=payload, signatures=[sealed])


def put_signature(message: Envelope, signature: Signature) -> None:
    """Add a signature to an envelope."""
    added = message.signatures.add(key_id=signature.key_id, value=signature.value)
    inclusion = signature.inclusion
    if inclusion is not None:
        added.inclusion.leaf_index = inclusion.leaf_index
        added.inclusion.tree_size = inclusion.tree_size
        added.inclusion.path.extend(inclusion.path)


def signatures_of(message: Envelope) -> tuple[Signature, ...]:
    """The signatures of an envelope, as they came."""
    return tuple(
        Signature(key_id=entry.key_id, value=entry.value, inclusion=_inclusion(entry)) for entry in message.signatures
    )


def _inclusion(message: SignatureMessage) -> Inclusion | None:
    if not message.HasField("inclusion"):
        return None
    told = message.inclusion
    return Inclusion(leaf_index=told.leaf_index, tree_size=told.tree_size, path=tuple(told.path))
