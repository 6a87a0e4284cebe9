"""How a model behaves: latency, quality, limits."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from dataplane.provider.sandbox.call import ProtocolName


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelProfile:
    """The behaviour of one model.

    `first_token_s` and `tokens_per_second` are medians; `jitter` is the sigma of the lognormal around them.
    `quality` is the probability in [0, 1] that an answer is good. `reasoning_tokens` is the median of hidden
    tokens before the answer, 0 for none. `verbosity` scales the length of answers, and `chunk_tokens` is the
    number of tokens in a streamed event (None: as the protocol does it). `cache_min_tokens` is the shortest
    prompt prefix that a second call finds cached. `version` is the name in answers, if it is another one.
    """

    protocol: ProtocolName | None = None
    version: str | None = None
    first_token_s: float = 0.5
    tokens_per_second: float = 80.0
    jitter: float = 0.15
    quality: float = 0.9
    reasoning_tokens: int = 0
    verbosity: float = 1.0
    chunk_tokens: int | None = None
    context_window: int = 200_000
    max_output_tokens: int = 16_384
    cache_min_tokens: int = 1_024


class UnknownModels(StrEnum):
    """What to do with a model that has no profile."""

    SERVE = "serve"
    REFUSE = "refuse"


# The first fragment that a name contains gives its profile: the small ones stand before their families.
BUILT_IN: tuple[tuple[str, ModelProfile], ...] = (
    ("gpt-4o-mini", ModelProfile(first_token_s=0.45, tokens_per_second=110, quality=0.85, context_window=128_000)),
    ("gpt-4o", ModelProfile(first_token_s=0.6, tokens_per_second=75, quality=0.95, context_window=128_000)),
    ("claude-3-5-haiku", ModelProfile(first_token_s=0.4, tokens_per_second=120, quality=0.82)),
    ("claude-3-5-sonnet", ModelProfile(first_token_s=0.7, tokens_per_second=70, quality=0.94)),
    (
        "gemini-1.5-flash",
        ModelProfile(first_token_s=0.3, tokens_per_second=160, quality=0.78, context_window=1_000_000),
    ),
    ("gemini-1.5-pro", ModelProfile(first_token_s=0.7, tokens_per_second=65, quality=0.9, context_window=2_000_000)),
    ("nano", ModelProfile(first_token_s=0.3, tokens_per_second=180, quality=0.8)),
    ("lite", ModelProfile(first_token_s=0.3, tokens_per_second=200, quality=0.78, context_window=1_000_000)),
    ("-mini", ModelProfile(first_token_s=0.5, tokens_per_second=120, quality=0.88, context_window=400_000)),
    ("haiku", ModelProfile(first_token_s=0.4, tokens_per_second=130, quality=0.88)),
    ("flash", ModelProfile(first_token_s=0.4, tokens_per_second=180, quality=0.87, context_window=1_000_000)),
    (
        "opus",
        ModelProfile(
            first_token_s=1.1, tokens_per_second=50, quality=0.98, context_window=1_000_000, reasoning_tokens=150
        ),
    ),
    (
        "sonnet",
        ModelProfile(
            first_token_s=0.8, tokens_per_second=70, quality=0.95, context_window=1_000_000, reasoning_tokens=100
        ),
    ),
    (
        "gemini",
        ModelProfile(
            first_token_s=0.9, tokens_per_second=80, quality=0.96, context_window=1_000_000, reasoning_tokens=120
        ),
    ),
    (
        "gpt-5",
        ModelProfile(
            first_token_s=0.9, tokens_per_second=70, quality=0.97, context_window=400_000, reasoning_tokens=120
        ),
    ),
)
PLAIN = ModelProfile()


def profile_of(
    model: str, profiles: Mapping[str, ModelProfile], unknown: UnknownModels, protocol: ProtocolName
) -> ModelProfile | None:
    """The profile that `model` has over `protocol`, or None where it cannot be called there."""
    found = profiles.get(model)
    if found is None:
        return built_in(model) if unknown is UnknownModels.SERVE else None
    return found if found.protocol in (None, protocol) else None


def built_in(model: str) -> ModelProfile:
    """The profile that comes with the sandbox for a model of that name."""
    return next((profile for fragment, profile in BUILT_IN if fragment in model), PLAIN)
