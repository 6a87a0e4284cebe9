"""Addresses of Azure OpenAI: deployment paths with an api-version, or the v1 paths without."""

from urllib.parse import parse_qs, quote, urlsplit

from dataplane.provider.conversation import model_name
from dataplane.provider.endpoint import below
from dataplane.snapshot.model import Deployment


def url(deployment: Deployment, path: str) -> str:
    """The address of `path`.

    With an api-version (the deployment's, or in the query of `base_url`) it is
    `{base_url}/openai/deployments/{provider_model}{path}?api-version=…`; a `base_url` that leads to a deployment already keeps
    it. Without one it is the v1 path, `{base_url}/openai/v1{path}`
    (learn.microsoft.com/azure/ai-foundry/openai/api-version-lifecycle).
    """
    base = deployment.base_url
    place = urlsplit(base).path.rstrip("/")
    if not is_versioned(deployment):
        home = "" if place.endswith("/v1") else "/v1" if place.endswith("/openai") else "/openai/v1"
        return below(base, home + path)
    if place.endswith("/v1"):
        return below(base, path, query=_version_to_add(deployment))
    home = "" if "/deployments/" in place else f"/deployments/{quote(model_name(deployment), safe='')}"
    if home and not place.endswith("/openai"):
        home = f"/openai{home}"
    return below(base, home + path, query=_version_to_add(deployment))


def is_versioned(deployment: Deployment) -> bool:
    """Whether calls name an api-version, as the paths of single deployments want it."""
    return bool(deployment.api_version) or "api-version" in parse_qs(urlsplit(deployment.base_url).query)


def _version_to_add(deployment: Deployment) -> str:
    named = "api-version" in parse_qs(urlsplit(deployment.base_url).query)
    return "" if named else f"api-version={quote(deployment.api_version)}"
