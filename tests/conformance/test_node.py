"""Another language reads the vectors and comes to the same outcomes, as far as it goes without protobuf."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conformance.vectors import FOLDER, load, names

SCRIPT = Path(__file__).with_name("envelope.mjs")
BEFORE_PARSING = {
    "ENVELOPE_MALFORMED",
    "PAYLOAD_TYPE_UNKNOWN",
    "KEY_UNKNOWN",
    "KEY_REVOKED",
    "KEY_NOT_YET_VALID",
    "KEY_EXPIRED",
    "SIGNATURE_INVALID",
}
AFTER_PARSING = {"issued-before-key"}
"""Refused for a key's reason by a step that has parsed the decision."""


@pytest.fixture(scope="module")
def outcomes() -> dict[str, list[str]]:
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node is not installed: the vectors are read by Python alone")
    done = subprocess.run([node, SCRIPT, FOLDER], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    found: dict[str, list[str]] = json.loads(done.stdout)
    return found


def authentic(name: str, expected: str) -> str:
    """The outcome of the steps before parsing, given that of all steps."""
    return expected if expected in BEFORE_PARSING and name not in AFTER_PARSING else "AUTHENTIC"


@pytest.mark.parametrize("name", names())
def test_node_agrees_on_who_signed(outcomes: dict[str, list[str]], name: str) -> None:
    assert outcomes[name] == [authentic(name, expected) for expected in load(name).expected]
