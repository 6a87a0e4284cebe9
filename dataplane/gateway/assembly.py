"""Builds the gateway of a worker out of its parts."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from dataplane.execution.runner import Runner
from dataplane.gateway.admission import Admission, Decide, Doorkeeper
from dataplane.gateway.affinity import Affinities
from dataplane.gateway.anthropic.counting import CountTokens
from dataplane.gateway.anthropic.messages import Messages
from dataplane.gateway.anthropic.models import Models as AnthropicModels
from dataplane.gateway.app import Gateway, House, Plain, Serve, Served
from dataplane.gateway.cache import Cache, CountedCache, MemoryCache
from dataplane.gateway.chat import Chats, Kitchen
from dataplane.gateway.counting import Counting
from dataplane.gateway.embedding import Embeddings
from dataplane.gateway.face import ChatFace, Errors, ModelsFace
from dataplane.gateway.gemini.counting import CountTokens as GeminiCountTokens
from dataplane.gateway.gemini.generate_content import GenerateContent
from dataplane.gateway.gemini.models import Models as GeminiModels
from dataplane.gateway.health import Health
from dataplane.gateway.listing import Listing
from dataplane.gateway.openai.completions import ChatCompletions
from dataplane.gateway.openai.embeddings import Embeddings as EmbeddingsFace
from dataplane.gateway.openai.models import Models as OpenAIModels
from dataplane.gateway.openai.responses import Responses
from dataplane.gateway.routes import Route
from dataplane.gateway.watching import Watching
from dataplane.permit.context import Context
from dataplane.rpc.content import Content
from dataplane.snapshot.holder import SnapshotHolder
from turnout_wire.server import Principal
from turnout_wire.telemetry import Telemetry


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a worker lends to its gateway."""

    snapshots: SnapshotHolder
    permit: Context
    decide: Decide
    runner: Runner
    authenticate: Callable[[str], Principal | None]
    draining: Callable[[], bool]
    telemetry: Telemetry
    content: Content
    clock: Callable[[], datetime]
    monotonic: Callable[[], float]
    max_concurrent: int
    cache: Cache | None = None
    metrics: Plain | None = None
    dev: bool = False
    """Whether `authenticate` lets in whoever is on this machine."""


def opened_cache(
    place: str, seconds: float, monotonic: Callable[[], float], failed: Callable[[], None]
) -> CountedCache | None:
    """The cache at `place`, see the worker's configuration; None for nowhere. Raises OSError if Valkey's client is missing."""
    kind, _, size = place.partition(":")
    if not place:
        return None
    if kind == "memory":
        return CountedCache(MemoryCache(monotonic, seconds, int(size) * 1024 * 1024))
    try:
        from dataplane.gateway.valkey_cache import ValkeyCache  # its client is an extra
    except ImportError as missing:
        raise OSError("--cache valkey://… needs the extra: pip install 'turnout[valkey]'") from missing
    return CountedCache(ValkeyCache(place, seconds, failed))


def gateway(parts: Parts) -> Gateway:
    """The application."""
    affinities = Affinities(parts.monotonic)
    keeper = Doorkeeper(
        snapshots=parts.snapshots,
        permit=parts.permit,
        decide=parts.decide,
        clock=parts.clock,
        draining=parts.draining,
    )
    kitchen = Kitchen(
        admission=Admission(keeper, affinities),
        runner=parts.runner,
        affinities=affinities,
        cache=parts.cache,
        clock=parts.clock,
        monotonic=parts.monotonic,
    )
    health = Health(parts.snapshots, parts.draining, dev=parts.dev)
    plain: dict[str, Plain] = {"/health": health.health, "/ready": health.ready}
    if parts.metrics is not None:
        plain["/metrics"] = parts.metrics
    return Gateway(
        House(
            served=_served(kitchen, parts),
            plain=plain,
            authenticate=parts.authenticate,
            watching=Watching(parts.telemetry, parts.content, parts.monotonic),
            strangers=ChatCompletions(),
            monotonic=parts.monotonic,
        ),
        parts.max_concurrent,
    )


def _served(kitchen: Kitchen, parts: Parts) -> dict[Route, Served]:
    def chats(face: ChatFace) -> Served:
        return Served(serve=Chats(face, kitchen), face=face)

    def listing(face: ModelsFace) -> Served:
        return Served(serve=Listing(face, parts.snapshots.fresh), face=face, reads=False)

    def other(serve: Serve, face: Errors) -> Served:
        return Served(serve=serve, face=face)

    embeddings, counting, gemini_counting = EmbeddingsFace(), CountTokens(), GeminiCountTokens()
    return {
        Route.CHAT_COMPLETIONS: chats(ChatCompletions()),
        Route.RESPONSES: chats(Responses()),
        Route.EMBEDDINGS: other(Embeddings(embeddings, kitchen), embeddings),
        Route.MODELS: listing(OpenAIModels()),
        Route.MODEL: listing(OpenAIModels()),
        Route.ANTHROPIC_MODELS: listing(AnthropicModels()),
        Route.ANTHROPIC_MODEL: listing(AnthropicModels()),
        Route.MESSAGES: chats(Messages()),
        Route.COUNT_TOKENS: other(Counting(counting), counting),
        Route.GENERATE_CONTENT: chats(GenerateContent()),
        Route.GEMINI_COUNT_TOKENS: other(Counting(gemini_counting), gemini_counting),
        Route.GEMINI_MODELS: listing(GeminiModels()),
        Route.GEMINI_MODEL: listing(GeminiModels()),
    }
