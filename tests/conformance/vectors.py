"""The vectors of conformance/envelope as values, and the real permit that they are presented to."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from dataplane.permit.context import Context
from dataplane.permit.presented import Presented, Sealed
from dataplane.permit.refusal import Refusal
from dataplane.permit.replay import ReplayGuard
from dataplane.permit.verify import verify
from dataplane.rpc.decision_codec import ProtobufDecisionReader
from dataplane.snapshot.model import Key, KeyState
from turnout_wire import ed25519
from turnout_wire.batch import RememberedRoots
from turnout_wire.signature import Inclusion, Signature

FOLDER = Path(__file__).resolve().parents[2] / "conformance" / "envelope"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One presentation, when it is made, and the outcome that is right."""

    presented: Presented
    now: datetime
    expected: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Vector:
    """A file of the folder."""

    name: str
    keys: Mapping[str, Key]
    pool: str
    features: frozenset[str]
    replay_capacity: int
    steps: tuple[Step, ...]

    @property
    def expected(self) -> list[str]:
        """The outcomes that are right."""
        return [step.expected for step in self.steps]


def names() -> list[str]:
    """All vectors."""
    return sorted(path.stem for path in FOLDER.glob("*.json"))


def load(name: str) -> Vector:
    """One vector."""
    document = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    context = document["context"]
    return Vector(
        name=document["name"],
        keys={entry["key_id"]: _key(entry) for entry in document["keys"]},
        pool=context["pool"],
        features=frozenset(context["features"]),
        replay_capacity=context["replay_capacity"],
        steps=tuple(map(_step, document["presentations"])),
    )


@cache
def reader() -> ProtobufDecisionReader:
    """Compiled once for all tests; it has no state."""
    return ProtobufDecisionReader()


def context(vector: Vector) -> Context:
    """The worker that the vector is presented to, as it is in production."""
    return Context(
        pool=vector.pool,
        features=vector.features,
        read=reader(),
        verifier=RememberedRoots(ed25519.verify),
        guard=ReplayGuard(capacity=vector.replay_capacity),
    )


def outcomes(vector: Vector, context: Context) -> list[str]:
    """What the permit says to each presentation."""
    results = (verify(step.presented, vector.keys, context, step.now) for step in vector.steps)
    return [str(result.reason) if isinstance(result, Refusal) else "PERMITTED" for result in results]


def _key(entry: Mapping[str, Any]) -> Key:
    return Key(
        key_id=entry["key_id"],
        public_key=bytes.fromhex(entry["public_key_hex"]),
        issuer=entry["issuer"],
        state=KeyState(entry["state"]),
        not_before=datetime.fromisoformat(entry["not_before"]),
        not_after=entry["not_after"] and datetime.fromisoformat(entry["not_after"]),
    )


def _step(entry: Mapping[str, Any]) -> Step:
    envelope = entry["envelope"]
    sealed = Sealed(
        payload_type=envelope["payload_type"],
        payload=base64.b64decode(envelope["payload_base64"]),
        signatures=tuple(map(_signature, envelope["signatures"])),
    )
    presented = Presented(
        sealed=sealed,
        content_type=entry["content_type"],
        body=base64.b64decode(entry["body_base64"]),
        tenant=entry["tenant"],
        presenter=entry["presenter"],
    )
    return Step(presented=presented, now=datetime.fromisoformat(entry["now"]), expected=entry["expected"])


def _signature(entry: Mapping[str, Any]) -> Signature:
    value, told = bytes.fromhex(entry["value_hex"]), entry.get("inclusion")
    if told is None:
        return Signature(key_id=entry["key_id"], value=value)
    path = tuple(map(bytes.fromhex, told["path_hex"]))
    inclusion = Inclusion(leaf_index=told["leaf_index"], tree_size=told["tree_size"], path=path)
    return Signature(key_id=entry["key_id"], value=value, inclusion=inclusion)
