"""What callers say to the router: `x-turnout-…` headers, or `turnout_…` members of their request's metadata."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from types import MappingProxyType

from dataplane.gateway.model import Asked, BadRequest
from dataplane.gateway.question import Constraints, Hints

PREFIX = "x-turnout-"
USD = 1_000_000_000
"""Nano-dollars of a dollar."""

_TASKS = ("chat", "qa", "summarization", "code", "reasoning", "creative", "extraction", "translation")
_COMPLEXITIES = ("simple", "moderate", "complex", "expert")
NAMES = (
    *("workload", "feature", "endpoint", "session", "user", "task-type", "complexity", "labels", "policy"),
    *("tier", "min-quality", "max-cost-usd", "max-latency-ms", "regions", "providers", "excluded-providers"),
    *("models", "excluded-models", "timeout-ms", "cache"),
)
"""All that there are; in metadata they are written with `turnout_` and underscores."""

MAX_LABELS = 32
NOTHING = Constraints()


class Said:
    """What a caller said by either way; a header wins."""

    def __init__(self, headers: Mapping[str, str], metadata: Mapping[str, str]) -> None:
        """Raises BadRequest for a `turnout_…` member of metadata that there is not: it would be silently without effect."""
        self._headers = headers
        self._metadata = {name.replace("_", "-"): value for name, value in metadata.items()}
        for name in self._metadata:
            if name not in NAMES:
                raise BadRequest(f"metadata.turnout_{name.replace('-', '_')}", f"there is no such hint; {_known()}")
        self._told = [header for header in headers if header.startswith(PREFIX)]
        for header in self._told:
            if header.removeprefix(PREFIX) not in NAMES:
                raise BadRequest(header, f"there is no such header; {_known()}")

    @property
    def nothing(self) -> bool:
        """Whether the caller said nothing at all, as most do."""
        return not self._metadata and not self._told

    def text(self, name: str, limit: int = 256) -> str:
        """The words; empty if nothing was said. Raises BadRequest if they are longer than `limit` characters."""
        if self.nothing:
            return ""
        value = self._headers.get(PREFIX + name) or self._metadata.get(name, "")
        if len(value) > limit:
            raise BadRequest(PREFIX + name, f"it has {len(value)} characters; send at most {limit}")
        return value.strip()

    def names(self, name: str) -> tuple[str, ...]:
        """Several, with commas between."""
        return tuple(each.strip() for each in self.text(name, 4096).split(",") if each.strip())

    def one_of(self, name: str, known: tuple[str, ...]) -> str:
        """One of `known`, or nothing. Raises BadRequest."""
        value = self.text(name).lower()
        if value and value not in known:
            raise BadRequest(PREFIX + name, f"{value!r} is none of {', '.join(known)}")
        return value

    def number(self, name: str, fits: Callable[[float], bool], what: str) -> float | None:
        """A number, or None. Raises BadRequest, saying `what` it must be."""
        value = self.text(name)
        if not value:
            return None
        try:
            number = float(value)
        except ValueError:
            number = float("nan")
        if not fits(number):
            raise BadRequest(PREFIX + name, f"{value[:64]!r} is not {what}")
        return number


def _known() -> str:
    return f"known are {', '.join(PREFIX + name for name in NAMES)}"


def _above_zero(value: float) -> bool:
    return 0 < value < 1e12


def hints_of(said: Said, asked: Asked) -> Hints:
    """Where a request comes from. Raises BadRequest."""
    if said.nothing:
        return Hints(session=asked.session[:256], user=asked.user[:256])
    return Hints(
        workload=said.text("workload", 128),
        feature=said.text("feature", 128),
        endpoint=said.text("endpoint"),
        session=said.text("session") or asked.session[:256],
        user=said.text("user") or asked.user[:256],
        task_type=said.one_of("task-type", _TASKS),
        complexity=said.one_of("complexity", _COMPLEXITIES),
        labels=MappingProxyType(_labels(said)),
    )


def _labels(said: Said) -> dict[str, str]:
    labels = {}
    for pair in said.names("labels"):
        name, equals, value = pair.partition("=")
        if not equals or not name or len(name) > 64 or len(value) > 256:
            raise BadRequest(PREFIX + "labels", f"{pair[:64]!r} is no label; write name=value,name=value")
        labels[name] = value
    if len(labels) > MAX_LABELS:
        raise BadRequest(PREFIX + "labels", f"{len(labels)} labels; send at most {MAX_LABELS}")
    return labels


def constraints_of(said: Said, asked: Asked) -> Constraints:
    """What the caller insists on. Raises BadRequest."""
    if said.nothing:
        return Constraints(protocols=(asked.protocol,)) if asked.only else NOTHING
    cost = said.number("max-cost-usd", _above_zero, "a number of dollars above 0")
    latency = said.number("max-latency-ms", _above_zero, "a number of milliseconds above 0")
    return Constraints(
        min_quality=said.number("min-quality", lambda value: 0 <= value <= 1, "a number from 0 to 1"),
        max_cost_nanousd=None if cost is None else max(round(cost * USD), 1),
        max_latency=None if latency is None else timedelta(milliseconds=latency),
        tiers=said.names("tier"),
        regions=said.names("regions"),
        providers=said.names("providers"),
        excluded_providers=said.names("excluded-providers"),
        models=said.names("models"),
        excluded_models=said.names("excluded-models"),
        protocols=(asked.protocol,) if asked.only else (),
    )


def wants_kept(said: Said) -> bool | None:
    """Whether the caller wants its answer kept, and one that was; None if it leaves that to the request. Raises BadRequest."""
    return {"on": True, "off": False}.get(said.one_of("cache", ("on", "off")))


def time_limit(said: Said) -> timedelta | None:
    """How long the caller waits; None if it does not say. Raises BadRequest."""
    limit = said.number("timeout-ms", _above_zero, "a number of milliseconds above 0")
    return None if limit is None else timedelta(milliseconds=limit)
