"""The product's own planes inside the test's process, on loopback, with a small catalog and providers that obey."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import random
from typing import Any

from controlplane.budget.model import Account, Balance
from controlplane.config import Config
from controlplane.config import read_config as read_control
from controlplane.state import State, open_state
from controlplane.store.open import open_store
from controlplane.store.protocols import Store
from controlplane.wiring import ControlPlane
from dataplane.config import read_config as read_worker
from dataplane.report.uplink import connect
from dataplane.wiring import Worker
from tests.support.line import Line
from tests.support.meter import Meter
from tests.support.provider import Providers, providers
from turnout.inference.v1 import chat_pb2, inference_pb2, payload_pb2
from turnout.routing.v1 import decision_pb2, routing_pb2
from turnout.snapshot.v1 import snapshot_pb2
from turnout.trust.v1 import envelope_pb2
from turnout_wire.chat_payload import CHAT_REQUEST

HEARTBEAT = 0.05
PROMPT = "Why is the sky blue?"
Json = dict[str, Any]


def model(name: str, usd: float, quality: float, **more: object) -> Json:
    """A model of a catalog's document; `usd` is the price of a million tokens, in and out."""
    return {
        "name": name,
        "provider": "first",
        "tier": "small",
        "as_of": "2026-11-21",
        "input_usd_per_mtok": usd,
        "output_usd_per_mtok": usd,
        "context_window": 100_000,
        "max_output_tokens": 4_000,
        "latency": "500ms",
        "quality": quality,
        "capabilities": ["code", "reasoning", "creative", "json"],
        **more,
    }


def deployment(of: str, provider: str, address: str, **more: object) -> Json:
    """A deployment of the model `of` at a provider of this machine."""
    base_url = f"{address}/{provider}/v1"
    entry = {"name": f"{provider}/{of}", "model": of, "provider": provider, "protocol": "openai", "base_url": base_url}
    return {**entry, **more}


def document(address: str, **changes: object) -> Json:
    """A catalog: `small` at first, its fallback `large` at second, under one policy that takes the cheapest."""
    whole: Json = {
        "version": 1,
        "models": [model("small", 1, 0.96), model("large", 10, 0.99, provider="second")],
        "deployments": [deployment("small", "first", address), deployment("large", "second", address)],
        "workloads": [
            {"name": "code-review", "owner": "dx", "policy": "best", "baseline": "large", "when": {"features": ["cr"]}},
            {"name": "default", "owner": "platform", "policy": "cheap", "baseline": "large"},
        ],
        "policies": [
            {"name": "cheap", "strategy": "cheapest"},
            {"name": "best", "strategy": {"kind": "fixed", "models": ["large"]}},
        ],
    }
    return {**whole, **changes}


def replaced(path: Path, text: str | Json) -> Path:
    """`text`, or a document as JSON, in the file `path`, as an editor that replaces files would leave it."""
    scratch = path.with_suffix(".editing")
    scratch.write_text(text if isinstance(text, str) else json.dumps(text, indent=1), encoding="utf-8")
    scratch.replace(path)
    return path


class ShiftedClock:
    """The clocks of this machine; they are later by what a test says, as if that time had passed in silence."""

    def __init__(self) -> None:
        self.shift = 0.0
        self.later = timedelta(0)

    def now(self) -> datetime:
        """The time of day, later by `later`."""
        return datetime.now(UTC) + self.later

    def monotonic(self) -> float:
        """Seconds, more by `shift`."""
        return time.monotonic() + self.shift


