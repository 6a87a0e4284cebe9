"""Writes the conformance vectors of the envelope, byte for byte the same each time, or checks that they are current."""

import argparse
import base64
import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

from tools.envelope_cases import Case, Presentation, cases
from turnout_wire.signature import Signature

FOLDER = Path(__file__).resolve().parent.parent / "conformance" / "envelope"


def rendered() -> dict[str, bytes]:
    """The files by name."""
    return {f"{case.name}.json": (json.dumps(_document(case), indent=2) + "\n").encode() for case in cases()}


def _document(case: Case) -> dict[str, Any]:
    return {
        "name": case.name,
        "description": case.description,
        "keys": [
            entry
            | {"not_before": _text(entry["not_before"]), "not_after": entry["not_after"] and _text(entry["not_after"])}
            for entry in case.keys
        ],
        "context": {"pool": "default", "features": ["escalation"], "replay_capacity": case.replay_capacity},
        "presentations": [_presentation(presentation) for presentation in case.presentations],
    }


def _presentation(presentation: Presentation) -> dict[str, Any]:
    envelope = presentation.envelope
    return {
        "now": _text(presentation.now),
        "tenant": presentation.tenant,
        "presenter": presentation.presenter,
        "content_type": presentation.content_type,
        "body_base64": base64.b64encode(presentation.body).decode(),
        "envelope": {
            "payload_type": str(envelope.payload_type),
            "payload_base64": base64.b64encode(envelope.payload).decode(),
            "signatures": [_signature(each) for each in envelope.signatures],
        },
        "expected": presentation.expected,
    }


def _signature(signature: Signature) -> dict[str, Any]:
    alone = {"key_id": signature.key_id, "value_hex": signature.value.hex()}
    inclusion = signature.inclusion
    if inclusion is None:
        return alone
    path = [step.hex() for step in inclusion.path]
    return alone | {
        "inclusion": {"leaf_index": inclusion.leaf_index, "tree_size": inclusion.tree_size, "path_hex": path}
    }


def _text(time: datetime) -> str:
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def differences() -> list[str]:
    """What is in the folder and should not be, or the other way round, or is different."""
    have = {path.name: path.read_bytes() for path in FOLDER.glob("*.json")}
    want = rendered()
    return sorted(name for name in have.keys() | want.keys() if have.get(name) != want.get(name))


def main() -> int:
    """Write the vectors, or with --check only compare; 1 if that finds a difference."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; fail if the vectors are not current")
    check = parser.parse_args().check
    found, want = differences(), rendered()
    for name in found:
        print(name)
        if not check and name in want:
            (FOLDER / name).write_bytes(want[name])
        elif not check:
            (FOLDER / name).unlink()
    return int(check and bool(found))


if __name__ == "__main__":
    sys.exit(main())
