"""One run: it calls, waits, and states in exactly one receipt what it did."""

from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from dataplane.chat.model import FinishReason, Usage, UsageReport
from dataplane.execution.account import Account
from dataplane.execution.compatibility import Misfit, misfits
from dataplane.execution.crash import log_crash
from dataplane.execution.equipment import Equipment, RunnerSettings
from dataplane.execution.failures import Cause, cause_of, crashed
from dataplane.execution.hedge import HedgeBudget, HedgedCall
from dataplane.execution.live import LiveCall
from dataplane.execution.observer import AttemptStarted, Committed, TargetSkipped, Waited
from dataplane.execution.output import Answer, gathering
from dataplane.execution.plan import advance, run_plan
from dataplane.execution.receipt import Receipt, RunResult, SkipReason
from dataplane.execution.roll import Roll
from dataplane.execution.run import Begun, Broken, Completed, Failed, Run, RunEvent, Serving
from dataplane.execution.step import (
    Attempt,
    Bounds,
    Called,
    Done,
    Ending,
    EndKind,
    Raced,
    Refusal,
    Report,
    Skip,
    Step,
    Wait,
)
from dataplane.execution.verdict import is_of_the_key


def unheard(_: Serving) -> None:
    """For who need not know whose an answer is."""
    return


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """What the runs of one runner have in common."""

    roll: Roll
    hedges: HedgeBudget | None


