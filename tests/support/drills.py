"""Fault drills: one gateway, and for each drill two deployments of its own, the first of them behind a proxy that plays faults."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import anthropic
import openai
from anthropic.types import MessageParam
from openai.types.chat import ChatCompletionMessageParam

from tests.support.asking import balances
from tests.support.backbone import PROMPT, Json, backbone, deployment
from tests.support.claude import claude
from tests.support.fault_proxy import FaultProxy, Play, fault_proxy
from tests.support.gateway import Desk, desk
from tests.support.provider import Step, answer
from turnout.audit.v1 import audit_pb2
from turnout.outcome.v1 import receipt_pb2

BUDGETS: list[Json] = [{"name": "all", "limit_usd": 100, "window": "total"}]
POLICIES: list[Json] = [
    {"name": "cheap", "strategy": "cheapest"},
    {"name": "single", "strategy": "cheapest", "limits": {"max_attempts": 1}},
]
WORKLOADS: list[Json] = [
    {"name": "alone", "owner": "drills", "policy": "single", "baseline": "large", "when": {"features": ["alone"]}},
    {"name": "default", "owner": "drills", "policy": "cheap", "baseline": "large"},
]
STATED = {"small": 17_000, "large": 170_000}
"""Nano-dollars of the 17 tokens that the providers state."""
CHAT: list[ChatCompletionMessageParam] = [{"role": "user", "content": PROMPT}]
MESSAGES: list[MessageParam] = [{"role": "user", "content": PROMPT}]


class Way(StrEnum):
    """How a caller asks."""

    WHOLE = "whole"
    STREAM = "stream"
    CLAUDE = "claude"
    """A stream by Anthropic's SDK, whose deployments speak its protocol."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drill:
    """What goes wrong at the first target, and what is to come of it.

    `plays` are for the proxy before it, `steps` for the provider behind that. `alone`: one attempt is all that the policy allows.
    `seen`: the class of the SDK's exception with status, reason and `x-should-retry`, or nothing; `read` is the text before.
    `receipt` is result and reason; `calls` and `skipped` name the targets in order: who, outcome, error, and what it is billed at.
    """

    name: str
    way: Way
    plays: Sequence[Play] = ()
    steps: Sequence[Step] = ()
    second: Sequence[Step] = ()
    refused: bool = False
    tls: bool = False
    alone: bool = False
    timeouts: Mapping[str, str] = field(default_factory=dict)
    seen: str = ""
    read: str = "Blue."
    receipt: str = "succeeded"
    calls: Sequence[str] = ()
    skipped: Sequence[str] = ()

    @property
    def id(self) -> str:
        """Its name among the tests'."""
        return " ".join((self.name, self.way, *(["alone"] if self.alone else [])))


@dataclass(frozen=True, slots=True, kw_only=True)
class Came:
    """What came of a drill, in the words of Drill."""

    seen: str
    read: str
    receipt: str
    calls: tuple[str, ...]
    skipped: tuple[str, ...]


def expected(drill: Drill) -> Came:
    """What is to come of it."""
    return Came(
        seen=drill.seen,
        read=drill.read,
        receipt=drill.receipt,
        calls=tuple(drill.calls),
        skipped=tuple(drill.skipped),
    )


