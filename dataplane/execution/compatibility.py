"""Which targets of a plan cannot carry its request at all, known before anything is called."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from dataplane.chat.model import ChatRequest
from dataplane.execution.run import Run
from dataplane.provider.fit import losses
from dataplane.provider.model import Original
from dataplane.snapshot.model import Deployment


@dataclass(frozen=True, slots=True, kw_only=True)
class Misfit:
    """What a deployment cannot carry: the request's `field`, empty if it is none of its own, and why not in one sentence.

    The reason is of our making and quotes nothing of the request.
    """

    field: str
    reason: str

    def __str__(self) -> str:
        return f"{self.field}: {self.reason}" if self.field else self.reason


Fits = Callable[[ChatRequest, Original | None, Deployment], Misfit | None]
"""What a deployment cannot carry of a request, None if it can carry all that matters.

What it says the same way, an original for its own endpoint, it can carry whatever is in it.
"""


def anything_fits(request: ChatRequest, original: Original | None, deployment: Deployment) -> Misfit | None:  # noqa: ARG001
    """Every deployment can carry everything; what its adapter cannot say, it refuses when it is called."""
    return None


def misfits(run: Run, fits: Fits) -> Mapping[int, Misfit]:
    """Of the targets of `run`, by index, those that cannot carry its request; those that the snapshot has not are not judged."""
    found: dict[int, Misfit] = {}
    if run.embed is not None:
        return found
    for index, target in enumerate(run.decision.targets):
        deployment = run.snapshot.deployments.get(target.deployment)
        misfit = fits(run.request, run.original, deployment) if deployment else None
        if misfit:
            found[index] = misfit
    return found


def fits_by_protocol(passes: Callable[[Original | None, ChatRequest, Deployment], bool]) -> Fits:
    """What the deployments' protocols can carry; `passes`: whether an original goes through to a deployment as it is."""

    def fits(request: ChatRequest, original: Original | None, deployment: Deployment) -> Misfit | None:
        if original is not None and original.sole:
            return None if passes(original, request, deployment) else _other(deployment)
        lost = losses(request, deployment).impossible
        if not lost or passes(original, request, deployment):
            return None
        return Misfit(field=lost[0], reason=f"{deployment.provider} cannot carry {', '.join(lost)}")

    return fits


def _other(deployment: Deployment) -> Misfit:
    return Misfit(
        field="", reason=f"the request says what only its own protocol can, and {deployment.name} speaks another"
    )
