"""Who has a token, by what a snapshot says of callers."""

import hashlib
from collections.abc import Mapping
from datetime import datetime

from dataplane.snapshot.model import Caller
from turnout_wire.failure import Failure
from turnout_wire.server import Principal


def known(callers: Mapping[bytes, Caller], token: str, now: datetime) -> Principal | None:
    """The caller with `token`; None if it is nobody's. `callers` are by SHA-256 of their tokens.

    Raises Failure UNAUTHENTICATED for a token that is over: whoever has it may know.
    """
    caller = callers.get(hashlib.sha256(token.encode()).digest()) if token else None
    if caller is None:
        return None
    if caller.expires_at is not None and caller.expires_at <= now:
        told = "this token has expired; ask an operator to rotate the API key or make another one"
        raise Failure("UNAUTHENTICATED", told)
    return Principal(name=caller.name, tenant=caller.tenant, roles=caller.roles)
