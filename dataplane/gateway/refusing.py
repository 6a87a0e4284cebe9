"""Answers that are errors, in the shape of their face."""

from collections.abc import Sequence

from dataplane.gateway.exchange import Exchange
from dataplane.gateway.face import Errors
from dataplane.gateway.model import Problem
from dataplane.gateway.problems import may_retry, seconds
from dataplane.gateway.told import Header


async def refuse(exchange: Exchange, face: Errors, problem: Problem, headers: Sequence[Header] = ()) -> None:
    """Tell `problem`; nothing may have been sent yet.

    `x-should-retry` is what the SDKs of OpenAI and Anthropic go by before their own tables.
    """
    refused = face.refuse(problem)
    more: list[Header] = [*headers, ("x-turnout-error", problem.reason)]
    if problem.retry_after is not None:
        more.append(("retry-after", seconds(problem.retry_after)))
    if refused.status == 429 or refused.status >= 500:
        more.append(("x-should-retry", "true" if may_retry(problem) else "false"))
    if problem.reason == "DRAINING":
        more.append(("connection", "close"))  # the next one may lead to another worker
    await exchange.respond(refused.status, more, refused.body)
