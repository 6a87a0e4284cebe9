"""Sends prompts through both planes and tells of each as it comes back."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from opentelemetry import trace

from turnout_cli.demo.outcome import Row
from turnout_cli.demo.prompts import Prompt
from turnout_client import Client, Decision, Delta, Finish, TurnoutError, Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What came back for one decision."""

    finish: Finish | None
    usage: Usage
    execute_ms: float
    first_token_ms: float | None
    error: str = ""


class Traffic:
    """Prompts on their way; at most `concurrency` at once, so that what is measured is not its own queue."""

    def __init__(self, client: Client, concurrency: int, tell: Callable[[Row], None]) -> None:
        self._client = client
        self._concurrency = concurrency
        self._tell = tell
        self.rows: list[Row] = []

    async def send(self, prompts: Iterable[Prompt], before: Callable[[int], Awaitable[None]]) -> None:
        """Send all; `before(n)` is awaited before the n-th prompt, from 1, goes out."""
        room = asyncio.Semaphore(self._concurrency)
        async with asyncio.TaskGroup() as group:
            for number, prompt in enumerate(prompts, start=1):
                await before(number)
                await room.acquire()
                task = group.create_task(self._one(number, prompt))
                task.add_done_callback(lambda _: room.release())

    async def _one(self, number: int, prompt: Prompt) -> None:
        with trace.get_tracer("turnout_demo").start_as_current_span("prompt"):
            row = await self._routed(number, prompt)
        self.rows.append(row)
        self._tell(row)

    async def _routed(self, number: int, prompt: Prompt) -> Row:
        started = time.perf_counter()
        try:
            decision = await self._client.decide(prompt.messages)
        except TurnoutError as error:
            return _undecided(number, prompt, error.reason, _since(started))
        decide_ms = _since(started)
        return _decided(number, prompt, decision, decide_ms, await self.run(decision))

    async def run(self, decision: Decision) -> Answered:
        """Run a decision as a stream, as chats do."""
        started = time.perf_counter()
        first: float | None = None
        usage, finish = Usage(), None
        try:
            async for event in self._client.stream(decision):
                if isinstance(event, Delta) and first is None:
                    first = _since(started)
                elif isinstance(event, Usage):
                    usage = event
                elif isinstance(event, Finish):
                    finish = event
        except TurnoutError as error:
            return Answered(
                finish=None, usage=usage, execute_ms=_since(started), first_token_ms=first, error=error.reason
            )
        return Answered(finish=finish, usage=usage, execute_ms=_since(started), first_token_ms=first)


def _since(started: float) -> float:
    return (time.perf_counter() - started) * 1000


def _undecided(number: int, prompt: Prompt, reason: str, decide_ms: float) -> Row:
    return Row(
        number=number, name=prompt.name, prompt=prompt.last, task_type="", complexity="", confidence=0.0, chosen="", provider="",
        model="", reason="", decision_id="", attempts=0, failed_calls=(), skipped=(), input_tokens=0, output_tokens=0,
        cost_nanousd=0, baseline_nanousd=0, decide_ms=decide_ms, execute_ms=0.0, first_token_ms=None, error=reason,
    )  # fmt: skip


def _decided(number: int, prompt: Prompt, decision: Decision, decide_ms: float, came: Answered) -> Row:
    plan = decision.plan
    receipt = came.finish.receipt if came.finish else None
    attempts = receipt.attempts if receipt else ()
    served = receipt.served_by if receipt else None
    usage = served.usage if served else came.usage
    return Row(
        number=number,
        name=prompt.name,
        prompt=prompt.last,
        task_type=plan.task_type.value,
        complexity=plan.complexity.value,
        confidence=plan.confidence,
        chosen=decision.model,
        provider=decision.provider,
        model=served.model if served else decision.model,
        reason=plan.reason,
        decision_id=decision.decision_id,
        attempts=len(attempts),
        failed_calls=tuple(f"{made.deployment} {made.error}" for made in attempts if made.error),
        skipped=tuple(f"{skipped.deployment} {skipped.reason}" for skipped in receipt.skipped) if receipt else (),
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cost_nanousd=receipt.cost_nanousd if receipt else 0,
        baseline_nanousd=plan.baseline.cost_of(usage.input_tokens, usage.output_tokens)
        if plan.baseline and served
        else 0,
        decide_ms=decide_ms,
        execute_ms=came.execute_ms,
        first_token_ms=came.first_token_ms,
        error=came.error,
    )
