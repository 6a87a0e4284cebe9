"""The client for code without an event loop: the same core, run by a thread of its own."""

import asyncio
import threading
import weakref
from collections.abc import Coroutine, Iterable, Sequence
from concurrent.futures import CancelledError, Future
from datetime import datetime
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack

from turnout_client.answer import Answer, Event
from turnout_client.budget import Budget, BudgetAlert, BudgetStatus
from turnout_client.call import closed_meanwhile
from turnout_client.client import Client
from turnout_client.decision import Decision
from turnout_client.error_codec import error
from turnout_client.errors import TurnoutError
from turnout_client.explanation import Classification, Explanation
from turnout_client.options import ChatLike, ChatOptions, ClassifyOptions, RouteOptions
from turnout_client.stream import AnswerStream
from turnout_client.words import FeedbackLabel

Given = TypeVar("Given")


class LoopThread:
    """An event loop in a thread of its own, for any number of other threads."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="turnout-client", daemon=True)
        self._lock = threading.Lock()
        self._stopped = False
        self._thread.start()

    def run(self, coroutine: Coroutine[Any, Any, Given]) -> Given:
        """What the coroutine gives; an interrupt here cancels it there. Raises RuntimeError after `stop`."""
        future = self._submitted(coroutine)
        if future is None:
            raise RuntimeError("the client is closed")
        try:
            return future.result()
        except CancelledError:
            raise error(closed_meanwhile()) from None
        finally:
            future.cancel()

    def release(self, closing: Coroutine[Any, Any, None]) -> None:
        """Run `closing`; after `stop`, which has closed everything, do nothing."""
        future = self._submitted(closing)
        if future is not None:
            future.result()

    def _submitted(self, coroutine: Coroutine[Any, Any, Given]) -> Future[Given] | None:
        with self._lock:
            if self._stopped:
                coroutine.close()
                return None
            return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    def stop(self, last: Coroutine[Any, Any, None]) -> None:
        """Run `last`, cancel what is left and end the thread. Stopping twice is stopping once."""
        with self._lock:
            if self._stopped:
                last.close()
                return
            self._stopped = True
            future = asyncio.run_coroutine_threadsafe(_last(last), self._loop)
        # It may be done already, and then this thread is the one that runs the callback: the loop must be woken.
        future.add_done_callback(lambda _: self._loop.call_soon_threadsafe(self._loop.stop))
        if threading.current_thread() is not self._thread:  # a finalizer may run in any thread
            self._thread.join()
            self._loop.close()


async def _last(last: Coroutine[Any, Any, None]) -> None:
    await last
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)
    await asyncio.get_running_loop().shutdown_asyncgens()


class SyncClient:
    """Client for code that waits: the same arguments, the same methods, without `await`.

        with SyncClient(control="127.0.0.1:7411", workers=["127.0.0.1:7421"], token=token) as turnout:
            print(turnout.chat("Why is the sky blue?"))

    One client serves any number of threads. Closing it cancels what runs in others; they get Cancelled.
    """

    def __init__(self, **settings: Any) -> None:
        self._client = Client(**settings)
        self._loop = LoopThread()
        self._close = weakref.finalize(self, _close, self._loop, self._client)

    def __repr__(self) -> str:
        return f"Sync{self._client!r}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """See Client.close."""
        self._close()

    def ready(self, timeout: float | None = None) -> None:
        """See Client.ready."""
        self._loop.run(self._client.ready(timeout))

    def decide(self, request: ChatLike, **options: Unpack[RouteOptions]) -> Decision:
        """See Client.decide."""
        return self._loop.run(self._client.decide(request, **options))

    def decide_many(
        self, requests: Iterable[ChatLike], **options: Unpack[RouteOptions]
    ) -> list[Decision | TurnoutError]:
        """See Client.decide_many."""
        return self._loop.run(self._client.decide_many(requests, **options))

    def explain(
        self, request: ChatLike, *, why_not: Sequence[str] = (), **options: Unpack[RouteOptions]
    ) -> Explanation:
        """See Client.explain."""
        return self._loop.run(self._client.explain(request, why_not=why_not, **options))

    def classify(self, request: ChatLike, **options: Unpack[ClassifyOptions]) -> Classification:
        """See Client.classify."""
        return self._loop.run(self._client.classify(request, **options))

    def budgets(
        self,
        *,
        name_prefix: str = "",
        tenant: str = "",
        team: str = "",
        workload: str = "",
        key: str = "",
        timeout: float | None = None,
    ) -> list[BudgetStatus]:
        """See Client.budgets."""
        asked = self._client.budgets(
            name_prefix=name_prefix, tenant=tenant, team=team, workload=workload, key=key, timeout=timeout
        )
        return self._loop.run(asked)

    def budget(self, name: str, *, timeout: float | None = None) -> Budget:
        """See Client.budget."""
        return self._loop.run(self._client.budget(name, timeout=timeout))

    def budget_alerts(
        self,
        *,
        since: datetime | None = None,
        limit: int = 100,
        name_prefix: str = "",
        timeout: float | None = None,
    ) -> list[BudgetAlert]:
        """See Client.budget_alerts."""
        return self._loop.run(
            self._client.budget_alerts(since=since, limit=limit, name_prefix=name_prefix, timeout=timeout)
        )

    def generate(
        self,
        decision: Decision,
        request: ChatLike | None = None,
        *,
        timeout: float | None = None,
        **options: Unpack[ChatOptions],
    ) -> Answer:
        """See Client.generate."""
        return self._loop.run(self._client.generate(decision, request, timeout=timeout, **options))

    def stream(
        self,
        decision: Decision,
        request: ChatLike | None = None,
        *,
        timeout: float | None = None,
        **options: Unpack[ChatOptions],
    ) -> "SyncAnswerStream":
        """See Client.stream."""
        return SyncAnswerStream(self._client.stream(decision, request, timeout=timeout, **options), self._loop)

    def feedback(
        self,
        about: Decision | Answer | str,
        *,
        quality: float | None = None,
        success: bool | None = None,
        label: FeedbackLabel | str | None = None,
        comment: str = "",
        request_id: str = "",
        timeout: float | None = None,
    ) -> bool:
        """See Client.feedback."""
        said = self._client.feedback(
            about,
            quality=quality,
            success=success,
            label=label,
            comment=comment,
            request_id=request_id,
            timeout=timeout,
        )
        return self._loop.run(said)

    def chat(self, request: ChatLike, **options: Unpack[RouteOptions]) -> Answer:
        """See Client.chat."""
        return self._loop.run(self._client.chat(request, **options))

    def chat_stream(self, request: ChatLike, **options: Unpack[RouteOptions]) -> "SyncAnswerStream":
        """See Client.chat_stream."""
        return SyncAnswerStream(self._client.chat_stream(request, **options), self._loop)


def _close(loop: LoopThread, client: Client) -> None:
    loop.stop(client.close())


class SyncAnswerStream:
    """AnswerStream for code that waits.

    with turnout.chat_stream("Why is the sky blue?") as stream:
        for event in stream:
            ...
    """

    def __init__(self, stream: AnswerStream, loop: LoopThread) -> None:
        self._stream = stream
        self._loop = loop

    @property
    def decision(self) -> Decision:
        """See AnswerStream.decision."""
        return self._stream.decision

    @property
    def text(self) -> str:
        """See AnswerStream.text."""
        return self._stream.text

    @property
    def answer(self) -> Answer:
        """See AnswerStream.answer."""
        return self._stream.answer

    def __enter__(self) -> Self:
        self._loop.run(self._stream.__aenter__())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Event:
        event = self._loop.run(_next(self._stream))
        if event is None:
            raise StopIteration
        return event

    def close(self) -> None:
        """See AnswerStream.aclose."""
        self._loop.release(self._stream.aclose())


async def _next(stream: AnswerStream) -> Event | None:
    return await anext(stream, None)
