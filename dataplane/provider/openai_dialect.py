"""Where servers that speak OpenAI's chat completions differ, as data."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from dataplane.provider.conversation import model_name
from dataplane.provider.endpoint import host
from dataplane.snapshot.model import Deployment


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """Names of fields and values; an empty name is a field that the server does not take."""

    limit: str = "max_tokens"
    seed: str = "seed"
    required: str = "required"
    usage_on_request: bool = True
    metadata: bool = False
    top_k: bool = False
    fixed_sampling: bool = False
    azure: bool = False
    responses: bool = False
    embeddings: bool = True
    packed_vectors: bool = False


COMPATIBLE = Dialect()
OPENAI = Dialect(limit="max_completion_tokens", metadata=True, responses=True, packed_vectors=True)
AZURE = replace(OPENAI, azure=True)
SELF_HOSTED = Dialect(top_k=True)

BY_HOST: Mapping[str, Dialect] = MappingProxyType(
    {
        "api.openai.com": OPENAI,
        ".openai.azure.com": AZURE,
        ".cognitiveservices.azure.com": AZURE,
        ".services.ai.azure.com": AZURE,
        # Refuses fields that it does not know, with status 422; a stream has its usage unasked.
        "api.mistral.ai": Dialect(seed="random_seed", required="any", usage_on_request=False),
        # Refuses fields that it does not know; `seed` is one of them.
        "generativelanguage.googleapis.com": Dialect(seed=""),
        "openrouter.ai": Dialect(limit="max_completion_tokens", top_k=True),
    }
)
"""By host, or by the end of one where the key begins with a dot."""

BY_PROVIDER: Mapping[str, Dialect] = MappingProxyType(
    {
        "openai": OPENAI,
        "azure": AZURE,
        **dict.fromkeys(("vllm", "sglang", "llamacpp", "llama_cpp", "ollama", "local"), SELF_HOSTED),
    }
)

_COUNTS_REASONING = re.compile(r"(?:o\d+|gpt-[5-9])(?:[-.].*)?")
_FIXED_SAMPLING = re.compile(r"(?:o\d+|gpt-5)(?:-(?:mini|nano|pro|codex|preview))*(?:-\d{4}.*)?")


def dialect(deployment: Deployment) -> Dialect:
    """How `deployment` wants to be asked: by its host, else by its provider's name, and by its model's family.

    Models that reason before they answer take `max_completion_tokens` only, wherever they are served; the first of them
    (o1 to gpt-5, not gpt-5.1 and later) refuse any sampling but the default one.
    """
    found = _by_host(host(deployment.base_url)) or BY_PROVIDER.get(deployment.provider, COMPATIBLE)
    family = model_name(deployment).rpartition("/")[2].lower()
    if _COUNTS_REASONING.fullmatch(family):
        found = replace(found, limit="max_completion_tokens")
    if _FIXED_SAMPLING.fullmatch(family):
        found = replace(found, fixed_sampling=True)
    return found


def _by_host(name: str) -> Dialect | None:
    exact = BY_HOST.get(name)
    return exact or next((found for end, found in BY_HOST.items() if end.startswith(".") and name.endswith(end)), None)
