"""Drills: a provider that fails half way, and decisions that somebody tampered with."""

import asyncio
import json
import urllib.request
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace

from turnout_client import Client, Decision, TurnoutError


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """What was tried, and the public reason with which the worker refused; empty if it did not, which would be a defect."""

    attempt: str
    reason: str
    message: str


class Outage:
    """Makes the provider that is asked most answer 503, from the prompt `first` until the prompt `last`.

    It begins later where nothing is answered yet by then, and ends once.
    """

    def __init__(self, addresses: Mapping[str, str], first: int, last: int) -> None:
        self._addresses = addresses
        self._first = first
        self._last = last
        self._over = False
        self.provider = ""

    async def before(self, number: int, providers: Counter[str], tell: Callable[[str], None]) -> None:
        """Begin or end the outage when its prompt comes; `providers` are those of the answers so far."""
        if number >= self._first and not self.provider and providers:
            self.provider = providers.most_common(1)[0][0]
            tell(f"{self.provider} fails from now on: its sandbox answers every call with 503")
            await _admin(self._addresses[self.provider], "PUT", {"faults": [{"kind": "status", "status": 503}]})
        elif number >= self._last and self.provider and not self._over:
            self._over = True
            tell(f"{self.provider} works again; breakers find out with a few probes")
            await _admin(self._addresses[self.provider], "DELETE", None)


async def _admin(address: str, method: str, body: Mapping[str, object] | None) -> None:
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(f"{address}/_sandbox/faults", data=data, method=method)  # noqa: S310 - our own sandbox
    await asyncio.to_thread(lambda: urllib.request.urlopen(request, timeout=5).close())  # noqa: S310 - as above


async def open_breakers(client: Client) -> list[str]:
    """What an explanation says of targets that workers found broken."""
    explanation = await client.explain("Is everything all right?")
    return [one.detail for one in explanation.candidates if one.exclusion and one.exclusion.value == "unhealthy"]


async def tampering(client: Client, ask: str) -> list[Refused]:
    """Present decisions that are not what was signed, each in another way.

    `client` knows one worker only: a second one would run a decision once more, since workers share no state.
    """
    found = []
    for attempt, forge in _FORGERIES.items():
        decision = await client.decide(ask)
        found.append(await _present(client, attempt, await forge(client, decision)))
    decision = await client.decide(ask)
    await client.generate(decision)
    found.append(await _present(client, "the same decision run a second time", decision))
    return found


async def _present(client: Client, attempt: str, decision: Decision) -> Refused:
    try:
        await client.generate(decision)
    except TurnoutError as error:
        return Refused(attempt=attempt, reason=error.reason, message=error.message)
    return Refused(attempt=attempt, reason="", message="the worker ran it")


async def _dearer_model(client: Client, decision: Decision) -> Decision:  # noqa: ARG001 - forgeries have one signature
    """The same length, so that nothing but the signature can notice."""
    envelope = type(decision.envelope)()
    envelope.CopyFrom(decision.envelope)
    name = decision.deployment.encode()
    envelope.payload = envelope.payload.replace(name, name[:-1] + bytes([name[-1] ^ 1]), 1)
    return replace(decision, envelope=envelope)


async def _other_request(client: Client, decision: Decision) -> Decision:
    other = await client.decide("Write a novel of a thousand pages.")
    return replace(decision, payload=other.payload)


_FORGERIES: Mapping[str, Callable[[Client, Decision], Awaitable[Decision]]] = {
    "another model written into the plan": _dearer_model,
    "another request than the one that was decided on": _other_request,
}
