"""The stage that the whole matrix shares."""

from collections.abc import Iterator

import pytest

from tests.support.matrix_stage import Stage, stage


@pytest.fixture(scope="session")
def shared_stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A gateway before every kind of provider."""
    with stage(tmp_path_factory.mktemp("stage")) as running:
        yield running
