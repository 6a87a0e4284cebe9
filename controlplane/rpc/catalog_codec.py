"""Models and deployments between the contract and plain values."""

from datetime import date, timedelta

from google.protobuf.duration_pb2 import Duration

from controlplane.catalog.model import (
    FREE,
    Deployment,
    DeploymentName,
    ManagedBy,
    Model,
    ModelName,
    Price,
    Timeouts,
)
from controlplane.rpc.decision_codec import price_message
from controlplane.rpc.enums import CAPABILITIES, CAPABILITY, MANAGED_BY, PROTOCOL, PROTOCOLS, TASK_TYPE, TASK_TYPES
from turnout.catalog.v1 import catalog_pb2
from turnout_wire.failure import Failure
from turnout_wire.times import delta, duration

_TIMEOUTS = ("connect", "first_token", "between_chunks", "total")


def model_message(model: Model, etag: str = "") -> catalog_pb2.Model:
    """A model for the wire."""
    return catalog_pb2.Model(
        name=model.name,
        provider=model.provider,
        price=price_message(model.price),
        free=model.free,
        context_window=model.context_window,
        max_output_tokens=model.max_output_tokens,
        latency=duration(model.latency),
        quality=model.quality,
        quality_by_task=[
            catalog_pb2.TaskQuality(task_type=TASK_TYPE[task], quality=quality)
            for task, quality in model.quality_by_task
        ],
        capabilities=sorted(CAPABILITY[capability] for capability in model.capabilities),
        tier=model.tier,
        as_of=model.as_of.isoformat(),
        etag=etag,
        managed_by=MANAGED_BY[model.managed_by],
    )


def model_from(message: catalog_pb2.Model) -> Model:
    """A model that came over the API. Raises Failure INVALID_FIELD."""
    if not message.HasField("price") and not message.free:
        raise Failure("INVALID_FIELD", "model.price: set a price, or free for a model without one", field="model.price")
    return Model(
        name=ModelName(message.name),
        provider=message.provider,
        price=price_from(message.price) if message.HasField("price") else FREE,
        free=message.free,
        context_window=message.context_window,
        max_output_tokens=message.max_output_tokens,
        latency=delta(message.latency, "model.latency"),
        quality=message.quality,
        quality_by_task=tuple((TASK_TYPES[row.task_type], row.quality) for row in message.quality_by_task),
        capabilities=frozenset(CAPABILITIES[number] for number in message.capabilities),
        tier=message.tier,
        as_of=_day(message.as_of),
        managed_by=ManagedBy.API,
    )


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Failure("INVALID_FIELD", f"model.as_of: {text!r} is not a day", field="model.as_of") from None


def price_from(message: catalog_pb2.Price) -> Price:
    """A price that came over the API."""
    return Price(
        input_nanousd_per_mtok=message.input_nanousd_per_mtok,
        output_nanousd_per_mtok=message.output_nanousd_per_mtok,
        cached_input_nanousd_per_mtok=(
            message.cached_input_nanousd_per_mtok if message.HasField("cached_input_nanousd_per_mtok") else None
        ),
        cache_write_nanousd_per_mtok=(
            message.cache_write_nanousd_per_mtok if message.HasField("cache_write_nanousd_per_mtok") else None
        ),
    )


def deployment_message(deployment: Deployment, etag: str = "") -> catalog_pb2.Deployment:
    """A deployment for the wire, with the reference of its credential and never the credential."""
    limits = {name: getattr(deployment.timeouts, name) for name in _TIMEOUTS}
    return catalog_pb2.Deployment(
        name=deployment.name,
        model=deployment.model,
        provider=deployment.provider,
        protocol=PROTOCOL[deployment.protocol],
        base_url=deployment.base_url,
        credential=deployment.credential,
        more_credentials=deployment.more_credentials,
        api_version=deployment.api_version,
        provider_model=deployment.provider_model,
        region=deployment.region,
        weight=deployment.weight,
        disabled=deployment.disabled,
        timeouts=catalog_pb2.Timeouts(**{name: duration(limit) for name, limit in limits.items() if limit is not None}),
        max_concurrency=deployment.max_concurrency,
        etag=etag,
        managed_by=MANAGED_BY[deployment.managed_by],
    )


def deployment_from(message: catalog_pb2.Deployment) -> Deployment:
    """A deployment that came over the API. Raises Failure INVALID_FIELD."""
    return Deployment(
        name=DeploymentName(message.name),
        model=ModelName(message.model),
        provider=message.provider,
        protocol=PROTOCOLS[message.protocol],
        base_url=message.base_url,
        credential=message.credential,
        more_credentials=tuple(message.more_credentials),
        api_version=message.api_version,
        provider_model=message.provider_model,
        region=message.region,
        weight=message.weight or 1,
        disabled=message.disabled,
        timeouts=Timeouts(**{name: _limit(message.timeouts, name) for name in _TIMEOUTS}),
        max_concurrency=message.max_concurrency,
        managed_by=ManagedBy.API,
    )


def _limit(timeouts: catalog_pb2.Timeouts, name: str) -> timedelta | None:
    limit: Duration = getattr(timeouts, name)
    return delta(limit, f"deployment.timeouts.{name}") if timeouts.HasField(name) else None  # type: ignore[arg-type]
