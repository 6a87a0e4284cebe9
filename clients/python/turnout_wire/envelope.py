"""Sealing bytes into a signed envelope."""

from turnout.trust.v1.envelope_pb2 import Envelope
from turnout.trust.v1.envelope_pb2 import Signature as SignatureMessage
from turnout_wire.pae import pae
from turnout_wire.payload_type import MAX_PAYLOAD_BYTES, PayloadType
from turnout_wire.signature import Signer


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
