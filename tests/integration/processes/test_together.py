"""A control plane and its workers that start at once."""

import socket
from pathlib import Path

import pytest

from tests.support.stacks import environment
from turnout_cli.processes import Processes, ProcessFailed
from turnout_cli.stack import StackSettings, start_stack


def settings(folder: Path, port: int) -> StackSettings:
    """One worker, and a control plane at `port`."""
    return StackSettings(
        state=folder / "state", catalog=None, environment=environment(), workers=1, control_port=port, gateway_port=0
    )


def free_port() -> int:
    """One that nobody listens at."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


async def test_a_worker_that_is_started_with_its_control_plane_waits_for_it_and_ends_before_it(tmp_path: Path) -> None:
    async with Processes() as processes:
        stack = await start_stack(processes, settings(tmp_path, free_port()))
        assert processes.running == [stack.control, *stack.workers], "they are stopped in the reverse order"
        assert stack.gateways


async def test_where_the_control_plane_cannot_start_no_worker_is_left(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        async with Processes() as processes:
            with pytest.raises(ProcessFailed, match="control plane did not become ready"):
                await start_stack(processes, settings(tmp_path, taken.getsockname()[1]))
            assert processes.running == []
