"""Receipts of answers whose form is to be judged: in a thread of its own, after the answer went out, bounded."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from dataplane.execution.crash import log_crash
from dataplane.execution.output import Answer, OutputCheck, utf8_size
from dataplane.execution.receipt import Receipt

MOST_WAITING = 64
MOST_BYTES = 8 << 20
"""Answers, and their bytes in all, that wait to be judged; a receipt that comes when there are more goes on at once, unjudged."""

AFTER = 0.02
"""Seconds that an answer has to go out first, for the thread takes time from the one that sends."""


class Judging:
    """Hands receipts to `put`, each once: at once, or with what `judge` says of the answer. A fault of `judge` says nothing.

    Belongs to one event loop.
    """

    def __init__(
        self,
        put: Callable[[Receipt], None],
        judge: Callable[[Answer], OutputCheck],
        *,
        after: float = AFTER,
        most_waiting: int = MOST_WAITING,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self._put = put
        self._judge = judge
        self._after = after
        self._most_waiting = most_waiting
        self._most_bytes = most_bytes
        self._bytes = 0
        self._waiting: dict[asyncio.Task[OutputCheck], Receipt] = {}
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="judging")

    def take(self, receipt: Receipt, answer: Answer | None) -> None:
        """Take a receipt; never waits."""
        size = utf8_size(answer.text) if answer else 0
        if answer is None or len(self._waiting) >= self._most_waiting or self._bytes + size > self._most_bytes:
            self._put(receipt)
            return
        self._bytes += size
        task = asyncio.get_running_loop().create_task(self._check(answer, receipt.decision_id))
        self._waiting[task] = receipt
        task.add_done_callback(lambda done: self._done(done, size))

    async def settle(self, seconds: float) -> None:
        """Judge what is left within `seconds`; then what is left goes on unjudged."""
        if self._waiting:
            _, late = await asyncio.wait(self._waiting, timeout=seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _check(self, answer: Answer, decision_id: str) -> OutputCheck:
        await asyncio.sleep(self._after)
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._judge, answer)
        except Exception as error:  # noqa: BLE001 - whatever a schema does to the judge, its receipt goes on
            log_crash("an answer's form was not judged", error, decision_id=decision_id)
            return OutputCheck.UNSPECIFIED

    def _done(self, task: asyncio.Task[OutputCheck], size: int) -> None:
        self._bytes -= size
        receipt = self._waiting.pop(task)
        self._put(receipt if task.cancelled() else replace(receipt, output_check=task.result()))
