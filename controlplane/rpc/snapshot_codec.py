"""Snapshots as workers read them."""

from collections.abc import Iterable

from controlplane.access.model import Caller, Role
from controlplane.rpc.catalog_codec import deployment_message, model_message
from controlplane.snapshot.model import Snapshot
from turnout.catalog.v1 import catalog_pb2
from turnout.snapshot.v1 import snapshot_pb2
from turnout.trust.v1 import keys_pb2
from turnout_wire.times import timestamp


def snapshot_message(
    snapshot: Snapshot, key_set: keys_pb2.KeySet, callers: Iterable[Caller], issuer: str
) -> snapshot_pb2.Snapshot:
    """Everything that a worker needs, under the version of `snapshot`."""
    message = snapshot_pb2.Snapshot(
        version=snapshot.version,
        digest=snapshot.digest,
        issuer=issuer,
        models=[model_message(model) for _, model in sorted(snapshot.catalog.models.items())],
        deployments=[deployment_message(deployment) for deployment in snapshot.catalog.deployments],
        key_set=key_set,
        callers=[_caller(caller) for caller in callers if Role.CALLER in caller.roles],
        aliases=[
            catalog_pb2.Alias(name=alias.name, target=alias.target)
            for _, alias in sorted(snapshot.catalog.aliases.items())
        ],
        workloads=[workload.name for workload in snapshot.catalog.workloads],
    )
    message.created_at.FromDatetime(snapshot.created_at)
    return message


def _caller(caller: Caller) -> snapshot_pb2.Caller:
    return snapshot_pb2.Caller(
        name=caller.name,
        tenant=caller.tenant,
        token_sha256=caller.token_sha256,
        roles=sorted(caller.roles),
        expires_at=timestamp(caller.expires_at) if caller.expires_at is not None else None,
    )