@dataclass(slots=True, kw_only=True)
class Ground:
    """Where drills are held: a gateway, and for each drill its proxy."""

    desk: Desk
    claude: anthropic.AsyncAnthropic
    proxies: Mapping[str, FaultProxy]
    names: Mapping[str, str]

    async def held(self, drill: Drill) -> Came:
        """Hold a drill. The balance has to be what the receipt says, with nothing held any more."""
        await self.set_up(drill)
        before = await self.spent()
        receipts = self.receipts()
        asked = Asked(headers=self.headers(drill), alone=drill.alone)
        await self.ask(drill.way, asked)
        receipt = await self.receipt(asked.decision_id, receipts)
        assert await self.spent() - before == receipt.cost_nanousd, "what is billed is what the receipt says"
        assert receipt.cost_nanousd == sum(attempt.cost_nanousd for attempt in receipt.attempts)
        return Came(
            seen=asked.seen,
            read=asked.read,
            receipt=self.stated(receipt),
            calls=self.calls(receipt),
            skipped=tuple(f"{_who(each.deployment)} {each.reason}" for each in receipt.skipped),
        )

    async def ask(self, way: Way, asked: "Asked") -> None:
        """Ask by an SDK."""
        await _ASK[way](self, asked)

    @staticmethod
    def stated(receipt: receipt_pb2.Receipt) -> str:
        """Result and reason."""
        return " ".join((_word(receipt_pb2.RunResult.Name(receipt.result)), receipt.error_reason)).strip()

    @staticmethod
    def calls(receipt: receipt_pb2.Receipt) -> tuple[str, ...]:
        """Who was called, how that ended, and what it is billed at."""
        return tuple(_called(attempt) for attempt in receipt.attempts)

    async def set_up(self, drill: Drill) -> None:
        """Tell the proxy and the providers what to do."""
        name, proxy, providers = self.names[drill.id], self.proxies[drill.id], self.desk.planes.providers
        usual = claude("Bl", "ue.") if drill.way is Way.CLAUDE else answer("Bl", "ue.")
        proxy.then(*drill.plays)
        if drill.refused:
            await proxy.refuse()
        providers.then(f"{name}-first", *drill.steps, *[usual] * 3)
        providers.then(f"{name}-second", *drill.second, *[usual] * 3)

    def headers(self, drill: Drill) -> dict[str, str]:
        """What sends a request to the drill's own deployments."""
        name = self.names[drill.id]
        return {"x-turnout-providers": f"{name}-first,{name}-second", "x-turnout-session": drill.id}

    async def spent(self) -> int:
        """The balance, once nothing is held."""
        found = (await balances(self.desk.planes.control))["all"]
        assert found.reserved == 0
        return found.spent

    def receipts(self) -> float:
        """How many were taken so far."""
        return self.desk.planes.control.meter.total("turnout.receipts")

    async def receipt(self, decision_id: str, before: float) -> receipt_pb2.Receipt:
        """What the control plane has of a decision that was run once, when one more came than `before`."""
        control = self.desk.planes.control
        await control.meter.until("turnout.receipts", before + 1)
        response = await control.known_line("operator")(audit_pb2.GetDecisionRequest(decision_id=decision_id))
        (record,) = response.receipts
        receipt: receipt_pb2.Receipt = record.receipt
        return receipt


@dataclass(slots=True, kw_only=True)
class Asked:
    """One request by an SDK, and what it saw of the answer."""

    headers: Mapping[str, str]
    alone: bool = False
    decision_id: str = ""
    read: str = ""
    seen: str = ""

    @property
    def model(self) -> str:
        """What is asked for."""
        return "auto:alone" if self.alone else "auto"

    def told(self, headers: Any) -> None:
        """The head of the answer came."""
        self.decision_id = headers["x-turnout-decision-id"]

    def refused(self, error: openai.APIError | anthropic.APIError) -> None:
        """It ended with an error of the SDK's."""
        kind = type(error).__name__
        if isinstance(error, openai.APIStatusError | anthropic.APIStatusError) and error.status_code >= 400:
            headers = error.response.headers
            self.told(headers)
            self.seen = f"{kind} {error.status_code} {headers['x-turnout-error']}"
            self.seen += f" after {headers['retry-after']}" if "retry-after" in headers else ""
            self.seen += {"true": ", come again", "false": ", do not"}.get(headers.get("x-should-retry", ""), "")
        elif isinstance(error, openai.APIError):
            self.seen = f"{kind} {error.code}"
        else:
            body: Any = error.body
            self.seen = f"{kind} {body['error']['type']} {body['error']['details']['error_code']}"


