"""The cache of answers in Valkey, shared by workers; anything that speaks its protocol will do."""

import logging
from collections.abc import Callable

from valkey.asyncio import Valkey
from valkey.exceptions import ValkeyError

_log = logging.getLogger(__name__)
PREFIX = b"turnout:answer:1:"
TIMEOUT = 0.25
"""Seconds that an answer from the cache may take; a model is not much slower than a cache that hangs."""


class ValkeyCache:
    """Answers under `turnout:answer:…`, each for `life` seconds. `failed` hears of every call that gave nothing but an error."""

    def __init__(self, url: str, life: float, failed: Callable[[], None]) -> None:
        """`url` as Valkey's client takes it, such as `valkey://127.0.0.1:6379/0`; nothing is connected yet."""
        self._client: Valkey = Valkey.from_url(url, socket_timeout=TIMEOUT, socket_connect_timeout=TIMEOUT)
        self._life = max(round(life), 1)
        self._failed = failed

    async def get(self, key: bytes) -> bytes | None:
        """See Cache."""
        try:
            found: bytes | None = await self._client.get(PREFIX + key)
        except (ValkeyError, OSError, TimeoutError) as error:
            self._tell(error)
            return None
        return found

    async def put(self, key: bytes, answer: bytes) -> None:
        """See Cache."""
        try:
            await self._client.set(PREFIX + key, answer, ex=self._life)
        except (ValkeyError, OSError, TimeoutError) as error:
            self._tell(error)

    async def close(self) -> None:
        """See Cache."""
        await self._client.aclose()

    @property
    def cached(self) -> None:
        """See Cache: workers share it, so none of them knows."""

    def _tell(self, error: Exception) -> None:
        self._failed()
        _log.warning("the response cache did not answer", extra={"error": type(error).__name__})
