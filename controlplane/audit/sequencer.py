"""Gives recorded entries their places in the log, and signs what the log is: one at a time over all replicas."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Protocol

from controlplane.audit.log_key import LogKey
from controlplane.audit.merkle import Edge, ProofInvalid, grown
from controlplane.audit.note import NoteInvalid, Statement
from controlplane.audit.proofs import Proofs
from controlplane.store.protocols import Checkpoint, StoreUnavailable, Tree
from turnout_wire.tree import leaf_hash

_log = logging.getLogger(__name__)
INTERVAL_S = 1.0
"""How long an entry waits for its place at most, when all is well."""
BATCH = 1000
"""So many entries do not wait."""
REMEMBERED = 1024
"""Witnessed notes that are not checked again."""


class Forked(Exception):
    """The log is not what it was signed to be; the message says where."""


class Watch(Protocol):
    """Is told what the sequencer does, for metrics."""

    def sequenced(self, count: int, size: int) -> None:
        """So many entries got their places, and the log has `size` now."""
        ...

    def forked(self, reason: str) -> None:
        """The log was altered or rolled back. It takes nothing more until somebody has looked into it."""
        ...


Wait = Callable[[asyncio.Event, float], Awaitable[None]]
"""Until the event is set, so many seconds at most."""


async def within(event: asyncio.Event, seconds: float) -> None:
    """See Wait."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return


class Sequencer:
    """Extends the log while it leads, follows it while another replica does. Belongs to one event loop."""

    def __init__(
        self, tree: Tree, key: LogKey, watch: Watch, clock: Callable[[], datetime], *, wait: Wait = within
    ) -> None:
        self._tree = tree
        self._key = key
        self._watch = watch
        self._clock = clock
        self._wait = wait
        self._proofs = Proofs(tree)
        self._pending = 0
        self._due = asyncio.Event()
        self._witnessed: OrderedDict[str, None] = OrderedDict()
        self.newest: Checkpoint | None = None
        self.leading = False
        """Whether this process extends the log now, so that what only one should do beside it is done here."""
        """The newest checkpoint that is durable; None before the first."""
        self.reason = ""
        """Why nothing is sequenced any more; empty if all is well."""

    @property
    def forked(self) -> bool:
        """Whether the log was found to be altered or rolled back."""
        return bool(self.reason)

    def recorded(self, count: int) -> None:
        """So many entries were just recorded by this process; many of them do not wait for the second to pass."""
        self._pending += count
        if self._pending >= BATCH:
            self._due.set()

    async def run(self) -> None:
        """Sequence until cancelled, or until the log is found to be altered."""
        while not self.forked:
            try:
                async with self._tree.lead() as self.leading:
                    await (self._lead() if self.leading else self._follow())
            except StoreUnavailable as error:
                _log.warning("the audit log waits for the store: %s", error)
                await self._pause()
            except Forked as fork:
                self._alarm(str(fork))
            finally:
                self.leading = False

    async def catch_up(self) -> None:
        """Sequence what waits and return, unless another replica leads. Raises StoreUnavailable."""
        async with self._tree.lead() as leading:
            try:
                edge = await self._resume() if leading else None
                while edge is not None:
                    edge, count = await self._step(edge)
                    edge = edge if count else None
            except Forked as fork:
                self._alarm(str(fork))

    async def witness(self, note: str) -> bool:
        """Take a checkpoint that comes back from outside; False if no key of this log signed it, which says nothing.

        One that this log signed, but that it does not fit, means that the log was altered or rolled back: then `forked` is
        set. Raises StoreUnavailable.
        """
        if note in self._witnessed:
            return True
        try:
            statement = self._key.open(note)
        except NoteInvalid:
            return False
        try:
            await self._compare(statement)
        except Forked as fork:
            self._alarm(str(fork))
            return True
        self._witnessed[note] = None
        if len(self._witnessed) > REMEMBERED:
            self._witnessed.popitem(last=False)
        return True

    async def _compare(self, witnessed: Statement) -> None:
        size = self.newest.size if self.newest else 0
        if size < witnessed.size:
            known = await self._tree.newest()
            size = known.size if known else 0
        if size < witnessed.size:
            raise Forked(
                f"a checkpoint of {witnessed.size} leaves came back, and the log has {size}: it was rolled back"
            )
        if await self._root(witnessed.size) != witnessed.root:
            raise Forked(f"a checkpoint of {witnessed.size} leaves came back with another root than the log had then")

    async def _root(self, size: int) -> bytes:
        kept = await self._tree.checkpoint(size)
        try:
            return kept.root if kept else await self._proofs.root(size)
        except ProofInvalid as error:
            raise Forked(f"the tree cannot be worked out at {size} leaves: {error}") from error

    async def _lead(self) -> None:
        edge = await self._resume()
        while not self.forked:
            edge, count = await self._step(edge)
            if count < BATCH:
                await self._pause()

    async def _follow(self) -> None:
        """Read what the leader signed, then try again to lead."""
        self.newest = await self._stored()
        await self._pause()

    async def _stored(self) -> Checkpoint | None:
        """The newest checkpoint that is kept. Raises Forked, StoreUnavailable."""
        newest = await self._tree.newest()
        size, before = newest.size if newest else 0, self.newest.size if self.newest else 0
        if size < before:
            raise Forked(
                f"the newest checkpoint has {size} leaves, and one of {before} was there: the log was rolled back"
            )
        return newest

    async def _pause(self) -> None:
        await self._wait(self._due, INTERVAL_S)
        self._due.clear()

    async def _resume(self) -> Edge:
        """The tree as it is kept, if it is what the newest checkpoint says. Raises Forked, StoreUnavailable."""
        newest = await self._stored()
        size = newest.size if newest else 0
        try:
            edge = await self._proofs.edge(size)
            if newest is not None:
                self._check(newest, edge)
        except (ProofInvalid, NoteInvalid) as error:
            raise Forked(f"the newest checkpoint, of {size} leaves, does not hold: {error}") from error
        if await self._tree.leaf_hashes(size, size + 1):
            raise Forked(
                f"there is a leaf {size}, and the newest checkpoint has {size} leaves: a checkpoint was removed"
            )
        self.newest = newest
        return edge

    def _check(self, newest: Checkpoint, edge: Edge) -> None:
        said = self._key.open(newest.note)
        if (said.size, said.root) != (newest.size, newest.root):
            raise NoteInvalid(f"its note is of {said.size} leaves or of another root")
        if edge.root != newest.root:
            raise ProofInvalid("the leaves that are kept have another root")

    async def _step(self, edge: Edge) -> tuple[Edge, int]:
        """Sequence what waits, up to a batch; nothing new makes no checkpoint."""
        self._pending = 0
        waiting = await self._tree.unsequenced(BATCH)
        if not waiting:
            return edge, 0
        hashes = [leaf_hash(entry.leaf) for entry in waiting]
        larger, tiles = grown(edge, hashes)
        root = larger.root
        checkpoint = Checkpoint(size=larger.size, root=root, at=self._clock(), note=self._key.note(larger.size, root))
        places = [(entry.seq, one) for entry, one in zip(waiting, hashes, strict=True)]
        await self._tree.extend(edge.size, places, tiles, checkpoint)
        self.newest = checkpoint
        self._watch.sequenced(len(waiting), larger.size)
        return larger, len(waiting)

    def _alarm(self, reason: str) -> None:
        if not self.forked:
            self.reason = reason
            _log.critical(
                "the audit log is not what was signed, and takes nothing more: %s; `turnout audit verify`", reason
            )
            self._watch.forked(reason)
            self._due.set()
