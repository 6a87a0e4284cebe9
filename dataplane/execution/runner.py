"""Runs decisions, each in its own course, and knows how many are under way."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import replace

from dataplane.execution.account import Account
from dataplane.execution.course import Execution, Shared, unheard
from dataplane.execution.equipment import Equipment, RunnerSettings
from dataplane.execution.hedge import HedgeBudget
from dataplane.execution.receipt import Receipt, RunResult
from dataplane.execution.roll import Roll
from dataplane.execution.run import Broken, Completed, Failed, Run, RunEvent, RunOutcome, Serving


class Runner:
    """Runs decisions."""

    def __init__(self, settings: RunnerSettings, equipment: Equipment) -> None:
        self._settings = settings
        self._equipment = equipment
        self._shared = Shared(roll=Roll(), hedges=HedgeBudget(settings.hedge.budget) if settings.hedge else None)

    async def generate(self, run: Run) -> RunOutcome:
        """The whole answer or the failure. Raises nothing but the caller's own cancellation."""
        outcome: RunOutcome | None = None
        execution = Execution(run, self._settings, self._equipment, self._shared, streaming=False)
        async with aclosing(execution.events()) as events:
            async for event in events:
                if isinstance(event, Completed):
                    outcome = RunOutcome(
                        receipt=event.receipt, response=event.response, vectors=event.vectors, body=event.body
                    )
                elif isinstance(event, Failed | Broken):
                    outcome = RunOutcome(receipt=event.receipt, failure=event.failure)
        if outcome is None:
            raise RuntimeError("a run ended without a terminal event")
        return outcome

    def stream(self, run: Run, serving: Callable[[Serving], None] = unheard) -> AsyncGenerator[RunEvent, None]:
        """The answer as it comes, in the order that RunEvent says. Raises nothing but the caller's own cancellation.

        `serving` hears, before the first content, whose it is. Whoever stops early must close the generator
        (`contextlib.aclosing`): that cancels the provider's call, and the receipt says so.
        """
        execution = Execution(run, self._settings, self._equipment, self._shared, streaming=True, serving=serving)
        return execution.events()

    async def settled(self, seconds: float) -> int:
        """Wait until every run that began has its receipt, for `seconds` at most; gives how many have none.

        For whoever goes down: runs that were cut state what they did a moment later than they are cut.
        """
        return await self._shared.roll.empty(seconds)

    def recall(self, run: Run) -> Receipt:
        """The receipt of a run whose answer was kept from another one: nothing is called, and nothing is owed."""
        now = self._equipment.clock.monotonic()
        account = Account(run, clock=self._equipment.clock)
        stated = account.close(
            RunResult.SUCCEEDED, worker=self._settings.worker, receipt_id=self._equipment.new_id(), now=now
        )
        receipt = replace(stated, from_cache=True)
        self._equipment.sink(receipt, None)
        self._equipment.observer.run_ended(receipt)
        return receipt
