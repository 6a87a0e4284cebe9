"""Describes requests without their text, by the rule set that the control plane reads them with."""

import asyncio

from turnout.routing.v1 import routing_pb2
from turnout_client.asked import Asked
from turnout_client.deadline import Deadline
from turnout_client.error_codec import error
from turnout_features import extract
from turnout_wire.conversation import conversation, features_to_proto
from turnout_wire.failure import Failure
from turnout_wire.rule_sets import Fetch, RuleSets

INLINE = 64 * 1024
"""Bodies above this are read in a thread, so that a long text does not hold up the event loop."""


class RuleBook:
    """Describes requests; see RuleSets for what it keeps."""

    def __init__(self, *, origins: int = 1024, rule_sets: int = 16) -> None:
        self._sets = RuleSets(origins=origins, rule_sets=rule_sets)

    async def describe(
        self, asked: Asked, fetch: Fetch, deadline: Deadline, *, outdated: bytes | None = None
    ) -> routing_pb2.Description:
        """Features and digest of a request. `outdated` is the digest that the control plane would not take.

        Raises TurnoutError.
        """
        try:
            async with asyncio.timeout(deadline.left()):
                patterns = await self._sets.patterns(asked.route, fetch, outdated)
                encode = await self._sets.encoder()
        except TimeoutError:
            raise error(deadline.failure()) from None
        except Failure as failure:
            raise error(failure) from failure
        try:
            told = conversation(asked.chat)
        except Failure as failure:
            raise error(failure) from None
        if len(asked.payload.body) <= INLINE:
            features = extract(told, patterns, encode=encode)
        else:
            features = await asyncio.to_thread(extract, told, patterns, encode=encode)
        return routing_pb2.Description(request_digest=asked.digest, features=features_to_proto(features))
