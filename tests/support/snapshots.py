"""Signed snapshots as a control plane sends them, made by hand, and good or bad as a test wants them."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from turnout.catalog.v1 import catalog_pb2
from turnout.snapshot.v1 import snapshot_pb2
from turnout.trust.v1 import envelope_pb2, keys_pb2
from turnout_wire.ed25519 import Ed25519Signer
from turnout_wire.envelope import seal
from turnout_wire.payload_type import PayloadType

ISSUER = "turnout-test"
FIRST, SECOND = Ed25519Signer(bytes([1] * 32)), Ed25519Signer(bytes([2] * 32))
TOKEN = "caller-secret-token"


def key(signer: Ed25519Signer, state: str = "ACTIVE", **more: Any) -> keys_pb2.Key:
    """A key of the set, in force since an hour ago."""
    number = keys_pb2.KeyState.Value(f"KEY_STATE_{state}")
    made = keys_pb2.Key(key_id=signer.key_id, public_key=signer.public_key, issuer=ISSUER, state=number, **more)
    made.not_before.FromDatetime(datetime.now(UTC) - timedelta(hours=1))
    return made


def snapshot(version: int = 1, keys: Sequence[keys_pb2.Key] | None = None, **more: Any) -> snapshot_pb2.Snapshot:
    """One model, one deployment, one caller."""
    model = catalog_pb2.Model(name="small", provider="first", max_output_tokens=100, price=catalog_pb2.Price())
    place = catalog_pb2.Deployment(
        name="first/small",
        model="small",
        provider="first",
        protocol=catalog_pb2.PROTOCOL_OPENAI,
        base_url="http://x/v1",
    )
    caller = snapshot_pb2.Caller(
        name="app", tenant="acme", token_sha256=sha256(TOKEN.encode()).digest(), roles=["caller"]
    )
    fields: dict[str, Any] = {
        "version": version,
        "digest": sha256(b"%d" % version).digest(),
        "issuer": ISSUER,
        "models": [model],
        "deployments": [place],
        "key_set": keys_pb2.KeySet(version=1, keys=[key(FIRST)] if keys is None else keys),
        "callers": [caller],
    }
    made = snapshot_pb2.Snapshot(**{**fields, **more})
    made.created_at.FromDatetime(datetime.now(UTC))
    return made


def sealed(message: snapshot_pb2.Snapshot | None = None, by: Ed25519Signer = FIRST) -> envelope_pb2.Envelope:
    """A snapshot under a signature."""
    return seal(PayloadType.SNAPSHOT, (message or snapshot()).SerializeToString(), by)
