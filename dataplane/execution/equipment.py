"""How a worker runs decisions, and with what."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from dataplane.execution.clock import Clock
from dataplane.execution.compatibility import Fits, anything_fits
from dataplane.execution.gate import Gate
from dataplane.execution.hedge import HedgeSettings
from dataplane.execution.live import CallSettings
from dataplane.execution.observer import RunObserver
from dataplane.execution.output import Answer
from dataplane.execution.receipt import Receipt
from dataplane.execution.run import Begun
from dataplane.execution.step import PlanSettings
from dataplane.execution.wait import Waiting
from dataplane.provider.model import Provider


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerSettings:
    """The worker's name in receipts, and how it plans and calls.

    `afterwards` is the time that a run may take beyond its limit, to close what it opened and to report.
    """

    worker: str
    afterwards: timedelta = timedelta(seconds=30)
    plan: PlanSettings = field(default_factory=PlanSettings)
    call: CallSettings = field(default_factory=CallSettings)
    hedge: HedgeSettings | None = None


def _nobody(_: Begun) -> None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Equipment:
    """What runs are done with.

    `sink` takes every receipt, once, before the caller is answered, and with it the answer if its form is to be judged; `begun`
    hears before the first call of every run that budgets hold something for. Both must neither wait nor raise. `new_id` makes the
    receipts' UUIDs. `fits` says which targets cannot carry a request.
    """

    provider: Provider
    gate: Gate
    waiting: Waiting
    clock: Clock
    observer: RunObserver
    sink: Callable[[Receipt, Answer | None], None]
    new_id: Callable[[], str]
    begun: Callable[[Begun], None] = _nobody
    fits: Fits = anything_fits
