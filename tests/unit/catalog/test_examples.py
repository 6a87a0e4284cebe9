"""Every example document is valid."""

from pathlib import Path

import pytest

from controlplane.catalog.load import check, load
from controlplane.catalog.model import WireProtocol

EXAMPLES = sorted((Path(__file__).resolve().parents[3] / "examples").glob("*.yaml"))


def test_there_are_examples() -> None:
    assert EXAMPLES


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_valid(example: Path) -> None:
    assert [str(problem) for problem in check(example)] == []


def test_the_providers_that_the_example_promises_are_there() -> None:
    (example,) = (path for path in EXAMPLES if path.stem == "more-providers")
    placed = {deployment.provider: deployment for deployment in load(example).deployments}
    assert {"azure", "bedrock", "mistral", "groq", "openrouter", "deepseek", "together", "ollama", "vllm"} <= set(
        placed
    )
    assert placed["bedrock"].protocol is WireProtocol.BEDROCK
    assert (placed["azure"].api_version, placed["azure"].more_credentials) == (
        "2024-10-21",
        ("env:AZURE_OPENAI_KEY_2",),
    )
