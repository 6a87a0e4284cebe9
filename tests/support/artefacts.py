"""Quality models that say what a test wants, without training."""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from controlplane.catalog.model import TaskType
from controlplane.learning.artefact import encode
from controlplane.learning.fitness import reading
from controlplane.learning.model import FORMS, PPM, Forest, Heads, Learned
from controlplane.learning.structure import NAMES


def artefact(shares: Mapping[str, float], *, version: str = "", encoder: str = "") -> bytes:
    """The bytes of a model that expects about these shares of good answers of usual requests, whatever they say.

    It is of this software's version unless told otherwise; with `encoder` it has lines that say nothing.
    """
    models = sorted(shares)
    return encode(
        Learned(
            digest=b"",
            version=version or reading(),
            models=MappingProxyType({name: at for at, name in enumerate(models)}),
            base=np.array([round(shares[name] * PPM) for name in models], dtype=np.int64),
            spread=np.full(len(models), 10_000, dtype=np.int64),
            heads=_silent(encoder) if encoder else None,
            forest=Forest.without(len(models), len(NAMES)),
        )
    )


def _silent(encoder: str) -> Heads:
    return Heads(
        encoder=encoder,
        weights=np.zeros((1, 8), dtype=np.float32),
        offsets=np.zeros(1),
        scales=np.ones(1),
        topics=None,
        centres=1,
        strange=np.zeros(1),
        familiar=np.full(1, 1000.0),
        kinds=np.full(len(TaskType), 1000.0),
        forms=np.zeros(FORMS),
    )