class Execution:
    """One run."""

    def __init__(
        self,
        run: Run,
        settings: RunnerSettings,
        equipment: Equipment,
        shared: Shared,
        *,
        streaming: bool,
        serving: Callable[[Serving], None] = unheard,
    ) -> None:
        self._run = run
        self._hedges = shared.hedges
        self._roll = shared.roll
        self._serving = serving
        self._settings = settings
        self._with = equipment
        self._streaming = streaming
        self._account = Account(run, clock=equipment.clock)
        self._live: LiveCall | None = None
        self._receipt_id = equipment.new_id()
        self._gathered = gathering(run.request.response_format)
        self._misfits: Mapping[int, Misfit] = {}

    async def events(self) -> AsyncGenerator[RunEvent, None]:
        """Drive the plan to its end; the last event is the terminal one."""
        self._roll.enter()
        try:
            plan = self._plan()
            step = advance(plan, None)
            while not isinstance(step, Ending):
                report: Report
                if isinstance(step, Attempt):
                    call = self._call(step)
                    if isinstance(call, Refusal):
                        report = call
                    else:
                        async with call:
                            async for content in call:
                                if self._account.first_content is None:
                                    self._commit(call.attempt)
                                if self._gathered:
                                    self._gathered.add(content)
                                yield content
                        self._live = call.answering
                        report = self._reported(step, call)
                elif isinstance(step, Wait):
                    report = await self._wait(step)
                else:
                    report = self._pass(step)
                step = advance(plan, report)
            last = self._conclude(step)
        except Exception as error:  # noqa: BLE001 - a bug of ours must not cost the caller an answer, nor the run its receipt
            log_crash("a run crashed", error, decision_id=self._run.decision.decision_id)
            last = self._fail(crashed(self._account))
        except BaseException:
            self._cancel()
            raise
        finally:
            self._roll.leave()
        for event in last:
            yield event

    def _plan(self) -> Generator[Step, Report, Ending]:
        decision, started = self._run.decision, self._account.started
        self._misfits = misfits(self._run, self._with.fits)
        longest = min(time for time in (decision.limits.deadline, self._run.time_left) if time is not None)
        if decision.limits.reserved_nanousd is not None:
            self._tell(longest)
        bounds = Bounds(
            started=started,
            end_by=started + longest.total_seconds(),
            expires=started + (decision.expires_at - self._account.started_at).total_seconds(),
        )
        after = None
        if self._hedges and self._settings.hedge:
            self._hedges.deposit()
            after = self._settings.hedge.after.total_seconds()
        return run_plan(
            decision.targets, decision.limits, bounds, self._settings.plan, self._misfits, hedge_after=after
        )

    def _tell(self, longest: timedelta) -> None:
        begun = Begun(
            decision_id=self._run.decision.decision_id,
            receipt_id=self._receipt_id,
            until=self._account.started_at + longest + self._settings.afterwards,
        )
        try:
            self._with.begun(begun)
        except Exception as error:  # noqa: BLE001 - whoever listens badly must not cost the caller the answer
            log_crash("the begin of a run was not taken", error, decision_id=begun.decision_id)

    def _call(self, attempt: Attempt) -> LiveCall | HedgedCall | Refusal:
        end_by = self._with.clock.monotonic() + attempt.left
        first, beside = self._begin(attempt), attempt.beside
        if beside is None or isinstance(first, Refusal):
            return first

        def second() -> LiveCall | Refusal | None:
            left = min(end_by - self._with.clock.monotonic(), beside.left)
            if left <= 0 or self._hedges is None or not self._hedges.take():
                return None
            return self._begin(replace(beside, share=left, left=left))

        return HedgedCall(first, second, after=attempt.after)

    def _begin(self, attempt: Attempt) -> LiveCall | Refusal:
        admitted = self._with.gate.admit(attempt, self._run.snapshot)
        if isinstance(admitted, Refusal):
            return self._refused(attempt, admitted)
        self._account.called(attempt.index, self._with.clock.monotonic())
        started_at = self._with.clock.now()
        try:
            scope = self._with.observer.attempt_started(
                AttemptStarted(
                    decision_id=self._run.decision.decision_id,
                    number=attempt.number,
                    model=attempt.target.model,
                    deployment=admitted.deployment,
                    streaming=self._streaming,
                    tries=attempt.tries,
                    forced=attempt.forced,
                    started_at=started_at,
                )
            )
            return LiveCall(
                attempt,
                admitted,
                provider=self._with.provider,
                account=self._account,
                scope=scope,
                clock=self._with.clock,
                started_at=started_at,
                settings=self._settings.call,
                streaming=self._streaming,
            )
        except BaseException:
            admitted.leave()
            raise

    def _reported(self, attempt: Attempt, call: LiveCall | HedgedCall) -> Called | Raced:
        called = call.report if isinstance(call, HedgedCall) else call.called
        deployment = self._run.snapshot.deployments[attempt.target.deployment]
        if isinstance(called, Raced) or not deployment.more_credentials or not is_of_the_key(called.end):
            return called
        return replace(called, spare=self._with.gate.spare(deployment, (*attempt.tried, called.reference)))

    def _refused(self, step: Attempt | Skip, refusal: Refusal) -> Refusal:
        self._account.skip(step.index, refusal)
        self._with.observer.target_skipped(
            TargetSkipped(
                decision_id=self._run.decision.decision_id,
                deployment=step.target.deployment,
                reason=refusal.reason,
                detail=refusal.detail,
            )
        )
        return refusal

    def _pass(self, step: Skip) -> Done:
        now = self._with.clock.monotonic()
        refusal = Refusal(now=now, reason=step.reason)
        if step.reason is SkipReason.INCOMPATIBLE:
            misfit = self._misfits[step.index]
            refusal = replace(refusal, detail=str(misfit), field=misfit.field)
        self._refused(step, refusal)
        return Done(now=now)

    def _commit(self, attempt: Attempt) -> None:
        now = self._with.clock.monotonic()
        after = self._account.commit(now)
        self._serving(
            Serving(
                deployment=attempt.target.deployment,
                model=attempt.target.model,
                attempts=self._account.begun,
                calling=self._account.calling(now),
            )
        )
        self._with.observer.committed(
            Committed(
                decision_id=self._run.decision.decision_id,
                number=attempt.number,
                deployment=attempt.target.deployment,
                after=after,
            )
        )

    async def _wait(self, wait: Wait) -> Done:
        started = self._with.clock.monotonic()
        done = await self._with.waiting(wait)
        self._with.observer.waited(
            Waited(
                decision_id=self._run.decision.decision_id,
                deployment=wait.target.deployment,
                purpose=wait.purpose,
                duration=timedelta(seconds=done.now - started),
                denied=done.denied,
            )
        )
        return done

    def _conclude(self, ending: Ending) -> tuple[RunEvent, ...]:
        if ending.kind is not EndKind.SUCCEEDED or self._live is None or self._live.finished is None:
            return self._fail(cause_of(ending, self._account, now=self._with.clock.monotonic()))
        finished, usage = self._live.finished, self._live.usage or Usage(estimated=True)
        answer = self._gathered.answer(finished.reason, self._live.response) if self._gathered else None
        completed = Completed(
            finished=finished,
            usage=usage,
            receipt=self._state(RunResult.SUCCEEDED, finish_reason=finished.reason, answer=answer),
            response=self._live.response,
            vectors=self._live.vectors,
            body=self._live.body,
        )
        return (UsageReport(usage=usage), completed) if self._streaming else (completed,)

    def _fail(self, cause: Cause) -> tuple[RunEvent, ...]:
        if self._account.first_content is None:
            receipt = self._state(RunResult.FAILED, error_reason=cause.reason)
            return (Failed(failure=cause.failure(receipt), receipt=receipt),)
        receipt = self._state(RunResult.BROKEN, error_reason=cause.reason)
        return (Broken(failure=cause.failure(receipt), receipt=receipt),)

    def _cancel(self) -> None:
        if not self._account.closed:
            self._state(RunResult.CANCELLED, error_reason="CANCELLED")

    def _state(
        self,
        result: RunResult,
        *,
        error_reason: str = "",
        finish_reason: FinishReason = FinishReason.UNKNOWN,
        answer: Answer | None = None,
    ) -> Receipt:
        receipt = self._account.close(
            result,
            worker=self._settings.worker,
            receipt_id=self._receipt_id,
            now=self._with.clock.monotonic(),
            error_reason=error_reason,
            finish_reason=finish_reason,
        )
        for tell in (lambda told: self._with.sink(told, answer), self._with.observer.run_ended):
            try:
                tell(receipt)
            except Exception as error:  # noqa: BLE001 - whoever listens badly must not cost the caller the answer
                log_crash("a receipt was not taken", error, decision_id=receipt.decision_id)
        return receipt
