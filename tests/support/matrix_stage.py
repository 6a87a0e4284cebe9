"""A gateway before every kind of provider, in a thread of its own, so that SDKs that block can be its clients too."""

import asyncio
import json
import re
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar, cast

from dataplane.provider.sandbox import Fault, FaultKind, LoopClock, ModelProfile, SandboxConfig, SandboxServer, Settings
from dataplane.provider.sandbox.exchange import Exchange
from dataplane.provider.sandbox.http1 import Request
from dataplane.provider.sandbox.profile import UnknownModels
from dataplane.provider.sandbox.script import Reply
from dataplane.provider.sandbox.service import Sandbox
from tests.support.arrived import Arrived
from tests.support.backbone import Json, backbone, model
from tests.support.wiretap import Wiretap, wiretap
from tools.compatibility_table import Client, Kind

PATIENCE = 60.0
Made = TypeVar("Made")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """How a kind of provider is reached: its protocol, the path of its base URL, and what it calls its model."""

    protocol: str
    provider: str
    path: str
    model: str
    more: Mapping[str, str] = field(default_factory=dict)
    vectors: str = "text-embedding-3-small"
    takes: tuple[str, ...] = ()
    """Fields that it takes beyond its protocol, which the sandbox does not know."""


PLACES: Mapping[Kind, Place] = {
    Kind.OPENAI: Place(protocol="openai", provider="openai", path="/v1", model="gpt-5.1"),
    Kind.COMPATIBLE: Place(protocol="openai", provider="vllm", path="/v1", model="gpt-oss-20b", takes=("top_k",)),
    Kind.AZURE: Place(
        protocol="openai", provider="azure", path="", model="gpt-5.2", more={"api_version": "2025-04-01-preview"}
    ),
    Kind.MISTRAL: Place(
        protocol="openai", provider="mistral", path="/v1", model="mistral-medium-latest", takes=("random_seed",)
    ),
    Kind.GROQ: Place(protocol="openai", provider="groq", path="/v1", model="llama-3.3-70b-versatile"),
    Kind.DEEPSEEK: Place(
        protocol="openai", provider="deepseek", path="/v1", model="deepseek-chat", takes=("thinking",)
    ),
    Kind.OPENROUTER: Place(
        protocol="openai", provider="openrouter", path="/v1", model="qwen/qwen3-32b", takes=("top_k", "reasoning")
    ),
    Kind.TOGETHER: Place(
        protocol="openai",
        provider="together",
        path="/v1",
        model="meta-llama/Llama-3.3-70B-Instruct-Turbo",
        takes=("top_k",),
    ),
    Kind.OLLAMA: Place(protocol="openai", provider="ollama", path="/v1", model="llama3.2"),
    Kind.ANTHROPIC: Place(protocol="anthropic", provider="anthropic", path="", model="claude-sonnet-4-5"),
    Kind.GEMINI: Place(
        protocol="gemini", provider="google", path="/v1beta", model="gemini-2.5-flash", vectors="gemini-embedding-001"
    ),
    Kind.BEDROCK: Place(
        protocol="bedrock", provider="bedrock", path="", model="eu.anthropic.claude-sonnet-4-5-20250929-v1:0"
    ),
}
_SOUND = ModelProfile(quality=1.0, reasoning_tokens=20, verbosity=0.3)


