"""How a deployment's own results change what is expected of a model, in whole numbers only."""

from collections.abc import Mapping
from math import isqrt

from controlplane.learning.model import PPM, Experience


def key(workload: str, task: str, model: str) -> str:
    """The name of what was experienced: of a kind of work in a workload, of all of a workload's work (`task` empty), or of all
    workloads (both empty). Names of workloads and models have no `|` in them.
    """
    return f"{workload}|{task}|{model.lower()}"


def nearest(experience: Mapping[str, Experience], workload: str, task: str, model: str) -> Experience | None:
    """What is known from the most like: this kind of work here, else this workload, else all workloads together."""
    name = "|" + model.lower()
    # Written out, and joined by `+`, which needs no formatting of an enum: every model is looked up in every decision.
    return (
        experience.get(workload + "|" + task + name)
        or experience.get(workload + "|" + name)
        or experience.get("|" + name)
    )


def workloads(experience: Mapping[str, Experience]) -> tuple[str, ...]:
    """Those whose own results are in it, in order."""
    return tuple(sorted({name.partition("|")[0] for name in experience} - {""}))


def experienced(quality: int, deviation: int, found: Experience) -> tuple[int, int]:
    """Quality and deviation, both in millionths, after what was experienced.

    The quality moves by the shift, which is held back already. Half of the variance is taken to be common to all requests of the
    kind: what was experienced stands in its place. The other half is of the request itself, and stays. So a model of which little
    is known gets a narrower interval by results, and one that was only measured elsewhere a wider one where workloads differ.
    """
    shift = min(PPM, max(-PPM, found.shift))
    return quality + shift, isqrt(deviation * deviation // 2 + found.spread * found.spread)
