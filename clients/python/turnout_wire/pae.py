"""The bytes that are signed and digested: DSSE's pre-authentication encoding."""


def pae_header(payload_type: str, payload_length: int) -> bytes:
    """Everything of the encoding that stands before the payload, for a payload that is hashed in place."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d " % (len(kind), kind, payload_length)


def pae(payload_type: str, payload: bytes) -> bytes:
    """`"DSSEv1" SP len(payload_type) SP payload_type SP len(payload) SP payload`, lengths in bytes as decimal ASCII.

    It ties the type to the payload, so that bytes signed as one thing never pass for another.
    Source: https://github.com/secure-systems-lab/dsse/blob/master/protocol.md
    """
    return pae_header(payload_type, len(payload)) + payload