class Overheard:
    """A sandbox that keeps what it was asked, and gives some models' callers an answer of the test's own."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self.heard: list[Arrived] = []
        self.replies: dict[str, Reply] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sandbox, name)

    def exchange(self, request: Request) -> Exchange | None:
        """The answer."""
        body = json.loads(request.body) if request.body else {}
        self.heard.append(Arrived(path=request.path, headers=request.headers, body=deepcopy(body)))
        place = next((each for each in PLACES.values() if each.model == body.get("model")), None)
        if place is not None and any(body.pop(name, None) is not None for name in place.takes):
            request = replace(request, body=json.dumps(body).encode())
        for name, reply in self.replies.items():
            if name in request.path or body.get("model") == name:
                return Exchange(started_s=self._sandbox.clock.now(), steps=iter((reply,)))
        return self._sandbox.exchange(request)


@dataclass(slots=True, kw_only=True)
class Heard:
    """What came of one cell: the requests that providers got, and what the gateway told of them."""

    stage: "Stage"
    client_of: Client
    kind: Kind
    dropped: tuple[str, ...] = ()
    arrived_before: int = 0
    told_before: int = 0

    @property
    def url(self) -> str:
        """The gateway's address."""
        return self.stage.url

    @property
    def key(self) -> str:
        """The caller's key."""
        return self.stage.key

    @property
    def model(self) -> str:
        """What to ask for."""
        return str(self.kind)

    def client(self, make: Callable[["Heard"], Made]) -> Made:
        """What `make` makes, made once for all cells: an SDK's client takes longer to be made than to answer."""
        known = self.stage.clients
        if make not in known:
            known[make] = make(self)
        return cast("Made", known[make])

    @property
    def vectors(self) -> str:
        """What to ask for vectors."""
        return f"{self.kind}-vectors"

    @property
    def arrived(self) -> list[Arrived]:
        """What providers got."""
        return self.stage.overheard.heard[self.arrived_before :]

    def told(self, word: str) -> Any:
        """What the provider was last told by that word."""
        return self.arrived[-1].told(word)

    def carried(self, name: str, word: str, wanted: Any) -> None:
        """Check that the provider was told so; or, where the table says that `name` is dropped, was told nothing."""
        found = self.told(word)
        if name in self.dropped:
            assert not found, f"{name} is said to be dropped, and the provider was told {found!r}"
        else:
            assert found == wanted, f"the provider was told {found!r}, not {wanted!r}: {self.arrived[-1].body}"

    def header(self, name: str) -> str:
        """That header of the gateway's last answer."""
        came = bytes(self.stage.tap.came[self.told_before :])
        heads = re.findall(rb"(?im)^" + name.encode() + rb": ([^\r\n]*)", came)
        return str(heads[-1].decode()) if heads else ""


@dataclass(slots=True, kw_only=True)
class Stage:
    """What runs: the gateway at `url` through a tap, and the providers behind it."""

    url: str
    key: str
    tap: Wiretap
    overheard: Overheard
    clients: dict[Any, Any] = field(default_factory=dict)

    def listen(self, client: Client, kind: Kind, dropped: tuple[str, ...] = ()) -> Heard:
        """Listen from now on."""
        return Heard(
            stage=self,
            client_of=client,
            kind=kind,
            dropped=dropped,
            arrived_before=len(self.overheard.heard),
            told_before=len(self.tap.came),
        )


@asynccontextmanager
async def _playing(*faults: Fault) -> AsyncIterator[tuple[str, Overheard]]:
    config = SandboxConfig(
        settings=Settings(latency_scale=0.0, seed=7, unknown_models=UnknownModels.SERVE),
        models={**{place.model: _SOUND for place in PLACES.values()}, "short-model": replace(_SOUND, context_window=5)},
        faults=faults,
    )
    overheard = Overheard(Sandbox(config, LoopClock()))
    server = SandboxServer(cast("Sandbox", overheard))
    await server.start()
    try:
        yield server.address, overheard
    finally:
        await server.stop()


BROKEN: Mapping[str, Fault | None] = {
    "short": None,
    "filtered": None,
    "throttled": Fault(id="throttled", kind=FaultKind.STATUS, status=429, retry_after_s=7.0, model="throttled-model"),
    "down": Fault(id="down", kind=FaultKind.STATUS, status=503, model="down-model"),
    "slow": Fault(id="slow", kind=FaultKind.HANG, model="slow-model"),
    **{
        f"{kind}-cut": Fault(id=f"{kind}-cut", kind=FaultKind.DISCONNECT, after_chunks=9, model=f"cut-{place.model}")
        for kind, place in PLACES.items()
    },
}
"""Models that fail, each at a server of its own, so that no breaker of one opens for another."""
_FILTERED = b'{"error":{"message":"filtered","type":"invalid_request_error","param":"prompt","code":"content_filter"}}'


