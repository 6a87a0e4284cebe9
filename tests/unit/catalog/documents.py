"""Documents and values that tests of the catalog start from."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from controlplane.catalog.layer import Layer
from controlplane.catalog.model import (
    Capability,
    Deployment,
    DeploymentName,
    Model,
    ModelName,
    Price,
    TaskType,
    WireProtocol,
)
from controlplane.catalog.overlay import Kept, Overlay, OverlayFile
from controlplane.catalog.store import CatalogStore

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)

EXTENDED = "version: 1\nextends: default\n"

SEARCH = """
workloads:
  - name: search
    owner: search-team
    policy: economy
    baseline: gpt-4o
    when: {features: [search]}
"""

MODEL = Model(
    name=ModelName("small"),
    provider="local",
    price=Price(input_nanousd_per_mtok=100_000_001, output_nanousd_per_mtok=500_000_000),
    context_window=8_192,
    max_output_tokens=2_048,
    latency=timedelta(milliseconds=812.5),
    quality=0.61,
    tier="small",
    as_of=date(2026, 11, 21),
    quality_by_task=((TaskType.CHAT, 0.7), (TaskType.CODE, 0.3)),
    capabilities=frozenset({Capability.CODE, Capability.TOOLS}),
)

DEPLOYMENT = Deployment(
    name=DeploymentName("local/small"),
    model=ModelName("small"),
    provider="local",
    protocol=WireProtocol.OPENAI,
    base_url="http://127.0.0.1:8080/v1",
    credential="env:LOCAL_KEY",
    region="cellar",
)


@dataclass
class Clock:
    """A clock that moves when it is told to."""

    now: datetime = NOON

    def __call__(self) -> datetime:
        return self.now

    def advance(self, by: timedelta) -> None:
        self.now += by


class Memory:
    """An overlay store that keeps nothing on disk, and refuses when `full`."""

    def __init__(self, layer: Layer | None = None) -> None:
        self.layer = layer
        self.saved: list[Overlay] = []
        self.full = False

    def load(self) -> Layer | None:
        return self.layer

    async def newest(self, since: int) -> Kept | None:  # noqa: ARG002
        return None

    async def save(self, overlay: Overlay, *, since: int) -> int:
        if self.full:
            raise OSError(28, "No space left on device")
        self.saved.append(overlay)
        return since


def write(path: Path, text: str) -> Path:
    """`text` in the file `path`, as an editor that replaces files would leave it."""
    scratch = path.with_suffix(".editing")
    scratch.write_text(text, encoding="utf-8")
    scratch.replace(path)
    return path


def store_of(path: Path | None = None, *, clock: Clock | None = None, memory: Memory | None = None) -> CatalogStore:
    """A store on the file `path`, with an overlay in memory."""
    return CatalogStore(path, memory or Memory(), clock or Clock())


def durable_store(path: Path | None, overlay: Path) -> CatalogStore:
    """A store on the file `path`, with its overlay in the file `overlay`."""
    return CatalogStore(path, OverlayFile(overlay), Clock())


def workload(name: str, **more: str) -> Mapping[str, str]:
    """The fields of a workload."""
    return {"name": name, "owner": "team", "policy": "default", "baseline": "gpt-4o", **more}
