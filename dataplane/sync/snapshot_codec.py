"""The contract's snapshot as the worker's values."""

from collections.abc import Mapping
from types import MappingProxyType

from dataplane.snapshot.model import (
    Caller,
    Deployment,
    Key,
    KeyState,
    Listed,
    Price,
    Timeouts,
    WireProtocol,
    WorkerSnapshot,
)
from turnout.catalog.v1 import catalog_pb2
from turnout.snapshot.v1 import snapshot_pb2
from turnout.trust.v1 import keys_pb2
from turnout_wire.ed25519 import key_id_of
from turnout_wire.failure import Failure
from turnout_wire.times import delta, moment

_PROTOCOLS: Mapping[int, WireProtocol] = {
    catalog_pb2.Protocol.Value(f"PROTOCOL_{protocol.name}"): protocol for protocol in WireProtocol
}
_STATES: Mapping[int, KeyState] = {keys_pb2.KeyState.Value(f"KEY_STATE_{state.name}"): state for state in KeyState}
_TIMEOUTS = ("connect", "first_token", "between_chunks", "total")


class SnapshotUnusable(Exception):
    """A snapshot that this worker cannot work with; message and version go back as a NACK, the version 0 if it is not known."""

    def __init__(self, message: str, version: int = 0) -> None:
        super().__init__(message)
        self.version = version


def worker_snapshot(message: snapshot_pb2.Snapshot) -> WorkerSnapshot:
    """The worker's view. Raises SnapshotUnusable for what it does not know: models, protocols, states of keys, times."""
    try:
        return _snapshot(message)
    except (SnapshotUnusable, Failure) as problem:
        told = problem.message if isinstance(problem, Failure) else str(problem)
        raise SnapshotUnusable(told, message.version) from problem


def _snapshot(message: snapshot_pb2.Snapshot) -> WorkerSnapshot:
    models = {model.name: model for model in message.models}
    return WorkerSnapshot(
        version=message.version,
        digest=message.digest,
        created_at=moment(message.created_at, "created_at"),
        issuer=message.issuer,
        deployments=MappingProxyType({item.name: _deployment(item, models) for item in message.deployments}),
        keys=MappingProxyType({item.key_id: _key(item) for item in message.key_set.keys}),
        callers=MappingProxyType({item.token_sha256: _caller(item) for item in message.callers}),
        models=MappingProxyType({item.name: _listed(item) for item in message.models}),
        aliases=MappingProxyType({item.name: item.target for item in message.aliases}),
        workloads=tuple(message.workloads),
    )


def _deployment(message: catalog_pb2.Deployment, models: Mapping[str, catalog_pb2.Model]) -> Deployment:
    model = models.get(message.model)
    if model is None:
        raise SnapshotUnusable(f"deployment {message.name}: model {message.model} is not in the snapshot")
    if message.protocol not in _PROTOCOLS:
        raise SnapshotUnusable(f"deployment {message.name}: this worker does not speak protocol {message.protocol}")
    return Deployment(
        name=message.name,
        model=message.model,
        provider=message.provider,
        protocol=_PROTOCOLS[message.protocol],
        base_url=message.base_url,
        credential=message.credential,
        provider_model=message.provider_model or message.model,
        price=_price(model.price),
        timeouts=_timeouts(message),
        max_concurrency=message.max_concurrency,
        max_output_tokens=model.max_output_tokens,
        more_credentials=tuple(message.more_credentials),
        api_version=message.api_version,
    )


def _listed(message: catalog_pb2.Model) -> Listed:
    return Listed(
        name=message.name,
        provider=message.provider,
        as_of=message.as_of,
        context_window=message.context_window,
        max_output_tokens=message.max_output_tokens,
        embeds=catalog_pb2.CAPABILITY_EMBEDDINGS in message.capabilities,
    )


def _price(message: catalog_pb2.Price) -> Price:
    names = ("cached_input_nanousd_per_mtok", "cache_write_nanousd_per_mtok")
    optional = {name: getattr(message, name) for name in names if message.HasField(name)}  # type: ignore[arg-type]
    return Price(
        input_nanousd_per_mtok=message.input_nanousd_per_mtok,
        output_nanousd_per_mtok=message.output_nanousd_per_mtok,
        **optional,
    )


def _timeouts(message: catalog_pb2.Deployment) -> Timeouts:
    limits = message.timeouts
    given = {
        name: delta(getattr(limits, name), f"deployment {message.name}: timeouts.{name}")
        for name in _TIMEOUTS
        if limits.HasField(name)  # type: ignore[arg-type]
    }
    return Timeouts(**given)


def _key(message: keys_pb2.Key) -> Key:
    if key_id_of(message.public_key) != message.key_id:
        raise SnapshotUnusable(f"key {message.key_id}: the id does not belong to the public key")
    if message.state not in _STATES:
        raise SnapshotUnusable(f"key {message.key_id}: this worker does not know state {message.state}")
    where = f"key {message.key_id}"
    return Key(
        key_id=message.key_id,
        public_key=message.public_key,
        issuer=message.issuer,
        state=_STATES[message.state],
        not_before=moment(message.not_before, f"{where}: not_before"),
        not_after=moment(message.not_after, f"{where}: not_after") if message.HasField("not_after") else None,
    )


def _caller(message: snapshot_pb2.Caller) -> Caller:
    return Caller(
        name=message.name,
        tenant=message.tenant,
        token_sha256=message.token_sha256,
        roles=frozenset(message.roles),
        expires_at=moment(message.expires_at, f"caller {message.name}: expires_at")
        if message.HasField("expires_at")
        else None,
    )
