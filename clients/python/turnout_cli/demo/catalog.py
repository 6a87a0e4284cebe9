"""The packaged catalog with every deployment moved to the sandbox."""

import json
from collections.abc import Mapping
from urllib.parse import urlsplit

from controlplane.catalog.load import load
from controlplane.catalog.model import Deployment

CREDENTIAL = "TURNOUT_SANDBOX_KEY"
"""The variable that holds the sandbox's key; the sandbox takes any."""
PROVIDERS = ("openai", "anthropic", "google")
PROTOCOLS = {"openai": "openai", "anthropic": "anthropic", "google": "gemini"}


def sandbox_catalog(addresses: Mapping[str, str], **sections: object) -> str:
    """A turnout.yaml whose deployments are the packaged ones at other addresses: models, prices and policies stay.

    `addresses` maps each provider to the sandbox process that plays it; `sections` are further ones. JSON is YAML.
    """
    moved = [_moved(deployment, addresses) for deployment in load(None).deployments]
    return json.dumps({"version": 1, "extends": "default", "deployments": moved, **sections}, indent=1)


def _moved(deployment: Deployment, addresses: Mapping[str, str]) -> dict[str, object]:
    path = urlsplit(deployment.base_url).path.rstrip("/")
    entry: dict[str, object] = {
        "name": deployment.name,
        "model": deployment.model,
        "provider": deployment.provider,
        "protocol": str(deployment.protocol),
        "base_url": addresses[deployment.provider] + path,
        "credential": f"env:{CREDENTIAL}",
    }
    if deployment.provider_model:
        entry["provider_model"] = deployment.provider_model
    return entry
