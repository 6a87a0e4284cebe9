"""The thread that runs the event loop of a client that waits."""

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any

import pytest

from turnout_client.sync import LoopThread


async def nothing() -> None:
    """Done at once."""


def test_stopping_ends_when_the_last_work_was_quicker_than_the_one_who_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    submit = asyncio.run_coroutine_threadsafe

    def done_when_returned(work: Coroutine[Any, Any, None], loop: asyncio.AbstractEventLoop) -> Future[None]:
        future = submit(work, loop)
        future.result()
        return future

    monkeypatch.setattr(asyncio, "run_coroutine_threadsafe", done_when_returned)
    loop = LoopThread()
    stopping = threading.Thread(target=lambda: loop.stop(nothing()), daemon=True)
    stopping.start()
    stopping.join(20)
    assert not stopping.is_alive()
