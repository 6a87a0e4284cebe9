"""What a caller presents to a worker, before anything of it is believed."""

from dataclasses import dataclass

from turnout_wire.signature import Signature


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """An envelope: bytes, what they are said to be, and who is said to have signed them."""

    payload_type: str
    payload: bytes
    signatures: tuple[Signature, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Presented:
    """A sealed decision, the request that it is said to be for, and the caller as the worker authenticated it."""

    sealed: Sealed
    content_type: str
    body: bytes
    tenant: str
    presenter: str