async def _whole(ground: Ground, asked: Asked) -> None:
    try:
        raw = await ground.desk.openai.chat.completions.with_raw_response.create(
            model=asked.model, messages=CHAT, extra_headers=asked.headers
        )
    except openai.APIError as error:
        asked.refused(error)
        return
    asked.told(raw.headers)
    asked.read = raw.parse().choices[0].message.content or ""


async def _stream(ground: Ground, asked: Asked) -> None:
    try:
        raw = await ground.desk.openai.chat.completions.with_raw_response.create(
            model=asked.model, messages=CHAT, stream=True, extra_headers=asked.headers
        )
        asked.told(raw.headers)
        async for chunk in raw.parse():
            asked.read += chunk.choices[0].delta.content or "" if chunk.choices else ""
    except openai.APIError as error:
        asked.refused(error)


async def _claude(ground: Ground, asked: Asked) -> None:
    try:
        async with ground.claude.messages.stream(
            model=asked.model, max_tokens=64, messages=MESSAGES, extra_headers=asked.headers
        ) as stream:
            asked.told(stream.response.headers)
            async for text in stream.text_stream:
                asked.read += text
    except anthropic.APIError as error:
        asked.refused(error)


_ASK: Mapping[Way, Callable[[Ground, Asked], Any]] = {Way.WHOLE: _whole, Way.STREAM: _stream, Way.CLAUDE: _claude}


def _called(attempt: receipt_pb2.Attempt) -> str:
    """Who was called, how it ended, and whether it is billed: nothing, what the provider stated, or an estimate."""
    outcome = _word(receipt_pb2.AttemptOutcome.Name(attempt.outcome))
    if attempt.cost_estimated:
        assert attempt.cost_nanousd > 0
        bill = "estimated"
    else:
        assert attempt.cost_nanousd in (0, STATED[attempt.model])
        bill = "stated" if attempt.cost_nanousd else "free"
    return " ".join(word for word in (_who(attempt.deployment), outcome, attempt.error, bill) if word)


def _who(name: str) -> str:
    return name.partition("/")[0].rpartition("-")[2]


def _word(name: str) -> str:
    return name.rpartition("_")[2].lower()


def places(drill: Drill, name: str, address: str) -> list[Json]:
    """The two deployments of a drill; `address` is the proxy's. The second one's address is told later."""
    protocol = "anthropic" if drill.way is Way.CLAUDE else "openai"
    scheme = "https" if drill.tls else "http"
    first = deployment("small", f"{name}-first", f"{scheme}://{address}", protocol=protocol)
    if drill.timeouts:
        first["timeouts"] = dict(drill.timeouts)
    return [first, deployment("large", f"{name}-second", "http://{second}", protocol=protocol)]


@asynccontextmanager
async def training_ground(folder: Path, drills: Sequence[Drill]) -> AsyncIterator[Ground]:
    """A gateway for all these drills, each of which has its own proxy, deployments and so breakers."""
    async with AsyncExitStack() as stack:
        second = await stack.enter_async_context(fault_proxy())
        proxies = {drill.id: await stack.enter_async_context(fault_proxy()) for drill in drills}
        names = {drill.id: f"d{number:02d}" for number, drill in enumerate(drills)}
        listed = [
            {**place, "base_url": place["base_url"].format(second=second.address)}
            for drill in drills
            for place in places(drill, names[drill.id], proxies[drill.id].address)
        ]
        sections = {"deployments": listed, "budgets": BUDGETS, "policies": POLICIES, "workloads": WORKLOADS}
        planes = await stack.enter_async_context(backbone(folder, gateway="127.0.0.1:0", sections=sections))
        for proxy in (second, *proxies.values()):
            proxy.behind = planes.providers.address
        running = await stack.enter_async_context(desk(planes))
        anthropics = anthropic.AsyncAnthropic(base_url=running.url, api_key=running.key, max_retries=0)
        await stack.enter_async_context(anthropics)
        yield Ground(desk=running, claude=anthropics, proxies=proxies, names=names)
