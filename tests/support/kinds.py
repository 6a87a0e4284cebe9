"""Every kind of provider that we call, as a deployment at a sandbox."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from dataplane.chat.model import ChatRequest, EmbedRequest
from dataplane.provider.model import Call, EmbedCall
from dataplane.snapshot.model import Deployment, Timeouts, WireProtocol

AWS_KEYS = "AKIDEXAMPLEEXAMPLE12:wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY:session@eu-central-1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A protocol in a dialect. `path` follows the sandbox's address; `reasons` is a model that can be told to think."""

    provider: str
    protocol: WireProtocol = WireProtocol.OPENAI
    path: str = "/v1"
    model: str = "some-model"
    reasons: str = ""
    credential: str = "key"
    fields: Mapping[str, str] = field(default_factory=dict)

    def deployment(self, address: str, *, model: str = "", **timeouts: timedelta) -> Deployment:
        """The deployment at the sandbox that listens at `address`."""
        named = model or self.model
        return Deployment(
            name=self.provider,
            model=named,
            provider_model=named,
            provider=self.provider,
            protocol=self.protocol,
            base_url=address + self.path,
            timeouts=replace(Timeouts(), **timeouts),
            **self.fields,  # type: ignore[arg-type]  # names of texts
        )

    def call(self, address: str, request: ChatRequest, *, limit: int = 0, **how: Any) -> Call:
        """A call of it; `how` is a `model`, or timeouts."""
        return Call(
            deployment=self.deployment(address, **how),
            request=request,
            credential=self.credential,
            max_output_tokens=limit,
            total=timedelta(seconds=20),
        )

    def embed_call(self, address: str, *texts: str) -> EmbedCall:
        """A call for vectors of 8 numbers."""
        return EmbedCall(
            deployment=self.deployment(address),
            request=EmbedRequest(texts=texts, dimensions=8),
            credential=self.credential,
            total=timedelta(seconds=20),
        )


_CLAUDE_AT_BEDROCK = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
KINDS: Mapping[str, Kind] = {
    "openai": Kind(provider="openai", model="gpt-4o"),
    "azure deployment": Kind(provider="azure", path="", model="gpt-4o", fields={"api_version": "2024-10-21"}),
    "azure v1": Kind(provider="azure", path="", model="gpt-4o"),
    "mistral": Kind(provider="mistral", model="mistral-large"),
    "groq": Kind(provider="groq", model="openai/gpt-oss-120b"),
    "openrouter": Kind(provider="openrouter", model="meta/llama"),
    "deepseek": Kind(provider="deepseek", model="deepseek-chat"),
    "together": Kind(provider="together", model="meta/llama"),
    "ollama": Kind(provider="ollama", model="llama3"),
    "vllm": Kind(provider="vllm", model="llama3"),
    "unknown compatible": Kind(provider="somebody"),
    "anthropic": Kind(
        provider="anthropic",
        protocol=WireProtocol.ANTHROPIC,
        path="",
        model="claude-haiku-4-5",
        reasons="claude-sonnet-4-5",
    ),
    "gemini": Kind(
        provider="gemini", protocol=WireProtocol.GEMINI, path="", model="gemini-2.5-flash", reasons="gemini-3-pro"
    ),
    "bedrock api key": Kind(
        provider="bedrock",
        protocol=WireProtocol.BEDROCK,
        path="",
        model="us.amazon.nova-2-lite-v1:0",
        reasons=_CLAUDE_AT_BEDROCK,
    ),
    "bedrock aws keys": Kind(
        provider="bedrock",
        protocol=WireProtocol.BEDROCK,
        path="",
        model=_CLAUDE_AT_BEDROCK,
        credential=AWS_KEYS,
    ),
}
