"""Reads and writes the weights of the learned classifier."""

import hashlib
import json
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from controlplane.classification import structural
from controlplane.classification.heads import ROWS, Calibration, Heads

FOLDER = Path(__file__).parent / "weights"
NUMBERS, ABOUT = "heads.bin", "heads.json"


class WeightsUnfit(ValueError):
    """The weights are not what their description says."""


def read(folder: Path = FOLDER) -> Heads:
    """The heads in `folder`. Raises OSError, and WeightsUnfit if the files do not belong together."""
    about: dict[str, Any] = json.loads((folder / ABOUT).read_text("utf-8"))
    raw = (folder / NUMBERS).read_bytes()
    digest = hashlib.sha256(raw).hexdigest()
    if digest != about["digest"]:
        raise WeightsUnfit(f"{folder / NUMBERS} has the digest {digest}, not that of {ABOUT}; run `make weights`")
    if about["structure"] != list(structural.NAMES):
        raise WeightsUnfit(f"{folder / ABOUT} is of other structural features than this software's; run `make weights`")
    first = about["dimensions"] + len(structural.NAMES)
    weights = np.frombuffer(raw, "<i2").reshape(ROWS, first + len(about["signals"]))
    return Heads(
        digest=digest,
        encoder=about["encoder"],
        dimensions=about["dimensions"],
        signals=MappingProxyType({name: first + number for number, name in enumerate(about["signals"])}),
        weights=weights.astype(np.float64),
        bias=np.array(about["bias"], np.float64),
        votes=np.array(about["votes"], np.float64),
        calibration=_calibration(about["calibration"]),
    )


def _calibration(told: dict[str, Any]) -> Calibration:
    plain: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in told.items()}
    return Calibration(**plain)


def write(folder: Path, heads: Heads) -> None:
    """Write `heads` so that `read` gives them again, its digest aside."""
    raw = heads.weights.astype("<i2").tobytes()
    told = heads.calibration
    about = {
        "digest": hashlib.sha256(raw).hexdigest(),
        "encoder": heads.encoder,
        "dimensions": heads.dimensions,
        "structure": list(structural.NAMES),
        "bias": [int(number) for number in heads.bias],
        "votes": [int(number) for number in heads.votes],
        "calibration": {name: getattr(told, name) for name in told.__slots__},
        "signals": list(heads.signals),
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / NUMBERS).write_bytes(raw)
    (folder / ABOUT).write_text(json.dumps(about, indent=1, ensure_ascii=False) + "\n", "utf-8")
