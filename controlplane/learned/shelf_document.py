"""The shelf of quality models as the JSON document that the store keeps."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from controlplane.learned.model import Change, Kept, Shelf
from controlplane.learning.artefact import calibration_from


def to_json(shelf: Shelf) -> bytes:
    """The document."""
    change = shelf.change
    form = {
        "kept": [
            {
                "digest": one.digest.hex(),
                "version": one.version,
                "encoder": one.encoder,
                "models": list(one.models),
                "size_bytes": one.size_bytes,
                "imported_at": one.imported_at.isoformat(),
                "imported_by": one.imported_by,
                "workloads": list(one.workloads),
                "calibrations": [asdict(each) for each in one.calibrations],
            }
            for one in shelf.kept
        ],
        "active": shelf.active.hex(),
        "history": [digest.hex() for digest in shelf.history],
        "change": None if change is None else _change(change),
    }
    return json.dumps(form, ensure_ascii=False, separators=(",", ":")).encode()


def _change(change: Change) -> dict[str, object]:
    return {
        "number": change.number,
        "digest": change.digest.hex(),
        "before": change.before.hex(),
        "rollback": change.rollback,
        "by": change.by,
        "at": change.at.isoformat(),
    }


def from_json(document: bytes) -> Shelf:
    """What `to_json` was given. Raises ValueError, KeyError or TypeError if it is none."""
    form = json.loads(document)
    change = form["change"]
    return Shelf(
        kept=tuple(map(_kept, form["kept"])),
        active=bytes.fromhex(form["active"]),
        history=tuple(map(bytes.fromhex, form["history"])),
        change=None if change is None else _changed(change),
    )


def _kept(form: Mapping[str, Any]) -> Kept:
    return Kept(
        digest=bytes.fromhex(form["digest"]),
        version=form["version"],
        encoder=form["encoder"],
        models=tuple(form["models"]),
        size_bytes=form["size_bytes"],
        imported_at=datetime.fromisoformat(form["imported_at"]),
        imported_by=form["imported_by"],
        workloads=tuple(form.get("workloads", ())),
        calibrations=tuple(map(calibration_from, form.get("calibrations", ()))),
    )


def _changed(form: Mapping[str, Any]) -> Change:
    return Change(
        number=form["number"],
        digest=bytes.fromhex(form["digest"]),
        before=bytes.fromhex(form["before"]),
        rollback=form["rollback"],
        by=form["by"],
        at=datetime.fromisoformat(form["at"]),
    )
