"""When the first token of an answer comes, and the ones after it."""

from dataclasses import dataclass

from dataplane.provider.sandbox.draws import Draws
from dataplane.provider.sandbox.profile import ModelProfile


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """`first_s` until the first token can be sent, `token_s` for each one after it."""

    first_s: float
    token_s: float

    def at(self, tokens: int) -> float:
        """When `tokens` tokens have been made, in seconds from the start of the call."""
        return self.first_s + self.token_s * max(0, tokens - 1)


def pace_of(profile: ModelProfile, draws: Draws, *, scale: float, reasoning_tokens: int) -> Pace:
    """The pace of one call: medians of the profile, lognormal jitter, all times multiplied by `scale`.

    Hidden reasoning takes as long as the same number of visible tokens.
    """
    if not scale:
        return Pace(first_s=0.0, token_s=0.0)
    token_s = scale / draws.lognormal(profile.tokens_per_second, profile.jitter)
    first_s = scale * draws.lognormal(profile.first_token_s, profile.jitter)
    return Pace(first_s=first_s + reasoning_tokens * token_s, token_s=token_s)
