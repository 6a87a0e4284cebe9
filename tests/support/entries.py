"""Models and deployments as a caller of CatalogService writes them."""

from typing import Any

from google.protobuf.duration_pb2 import Duration

from turnout.catalog.v1 import catalog_pb2


def new_model(name: str = "tiny", **more: Any) -> catalog_pb2.Model:
    """A model that can do code and reasoning, with `more` as its fields."""
    price = catalog_pb2.Price(input_nanousd_per_mtok=1_000_000, output_nanousd_per_mtok=1_000_000)
    fields: dict[str, Any] = {
        "name": name,
        "provider": "first",
        "price": price,
        "context_window": 10_000,
        "max_output_tokens": 1_000,
        "latency": Duration(nanos=200_000_000),
        "quality": 0.99,
        "tier": "small",
        "as_of": "2026-11-21",
        "capabilities": [catalog_pb2.CAPABILITY_CODE, catalog_pb2.CAPABILITY_REASONING],
    }
    return catalog_pb2.Model(**{**fields, **more})


def new_deployment(address: str, of: str = "tiny", **more: Any) -> catalog_pb2.Deployment:
    """A deployment of the model `of` at the provider `first` of that address."""
    fields: dict[str, Any] = {
        "name": f"first/{of}",
        "model": of,
        "provider": "first",
        "protocol": catalog_pb2.PROTOCOL_OPENAI,
        "base_url": f"{address}/first/v1",
    }
    return catalog_pb2.Deployment(**{**fields, **more})
