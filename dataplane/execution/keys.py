"""The keys of a deployment: whose turn it is, and what the provider's rate limits leave of each."""

from collections.abc import Collection, Mapping, Sequence
from urllib.parse import urlsplit

from dataplane.execution.board import TargetKey
from dataplane.execution.clock import Clock
from dataplane.provider.headroom import Headroom, merged, read_headroom, renewed, share_left, total
from dataplane.snapshot.model import Deployment

NEAR_ENOUGH = 0.5
"""Keys that have at least this part of what the best one has left take turns; the others come after them."""


def references(deployment: Deployment) -> tuple[str, ...]:
    """The references of a deployment's keys, each once; a single empty one where it needs none."""
    named = dict.fromkeys(name for name in (deployment.credential, *deployment.more_credentials) if name)
    return tuple(named) or ("",)


def target_key(deployment: Deployment, reference: str | None = None) -> TargetKey:
    """What fails together with `deployment` under the key of that reference, the first one if none is said."""
    address = urlsplit(deployment.base_url)
    return TargetKey(
        credential=references(deployment)[0] if reference is None else reference,
        provider=deployment.provider,
        origin=f"{address.scheme}://{address.netloc}",
        model=deployment.provider_model or deployment.model,
    )


def target_keys(deployment: Deployment) -> list[TargetKey]:
    """What fails together with `deployment`, for each of its keys."""
    return [target_key(deployment, reference) for reference in references(deployment)]


class KeyRing:
    """The keys of every deployment.

    Keys take turns, so that each bears its part; one with much less left than the best waits until the others have no more. To
    follow the best alone would send everybody to the same key until its next answer.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._turns: dict[str, int] = {}
        self._headrooms: dict[TargetKey, Headroom] = {}

    def order(self, deployment: Deployment) -> Sequence[str]:
        """The references of a deployment's keys, in the order in which the next call should ask for them."""
        names = references(deployment)
        if len(names) == 1:
            return names
        turn = self._turns.get(deployment.name, 0)
        self._turns[deployment.name] = (turn + 1) % len(names)
        left = {name: share_left(self._headroom(target_key(deployment, name))) for name in names}
        enough = NEAR_ENOUGH * max(left.values())
        in_turn = names[turn:] + names[:turn]
        return sorted(in_turn, key=lambda name: 0.0 if left[name] >= enough else 1.0 - left[name])

    def hear(self, key: TargetKey, headers: Mapping[str, str]) -> None:
        """Take in what an answer under `key` tells of its rate limits."""
        told = read_headroom(headers, self._clock.now())
        if told is not None:
            self._headrooms[key] = merged(self._headrooms.get(key), told)

    def headroom(self, keys: Collection[TargetKey]) -> Headroom | None:
        """What these keys leave together; None as long as one of them has told nothing, for it may leave anything."""
        known = [self._headroom(key) for key in keys]
        told = [headroom for headroom in known if headroom is not None]
        return total(told) if len(told) == len(known) else None

    def retain(self, keys: Collection[TargetKey]) -> None:
        """Forget all other keys."""
        wanted = set(keys)
        self._headrooms = {key: headroom for key, headroom in self._headrooms.items() if key in wanted}

    def _headroom(self, key: TargetKey) -> Headroom | None:
        told = self._headrooms.get(key)
        return None if told is None else renewed(told, self._clock.now())
