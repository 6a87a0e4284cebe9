"""The stage that each file of the matrix has: it runs in a thread, which must be gone before other tests draw by chance."""

from collections.abc import Iterator

import pytest

from tests.support.matrix_stage import Stage, stage


@pytest.fixture(scope="module")
def shared_stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A gateway before every kind of provider."""
    with stage(tmp_path_factory.mktemp("stage")) as running:
        yield running
