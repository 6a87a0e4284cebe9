"""The API keys of an installation, kept in the store as one document that changes as a whole."""

import asyncio
from collections.abc import Callable, Mapping
from typing import cast

from controlplane.access.key_document import from_json, to_json
from controlplane.access.model import ApiKey, ApiKeyId
from controlplane.store.protocols import Database, Statement
from turnout_wire.failure import Failure

Keys = Mapping[ApiKeyId, ApiKey]

_NAME = "api_keys"
_NEWER = "SELECT version, body FROM setting WHERE name = ? AND version > ?"
# One statement decides who is first: nothing is written if the version is another one meanwhile.
_REPLACE = (
    "INSERT INTO setting (name, version, body) VALUES (?, 1, ?) ON CONFLICT (name) DO UPDATE "
    "SET version = setting.version + 1, body = excluded.body WHERE setting.version = ?"
)
_TRIES = 10


class KeyBook:
    """What the store has, as this process last saw it. Belongs to one event loop; `refresh` it before it is asked."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._keys: Keys = {}
        self._version = 0
        self._changing = asyncio.Lock()

    @property
    def keys(self) -> Keys:
        """All keys by id, those that are over too."""
        return self._keys

    async def refresh(self) -> bool:
        """Take what others changed; whether there was something. Raises StoreUnavailable, or ValueError for a damaged document."""
        for version, body in await self._database.fetch(_NEWER, _NAME, self._version):
            try:
                self._keys = from_json(cast("bytes", body))
            except (ValueError, KeyError, TypeError) as error:
                told = f"the store's API keys cannot be read ({error!r}); restore a copy of the store"
                raise ValueError(told) from error
            self._version = cast("int", version)
            return True
        return False

    async def change(
        self, work: Callable[[Keys], ApiKey], forget: Callable[[ApiKey], bool] = lambda _: False
    ) -> ApiKey:
        """Keep the key that `work` makes of all keys in the place of the one with its id; durable when this returns.

        Others are dropped which `forget` says so of. `work` is done again if another control plane was faster. Raises what
        `work` raises, StoreUnavailable, or Failure ETAG_MISMATCH if others were faster again and again.
        """
        async with self._changing:
            for _ in range(_TRIES):
                await self.refresh()
                key = work(self._keys)
                if self._keys.get(key.key_id) == key:
                    return key
                others = [one for one in self._keys.values() if one.key_id != key.key_id and not forget(one)]
                body = to_json([*others, key])
                await self._database.write([Statement(sql=_REPLACE, rows=[(_NAME, body, self._version)])])
                await self.refresh()
                if self._keys.get(key.key_id) == key:
                    return key
        told = "other control planes changed keys at the same moment, again and again; try again"
        raise Failure("ETAG_MISMATCH", told)