def _broken(name: str, address: str, key: Path) -> Json:
    kind = Kind(name.removesuffix("-cut")) if name.endswith("-cut") else Kind.COMPATIBLE
    called = f"cut-{PLACES[kind].model}" if name.endswith("-cut") else f"{name}-model"
    return _deployed(kind, name, called, address, key)


def _deployed(kind: Kind, name: str, called: str, address: str, key: Path) -> Json:
    place = PLACES[kind]
    return {
        "name": f"{kind}/{name}",
        "model": name,
        "provider": place.provider,
        "protocol": place.protocol,
        "base_url": address + place.path,
        "provider_model": called,
        "credential": f"file:{key}",
        **place.more,
    }


def _catalog(address: str, key: Path, broken: Mapping[str, str]) -> Json:
    able = ["code", "reasoning", "creative", "vision", "tools", "json", "json_schema"]
    models = [
        *(
            model(str(kind), 1, 0.99, capabilities=able, provider=place.provider, max_output_tokens=8000)
            for kind, place in PLACES.items()
        ),
        *(
            model(f"{kind}-vectors", 1, 0.99, capabilities=["embeddings"], provider=place.provider)
            for kind, place in PLACES.items()
        ),
    ]
    models += [model(name, 1000, 0.9, capabilities=able, provider="broken", max_output_tokens=8000) for name in broken]
    deployments = [
        *(
            _deployed(kind, name, called, address, key)
            for kind, place in PLACES.items()
            for name, called in ((str(kind), place.model), (f"{kind}-vectors", place.vectors))
        ),
        *(_broken(name, where, key) for name, where in broken.items()),
    ]
    workloads: list[Json] = [
        {"name": name, "owner": "platform", "policy": "cheap", "baseline": "openai"} for name in ("poor", "default")
    ]
    workloads[0]["when"] = {"features": ["poor"]}
    return {
        "models": models,
        "deployments": deployments,
        "workloads": workloads,
        "policies": [{"name": "cheap", "strategy": "cheapest"}],
        "budgets": [{"name": "poor", "limit_usd": 0.0001, "window": "total", "workloads": ["poor"]}],
    }


@asynccontextmanager
async def _running(folder: Path) -> AsyncIterator[Stage]:
    key = folder / "provider-key"
    key.write_text("sk-provider", encoding="utf-8")
    async with AsyncExitStack() as stack:
        address, overheard = await stack.enter_async_context(_playing())
        broken = {}
        for name, fault in BROKEN.items():
            broken[name], failing = await stack.enter_async_context(_playing(*([fault] if fault else [])))
            failing.replies["filtered-model"] = Reply(0.0, 400, (("content-type", "application/json"),), _FILTERED)
        sections = _catalog(address, key, broken)
        planes = await stack.enter_async_context(backbone(folder, sections=sections, gateway="127.0.0.1:0"))
        tap = await stack.enter_async_context(wiretap(planes.worker.plane.gateway_address))
        yield Stage(url=f"http://{tap.address}", key=planes.control.token("local"), tap=tap, overheard=overheard)


@contextmanager
def stage(folder: Path) -> Iterator[Stage]:
    """Everything, running in another thread while the block runs."""
    loop, ready, over = asyncio.new_event_loop(), threading.Event(), asyncio.Event()
    found: list[Stage | BaseException] = []

    async def run() -> None:
        try:
            async with _running(folder) as running:
                found.append(running)
                ready.set()
                await over.wait()
        except BaseException as error:
            found.append(error)
            ready.set()
            raise

    def work() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(run())

    thread = threading.Thread(target=work, name="stage")
    thread.start()
    ready.wait(PATIENCE)
    try:
        running = found[0] if found else TimeoutError(f"the planes did not start within {PATIENCE} s")
        if isinstance(running, BaseException):
            raise running
        yield running
        for client in running.clients.values():
            client.close()
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(PATIENCE)
