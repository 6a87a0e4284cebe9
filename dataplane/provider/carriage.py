"""What each wire protocol carries of a chat request, as data."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from dataplane.chat.model import FormatKind, ToolMode
from dataplane.provider.anthropic_model import SamplingSupport, sampling_support
from dataplane.provider.conversation import model_name
from dataplane.provider.openai_dialect import dialect
from dataplane.snapshot.model import Deployment, WireProtocol

_ALL_SAMPLING = frozenset(("temperature", "top_p", "top_k", "frequency_penalty", "presence_penalty"))
UNBOUNDED = sys.maxsize


@dataclass(frozen=True, slots=True, kw_only=True)
class Carriage:
    """What is carried; `thinking` names the protocols whose thinking can go back."""

    thinking: frozenset[str] = frozenset()
    reasoning: bool = True
    seed: bool = False
    sampling: frozenset[str] = _ALL_SAMPLING
    metadata: bool = False
    images: bool = True
    image_urls: bool = True
    tools: bool = True
    choices: frozenset[ToolMode] = frozenset(ToolMode)
    single_calls: bool = True
    argument_objects: bool = False
    result_names: bool = False
    formats: frozenset[FormatKind] = frozenset(FormatKind)
    stops: int = UNBOUNDED
    needs_user: bool = False


ANTHROPIC = Carriage(
    thinking=frozenset((WireProtocol.ANTHROPIC,)),
    sampling=frozenset(("temperature", "top_p", "top_k")),
    argument_objects=True,
    needs_user=True,
)
# At most five stop sequences: ai.google.dev/api/generate-content, GenerationConfig.stopSequences.
GEMINI = Carriage(
    thinking=frozenset((WireProtocol.GEMINI,)),
    seed=True,
    single_calls=False,
    argument_objects=True,
    result_names=True,
    stops=5,
)


def carriage(deployment: Deployment) -> Carriage:
    """What `deployment` carries."""
    return _BY_PROTOCOL[deployment.protocol](deployment)


def _of_openai(deployment: Deployment) -> Carriage:
    how = dialect(deployment)
    sampling = _ALL_SAMPLING if how.top_k else _ALL_SAMPLING - {"top_k"}
    return Carriage(
        seed=bool(how.seed),
        sampling=sampling & {"top_k"} if how.fixed_sampling else sampling,
        metadata=how.metadata,
    )


def _of_anthropic(deployment: Deployment) -> Carriage:
    support = sampling_support(model_name(deployment))
    return replace(ANTHROPIC, sampling=frozenset()) if support is SamplingSupport.NONE else ANTHROPIC


def _of_gemini(deployment: Deployment) -> Carriage:  # noqa: ARG001 - all models take the same
    return GEMINI


_BY_PROTOCOL: Mapping[WireProtocol, Callable[[Deployment], Carriage]] = MappingProxyType(
    {
        WireProtocol.OPENAI: _of_openai,
        WireProtocol.ANTHROPIC: _of_anthropic,
        WireProtocol.GEMINI: _of_gemini,
    }
)
