"""Answers calls: what is prepared, what strikes it, and what is remembered of it."""

from dataclasses import dataclass, replace
from functools import partial
from hashlib import blake2b

from dataplane.provider.sandbox.admission import Prepared, Refusal, check_key, prepare
from dataplane.provider.sandbox.answer.completion import Completion, emptied
from dataplane.provider.sandbox.book import CallBook, CallRecord, Outcome
from dataplane.provider.sandbox.call import Call
from dataplane.provider.sandbox.clock import Clock
from dataplane.provider.sandbox.config import SandboxConfig
from dataplane.provider.sandbox.exchange import Ending, Exchange
from dataplane.provider.sandbox.fault import Armed, Fault, FaultKind, arm, strike
from dataplane.provider.sandbox.http1 import HttpError, Request
from dataplane.provider.sandbox.prefix import PrefixCache
from dataplane.provider.sandbox.profile import ModelProfile
from dataplane.provider.sandbox.routes import Route, route_of
from dataplane.provider.sandbox.script import Scene, refused, steps
from dataplane.provider.sandbox.tokens import tokenizer
from dataplane.provider.sandbox.wire.model import Identity, Wire

_REMEMBERED, _REMEMBERED_BYTES = 256, 8 * 1024
# Of these faults nothing of the answer gets out, so its tokens are not counted.
_SILENT = frozenset({FaultKind.STATUS, FaultKind.HANG, FaultKind.RESET, FaultKind.CONTENT_TYPE})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """A call that has begun; `scene` where it is not refused."""

    number: int
    wire: Wire
    model: str
    started_s: float
    started: float
    scene: Scene | None = None


class Sandbox:
    """The state of one sandbox: its faults, its prompt cache, its book of calls."""

    def __init__(self, config: SandboxConfig, clock: Clock) -> None:
        self.config = config
        self.clock = clock
        self.book = CallBook(config.settings.calls_kept)
        self.armed: tuple[Armed, ...] = arm(config.faults, clock.now())
        self._tokenizer = tokenizer(config.settings.tokenizer)
        self._prefixes = PrefixCache()
        self._prepared: dict[tuple[str, str, str, bytes], Prepared] = {}

    def arm(self, faults: tuple[Fault, ...]) -> None:
        """Replaces all faults; their counters and windows start now."""
        self.armed = arm(faults, self.clock.now())

    def exchange(self, request: Request) -> Exchange | None:
        """The answer to a call of a model, None where the request is no such call."""
        route = route_of(request)
        if route is None or route.wire.name not in self.config.protocols or request.method != "POST":
            return None
        started_s = self.clock.now()
        try:
            check_key(request, route.wire, self.config.api_keys)
            prepared = self._prepare(request, route)
        except Refusal as refusal:
            return self._refused(route.wire, refusal, started_s)
        return self._played(route, prepared, started_s)

    def error_body(self, error: HttpError) -> bytes | None:
        """The body for a call whose HTTP is wrong, in the shape of its protocol; None where there is none."""
        route: Route | None = None if error.request is None else route_of(error.request)
        if route is None:
            return None
        shape = replace(route.wire.failure(error.status), message=error.reason)
        return route.wire.error(shape, self._identity(0, ""))

    def _prepare(self, request: Request, route: Route) -> Prepared:
        """What `prepare` says, remembered for repeated requests: it depends on the request and on nothing else."""
        key = (request.path, request.query, request.headers.get("anthropic-version", ""), request.body)
        known = self._prepared.get(key)
        if known is not None:
            return known
        made = prepare(request, route, self.config, self._tokenizer)
        if len(request.body) <= _REMEMBERED_BYTES:
            if len(self._prepared) >= _REMEMBERED:
                del self._prepared[next(iter(self._prepared))]
            self._prepared[key] = made
        return made

    def _refused(self, wire: Wire, refusal: Refusal, started_s: float) -> Exchange:
        number = self.book.begin(refusal.model)
        reply = refused(wire, refusal.error, self._identity(number, refusal.model))
        entry = _Entry(number=number, wire=wire, model=refusal.model, started_s=started_s, started=self.clock.unix())
        return Exchange(started_s=started_s, steps=iter((reply,)), ended=partial(self._end, entry))

    def _played(self, route: Route, prepared: Prepared, started_s: float) -> Exchange:
        call, profile = prepared.call, prepared.profile
        fault, self.armed = strike(self.armed, call.model, started_s, self.config.settings.seed)
        completion = self._cached(call, profile, prepared.completion)
        if fault is not None and fault.kind is FaultKind.EMPTY:
            completion = emptied(completion)
        number = self.book.begin(call.model)
        scene = Scene(
            wire=route.wire,
            call=call,
            completion=completion,
            identity=self._identity(number, profile.version or call.model),
            pace=prepared.pace,
            chunk_tokens=profile.chunk_tokens,
            fault=fault,
        )
        entry = _Entry(
            number=number,
            wire=route.wire,
            model=call.model,
            started_s=started_s,
            started=self.clock.unix(),
            scene=scene,
        )
        return Exchange(started_s=started_s, steps=steps(scene), ended=partial(self._end, entry))

    def _end(self, entry: _Entry, ending: Ending) -> None:
        self.book.end(_record(entry, ending))

    def _cached(self, call: Call, profile: ModelProfile, completion: Completion) -> Completion:
        """The same answer with the tokens that a prompt cache had, and those that were written to it."""
        parts, prompt = call.prompt.parts[: call.prompt.cacheable], completion.prompt
        if not parts or prompt.cacheable < profile.cache_min_tokens:
            return completion
        share = self._prefixes.cached_share(call.model, parts)
        cached = int(prompt.cacheable * share)
        return replace(completion, prompt=replace(prompt, cached=cached, written=prompt.cacheable - cached))

    def _identity(self, number: int, model: str) -> Identity:
        token = blake2b(f"{self.config.settings.seed}/{number}".encode(), digest_size=20).hexdigest()
        return Identity(token=token, created_s=int(self.clock.unix()), model=model)


def _record(entry: _Entry, ending: Ending) -> CallRecord:
    scene = entry.scene
    fault = scene.fault.kind if scene and scene.fault else None
    answer = scene.completion if scene and fault not in _SILENT else None
    return CallRecord(
        number=entry.number,
        protocol=entry.wire.name,
        model=entry.model,
        stream=scene.call.stream if scene else False,
        status=ending.status,
        outcome=_outcome(ending, fault),
        fault=fault,
        quality=answer.quality if answer else None,
        prompt_tokens=answer.prompt.tokens if answer else 0,
        output_tokens=answer.tokens + answer.reasoning_tokens if answer else 0,
        chunks=ending.chunks,
        started=entry.started,
        duration_s=ending.at_s - entry.started_s,
    )


def _outcome(ending: Ending, fault: FaultKind | None) -> Outcome:
    """A call that a fault leaves hanging ends when its client leaves: that is a cancellation, too."""
    if ending.cancelled:
        return Outcome.CANCELLED
    if fault is not None:
        return Outcome.FAULT
    return Outcome.REFUSED if ending.status is None or ending.status >= 400 else Outcome.ANSWERED