@dataclass(slots=True, kw_only=True)
class Control:
    """A control plane, running until it is stopped; `clock` is later when the test says so."""

    config: Config
    state: State
    store: Store
    plane: ControlPlane
    meter: Meter
    address: str
    clock: ShiftedClock
    lines: list[Line] = field(default_factory=list)
    stopped: bool = False

    def token(self, name: str) -> str:
        """The token of `local`, `operator` or `worker`, or of a caller that the test made."""
        return (self.config.state / "tokens" / name).read_text()

    def line(self, name: str = "local") -> Line:
        """A connection of that caller."""
        self.lines.append(Line(self.address, self.token(name)))
        return self.lines[-1]

    def known_line(self, name: str) -> Line:
        """A connection of that caller that may have been used before."""
        bearer = f"Bearer {self.token(name)}"
        known = (line for line in self.lines if dict(line.metadata)["authorization"] == bearer)
        return next(known, None) or self.line(name)

    def see(self, balances: Mapping[Account, Balance]) -> None:
        """Let it count on these balances, and on nothing that it saw before."""
        view = self.plane._records.view
        view.update({**dict.fromkeys(view.balances, Balance()), **balances})

    def show(self) -> None:
        """Let its next decision see all that workers told, though they tell more often than it looks."""
        self.plane._sight.show()

    async def pass_by(self, time: timedelta) -> None:
        """Let time pass, and what is due by then end."""
        self.clock.later += time
        await self.plane._records.sweep.sweep()

    async def stop(self) -> None:
        """Go down, hanging up on everybody; the second time does nothing."""
        for line in self.lines:
            await line.close()
        await self.go_down()

    async def go_down(self) -> None:
        """Stop, and leave it to the callers to come back."""
        if self.stopped:
            return
        self.stopped = True
        await self.plane.stop()
        await self.store.close()
        self.state.keys_folder.close()


async def start_control(
    state: Path,
    catalog: Path | None,
    listen: str = "127.0.0.1:0",
    draw: Callable[[], float] = random,
    *,
    store: str = "",
    http: str = "",
    drain: float = 0,
    clock: ShiftedClock | None = None,
    dev: bool = False,
) -> Control:
    """A control plane with its state in `state`, whose decisions are drawn by `draw`; `store` is in that folder if empty.

    `http` is where it serves HTTP, if anywhere; `drain` the seconds in which calls may finish; `dev` asks for no tokens.
    """
    told_time = clock or ShiftedClock()
    told = ["--listen", listen, "--state", str(state), "--catalog", str(catalog or ""), "--issuer", "turnout-test"]
    told += ["--store", store, "--http", http, *(["--dev"] if dev else [])]
    config = read_control([*told, "--heartbeat", str(HEARTBEAT), "--drain", str(drain)], {})
    kept = await open_store(config.store)
    opened, meter = open_state(config, kept, told_time.now), Meter()
    plane = ControlPlane(config, opened, kept, meter.telemetry(), draw=draw, clock=told_time.now)
    address = await plane.start()
    return Control(config=config, state=opened, store=kept, plane=plane, meter=meter, address=address, clock=told_time)


@dataclass(slots=True, kw_only=True)
class Running:
    """A running worker; `clock` is later when the test says so."""

    plane: Worker
    meter: Meter
    clock: ShiftedClock
    address: str
    uplink: Any
    lines: list[Line] = field(default_factory=list)

    def line(self, token: str) -> Line:
        """A connection of the caller with that token."""
        self.lines.append(Line(self.address, token))
        return self.lines[-1]

    async def stop(self) -> None:
        """Go down and report what is left."""
        for line in self.lines:
            await line.close()
        await self.plane.stop()
        await self.uplink.close()


async def start_worker(address: str, token_file: Path, **settings: Any) -> Running:
    """A worker of the control plane at `address`; it has its first snapshot unless `wait` is False."""
    wait = settings.pop("wait", True)
    told = ["--listen", "127.0.0.1:0", "--control", address, "--token-file", str(token_file), "--worker", "worker-1"]
    config = replace(read_worker([*told, "--drain", "0", "--allow-network", "127.0.0.0/8"], {}), **settings)
    uplink, meter, clock = connect(address, token_file), Meter(), ShiftedClock()
    plane = Worker(config, meter.telemetry(), uplink, clock)
    running = Running(plane=plane, meter=meter, clock=clock, address=await plane.start(), uplink=uplink)
    if wait:
        async with asyncio.timeout(60):
            await plane.ready()
    return running


