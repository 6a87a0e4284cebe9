"""Where servers that speak OpenAI's chat completions differ, as data."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from types import MappingProxyType

from dataplane.provider.conversation import model_name
from dataplane.provider.endpoint import host
from dataplane.provider.openai_reasoning import ReasoningWords, ThinkingBack
from dataplane.snapshot.model import Deployment

KEPT = 4096
"""Deployments whose dialects are kept; each is asked for several times a request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """Names of fields and values, and what there is none of; an empty name is a field that the server does not take.

    `system`: the role of system messages (OpenAI takes `system` for `developer` with every model). `stops`: the most stop
    sequences, None for any number. `json`, `schemas`: the forms of answers. `choices`: whether `tool_choice` is looked at.
    `single_calls`: whether `parallel_tool_calls` is. `user_after_tool`: whether a user's message may follow a tool's.
    """

    limit: str = "max_tokens"
    seed: str = "seed"
    required: str = "required"
    system: str = "system"
    usage_on_request: bool = True
    metadata: bool = False
    top_k: bool = False
    fixed_sampling: bool = False
    azure: bool = False
    responses: bool = False
    embeddings: bool = True
    packed_vectors: bool = False
    stops: int | None = None
    json: bool = True
    schemas: bool = True
    choices: bool = True
    single_calls: bool = True
    images: bool = True
    image_urls: bool = True
    user_after_tool: bool = True
    reasoning: ReasoningWords = ReasoningWords.EFFORT
    thinking_back: ThinkingBack = ThinkingBack.NONE


COMPATIBLE = Dialect()
# Four stop sequences: developers.openai.com/api/reference, chat completions, `stop`.
OPENAI = Dialect(limit="max_completion_tokens", metadata=True, responses=True, packed_vectors=True, stops=4)
AZURE = replace(OPENAI, azure=True)
SELF_HOSTED = Dialect(top_k=True)
# Neither addresses of pictures nor tool_choice: docs.ollama.com/api/openai-compatibility.
OLLAMA = Dialect(choices=False, single_calls=False, image_urls=False)
# Refuses fields that it does not know, with status 422; a stream has its usage unasked (recorded). No user may speak between
# a tool and the model: docs.mistral.ai/capabilities/function_calling.
MISTRAL = Dialect(
    seed="random_seed",
    required="any",
    usage_on_request=False,
    user_after_tool=False,
    reasoning=ReasoningWords.NONE,
    thinking_back=ThinkingBack.CONTENT,
)
# No embeddings: console.groq.com/docs/openai. Schemas only by some models: see _SCHEMAS_AT_GROQ.
GROQ = Dialect(responses=True, embeddings=False, stops=4, reasoning=ReasoningWords.GROQ)
# json_object only, no parallel_tool_calls, at most 16 stop sequences, no pictures: api-docs.deepseek.com/api/create-chat-completion.
DEEPSEEK = Dialect(
    seed="",
    responses=True,
    embeddings=False,
    schemas=False,
    single_calls=False,
    images=False,
    stops=16,
    reasoning=ReasoningWords.DEEPSEEK,
    thinking_back=ThinkingBack.WITHIN_TOOLS,
)
# openrouter.ai/docs/api-reference/parameters.
OPENROUTER = Dialect(
    limit="max_completion_tokens",
    top_k=True,
    responses=True,
    reasoning=ReasoningWords.OPENROUTER,
    thinking_back=ThinkingBack.DETAILS,
)
# docs.together.ai/reference/chat-completions-1.
TOGETHER = Dialect(top_k=True)
# Refuses fields that it does not know; `seed` is one of them (recorded).
GEMINI = Dialect(seed="", reasoning=ReasoningWords.NONE)

BY_HOST: Mapping[str, Dialect] = MappingProxyType(
    {
        "api.openai.com": OPENAI,
        ".openai.azure.com": AZURE,
        ".cognitiveservices.azure.com": AZURE,
        ".services.ai.azure.com": AZURE,
        "api.mistral.ai": MISTRAL,
        "api.groq.com": GROQ,
        "api.deepseek.com": DEEPSEEK,
        "api.together.xyz": TOGETHER,
        "api.together.ai": TOGETHER,
        "generativelanguage.googleapis.com": GEMINI,
        "openrouter.ai": OPENROUTER,
    }
)
"""By host, or by the end of one where the key begins with a dot."""

BY_PROVIDER: Mapping[str, Dialect] = MappingProxyType(
    {
        "openai": OPENAI,
        "azure": AZURE,
        "mistral": MISTRAL,
        "groq": GROQ,
        "deepseek": DEEPSEEK,
        "together": TOGETHER,
        "openrouter": OPENROUTER,
        "ollama": OLLAMA,
        **dict.fromkeys(("vllm", "sglang", "llamacpp", "llama_cpp", "local"), SELF_HOSTED),
    }
)
"""By the provider's name, for servers that stand elsewhere: a proxy, or one of one's own."""

_COUNTS_REASONING = re.compile(r"(?:o\d+|gpt-[5-9])(?:[-.].*)?")
_SCHEMAS_AT_GROQ = re.compile(r"(?:gpt-oss|kimi-k2|llama-4|moonshot).*")
"""console.groq.com/docs/structured-outputs, "Supported models"."""
_FIXED_SAMPLING = re.compile(r"(?:o\d+|gpt-5)(?:-(?:mini|nano|pro|codex|preview))*(?:-\d{4}.*)?")


@lru_cache(maxsize=KEPT)
def dialect(deployment: Deployment) -> Dialect:
    """How `deployment` wants to be asked: by its host, else by its provider's name, and by its model's family.

    Models that reason before they answer take `max_completion_tokens` only, wherever they are served; the first of them
    (o1 to gpt-5, not gpt-5.1 and later) refuse any sampling but the default one.
    """
    found = _by_host(host(deployment.base_url)) or BY_PROVIDER.get(deployment.provider, COMPATIBLE)
    name = family(deployment)
    if _COUNTS_REASONING.fullmatch(name):
        found = replace(found, limit="max_completion_tokens")
    if _FIXED_SAMPLING.fullmatch(name):
        # They take no stop sequence either: developers.openai.com/api/reference, chat completions, `stop`.
        found = replace(found, fixed_sampling=True, stops=0)
    if found is GROQ and not _SCHEMAS_AT_GROQ.fullmatch(name):
        found = replace(found, schemas=False)
    return found


def family(deployment: Deployment) -> str:
    """The model's name without its maker's, in lower case."""
    return model_name(deployment).rpartition("/")[2].lower()


def _by_host(name: str) -> Dialect | None:
    exact = BY_HOST.get(name)
    return exact or next((found for end, found in BY_HOST.items() if end.startswith(".") and name.endswith(end)), None)
