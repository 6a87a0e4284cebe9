"""What each wire protocol carries of a chat request, as data."""

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from types import MappingProxyType

from dataplane.chat.model import FormatKind, ToolMode
from dataplane.provider import gemini_thinking
from dataplane.provider.anthropic_model import SamplingSupport, ThinkingSupport, sampling_support, thinking_support
from dataplane.provider.bedrock_model import Family, ThinkingWords, TopK, claude_name, family
from dataplane.provider.bedrock_request import IMAGE_FORMATS
from dataplane.provider.conversation import model_name
from dataplane.provider.gemini_request import MAX_STOPS
from dataplane.provider.openai_dialect import Dialect, dialect
from dataplane.provider.openai_dialect import family as openai_family
from dataplane.provider.openai_reasoning import ThinkingBack, thinks
from dataplane.snapshot.model import Deployment, WireProtocol

_ALL_SAMPLING = frozenset(("temperature", "top_p", "top_k", "frequency_penalty", "presence_penalty"))
_FORCED = frozenset((ToolMode.REQUIRED, ToolMode.NAMED))
UNBOUNDED = sys.maxsize
KEPT = 4096
"""Deployments whose carriages are kept; each is asked for several times a request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Carriage:
    """What is carried; `thinking` names the protocols whose thinking can go back, `metadata` its members that are told.

    `image_urls` are how addresses of pictures may begin; `image_types` their media types, None for any. `choices` are the tool
    choices beside `auto`; NONE is possible everywhere, by offering no tools, unless `offers_called` says that tools that
    were called must be offered still.
    """

    thinking: frozenset[str] = frozenset()
    reasoning: bool = True
    seed: bool = False
    sampling: frozenset[str] = _ALL_SAMPLING
    metadata: frozenset[str] = frozenset()
    images: bool = True
    image_urls: tuple[str, ...] = ("",)
    image_types: frozenset[str] | None = None
    tools: bool = True
    result_images: bool = True
    choices: frozenset[ToolMode] = _FORCED
    offers_called: bool = False
    single_calls: bool = True
    argument_objects: bool = False
    result_names: bool = False
    formats: frozenset[FormatKind] = frozenset(FormatKind)
    stops: int = UNBOUNDED
    needs_user: bool = False


ANTHROPIC = Carriage(
    thinking=frozenset((WireProtocol.ANTHROPIC,)),
    metadata=frozenset(("user_id",)),
    argument_objects=True,
    needs_user=True,
)
GEMINI = Carriage(
    thinking=frozenset((WireProtocol.GEMINI,)),
    seed=True,
    single_calls=False,
    argument_objects=True,
    result_names=True,
    stops=MAX_STOPS,
)


@lru_cache(maxsize=KEPT)
def carriage(deployment: Deployment) -> Carriage:
    """What `deployment` carries."""
    return _BY_PROTOCOL[deployment.protocol](deployment)


def _of_openai(deployment: Deployment) -> Carriage:
    how = dialect(deployment)
    sampling = _ALL_SAMPLING if how.top_k else _ALL_SAMPLING - {"top_k"}
    return Carriage(
        thinking=frozenset(() if how.thinking_back is ThinkingBack.NONE else (WireProtocol.OPENAI,)),
        reasoning=thinks(how.reasoning, openai_family(deployment)),
        seed=bool(how.seed),
        sampling=sampling & {"top_k"} if how.fixed_sampling else sampling,
        images=how.images,
        image_urls=("",) if how.image_urls else ("data:",),
        result_images=how.user_after_tool,
        choices=_FORCED if how.choices else frozenset(),
        single_calls=how.single_calls,
        formats=frozenset(_formats(how)),
        stops=UNBOUNDED if how.stops is None else how.stops,
    )


def _formats(how: Dialect) -> Iterator[FormatKind]:
    yield FormatKind.TEXT
    if how.json:
        yield FormatKind.JSON
    if how.schemas:
        yield FormatKind.JSON_SCHEMA


def _of_anthropic(deployment: Deployment) -> Carriage:
    model = model_name(deployment)
    return replace(
        ANTHROPIC,
        sampling=_sampling_of_claude(model),
        reasoning=thinking_support(model) is not ThinkingSupport.NONE,
    )


def _of_gemini(deployment: Deployment) -> Carriage:
    return replace(GEMINI, reasoning=gemini_thinking.thinks(model_name(deployment)))


def _of_bedrock(deployment: Deployment) -> Carriage:
    kind = family(deployment)
    formats = {FormatKind.TEXT}
    if kind.schemas or kind.answers_by_tool:
        formats.add(FormatKind.JSON_SCHEMA)
    if kind.answers_by_tool:
        formats.add(FormatKind.JSON)
    sampling = frozenset(("temperature", "top_p"))
    if kind.thinking is ThinkingWords.CLAUDE:
        sampling = _sampling_of_claude(claude_name(deployment))
    elif kind.top_k is not TopK.NONE:
        sampling |= {"top_k"}
    return Carriage(
        thinking=frozenset((WireProtocol.BEDROCK,)),
        reasoning=_is_told_to_think(deployment, kind),
        sampling=sampling,
        image_urls=("s3://",),
        image_types=frozenset(IMAGE_FORMATS),
        choices=kind.choices,
        offers_called=True,
        single_calls=False,
        argument_objects=True,
        formats=frozenset(formats),
        needs_user=True,
    )


def _is_told_to_think(deployment: Deployment, kind: Family) -> bool:
    if kind.thinking is ThinkingWords.CLAUDE:
        return thinking_support(claude_name(deployment)) is not ThinkingSupport.NONE
    return kind.thinking is not ThinkingWords.NONE


def _sampling_of_claude(model: str) -> frozenset[str]:
    if sampling_support(model) is SamplingSupport.NONE:
        return frozenset()
    return frozenset(("temperature", "top_p", "top_k"))


_BY_PROTOCOL: Mapping[WireProtocol, Callable[[Deployment], Carriage]] = MappingProxyType(
    {
        WireProtocol.OPENAI: _of_openai,
        WireProtocol.ANTHROPIC: _of_anthropic,
        WireProtocol.GEMINI: _of_gemini,
        WireProtocol.BEDROCK: _of_bedrock,
    }
)