@dataclass(slots=True, kw_only=True)
class Backbone:
    """Both planes, the file of the catalog, and the providers behind it."""

    control: Control
    worker: Running
    catalog: Path
    providers: Providers
    callers: Mapping[str, tuple[Line, Line]]

    @property
    def router(self) -> Line:
        """The usual caller's connection to the control plane."""
        return self.callers["local"][0]

    @property
    def runner(self) -> Line:
        """The usual caller's connection to the worker."""
        return self.callers["local"][1]

    async def decide(self, request: routing_pb2.DecideRouteRequest | None = None) -> routing_pb2.DecideRouteResponse:
        """A decision, on the usual prompt unless told otherwise."""
        response: routing_pb2.DecideRouteResponse = await self.router(request or asked())
        return response

    async def restart(self) -> None:
        """Stop the control plane, and start it again at its address with the state that it had. Connections come back."""
        old = self.control
        await old.go_down()
        self.control = await start_control(
            old.config.state,
            self.catalog,
            old.address,
            store=old.config.store,
            http=old.plane.http_address,
            clock=old.clock,
        )
        self.control.lines = old.lines

    async def stop(self) -> None:
        """Stop the worker, which reports what is left, and then the control plane."""
        await self.worker.stop()
        await self.control.stop()

    async def snapshot(self) -> snapshot_pb2.Snapshot:
        """What workers are given now."""
        response = await self.control.line("worker")(snapshot_pb2.GetSnapshotRequest())
        return snapshot_pb2.Snapshot.FromString(response.snapshot.payload)


@asynccontextmanager
async def backbone(
    folder: Path, *, store: str = "", http: str = "", sections: Json | None = None, **worker: Any
) -> AsyncIterator[Backbone]:
    """A control plane with its state in `folder`, one worker, and two providers; `sections` take the place of the catalog's."""
    async with AsyncExitStack() as stack:
        obeying = await stack.enter_async_context(providers())
        catalog = replaced(folder / "turnout.yaml", document(obeying.address, **(sections or {})))
        control = await start_control(folder / "state", catalog, store=store, http=http)
        try:
            running = await start_worker(control.address, folder / "state" / "tokens" / "worker", **worker)
        except BaseException:
            await control.stop()
            raise
        callers = {
            name: (control.line(name), running.line(control.token(name))) for name in ("local", "operator", "worker")
        }
        planes = Backbone(control=control, worker=running, catalog=catalog, providers=obeying, callers=callers)
        stack.push_async_callback(planes.stop)
        yield planes


def payload(text: str = PROMPT, **more: Any) -> payload_pb2.Payload:
    """A request of one message; `more` are fields of ChatRequest."""
    message = chat_pb2.Message(role=chat_pb2.ROLE_USER, parts=[chat_pb2.Part(text=text)])
    chat = chat_pb2.ChatRequest(messages=[message], **more)
    return payload_pb2.Payload(content_type=CHAT_REQUEST, body=chat.SerializeToString())


def asked(text: str = PROMPT, **more: Any) -> routing_pb2.DecideRouteRequest:
    """A request to be routed; `more` are its other fields."""
    return routing_pb2.DecideRouteRequest(payload=payload(text), **more)


def opened(envelope: envelope_pb2.Envelope) -> decision_pb2.RouteDecision:
    """The decision in an envelope."""
    return decision_pb2.RouteDecision.FromString(envelope.payload)


def planned(response: routing_pb2.DecideRouteResponse) -> Sequence[str]:
    """The deployments of a decision, in order."""
    return [target.deployment for target in opened(response.decision).targets]


def generate(decided: routing_pb2.DecideRouteResponse, text: str = PROMPT) -> inference_pb2.GenerateRequest:
    """What to send a worker for the decision on `text`."""
    return inference_pb2.GenerateRequest(decision=decided.decision, payload=payload(text))


def stream(decided: routing_pb2.DecideRouteResponse, text: str = PROMPT) -> inference_pb2.StreamGenerateRequest:
    """The same, streamed."""
    return inference_pb2.StreamGenerateRequest(decision=decided.decision, payload=payload(text))
