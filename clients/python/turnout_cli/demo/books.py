"""What is left of the demonstration: the budget to the nano-dollar, and a log that is verified, and forged."""

import asyncio
import json
import sqlite3
import sys
from dataclasses import dataclass
from pathlib import Path

from turnout_cli.stack import Stack
from turnout_client import BudgetStatus, Client

BUDGET = {"name": "demo", "limit_usd": 10, "window": "total"}
"""What all prompts of the demonstration are paid from."""
_STORE = "turnout.db"
_LOOKS, _PAUSE = 40, 0.25
"""How often it is asked whether everything is settled, and seconds in between."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What `turnout audit verify` found."""

    sound: bool
    leaves: int
    checkpoints: int
    replayed: int
    fault: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounts:
    """What callers' receipts say it cost, what the budget booked, and what is still held of it."""

    receipts_nanousd: int
    spent_nanousd: int
    reserved_nanousd: int
    limit_nanousd: int
    log: Verified
    forged: Verified

    @property
    def right(self) -> bool:
        """Whether nothing is held or lost, the log is sound, and a forged one is noticed."""
        settled = (self.spent_nanousd, self.reserved_nanousd) == (self.receipts_nanousd, 0)
        return settled and self.log.sound and not self.forged.sound


async def accounts(client: Client, stack: Stack, receipts_nanousd: int) -> Accounts:
    """Wait until all is settled, then verify the log, and a copy of it in which somebody made a receipt cheaper."""
    balance = await _settled(client)
    copy = stack.state.parent / "forged.db"
    for _ in range(_LOOKS):
        if await asyncio.to_thread(_forge, stack.state / _STORE, copy):
            break
        await asyncio.sleep(_PAUSE)
    stores = (stack.state / _STORE, copy)
    log, forged = await asyncio.gather(*(_verify(stack.state, f"sqlite:{store}") for store in stores))
    return Accounts(
        receipts_nanousd=receipts_nanousd,
        spent_nanousd=balance.spent,
        reserved_nanousd=balance.reserved,
        limit_nanousd=balance.limit,
        log=log,
        forged=forged,
    )


async def _settled(client: Client) -> BudgetStatus:
    """How the budget stands when nothing is held any more, or after a while."""
    for _ in range(_LOOKS):
        if not (await _balance(client)).reserved:
            break
        await asyncio.sleep(_PAUSE)
    return await _balance(client)


async def _balance(client: Client) -> BudgetStatus:
    (account,) = (await client.budget(str(BUDGET["name"]))).accounts
    return account


def _forge(store: Path, copy: Path) -> bool:
    """Change one bit of the newest receipt in a copy of the store; False if none has its place in the log yet."""
    source, target = sqlite3.connect(f"file:{store}?mode=ro", uri=True), sqlite3.connect(copy)
    with source, target:
        source.backup(target)
        newest = "SELECT seq, body FROM entry JOIN leaf USING (seq) WHERE kind = 'receipt' ORDER BY seq DESC LIMIT 1"
        found = target.execute(newest).fetchone()
        if found is not None:
            seq, body = found
            target.execute("UPDATE entry SET body = ? WHERE seq = ?", (body[:-1] + bytes([body[-1] ^ 1]), seq))
    source.close()
    target.close()
    return found is not None


async def _verify(state: Path, store: str) -> Verified:
    """By the command that an auditor runs."""
    command = [sys.executable, "-m", "turnout_cli", "audit", "verify"]
    process = await asyncio.create_subprocess_exec(
        *command, "--state", str(state), "--store", store, "--json", stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    found = json.loads(out)
    faults = found["faults"]
    return Verified(
        sound=process.returncode == 0,
        leaves=found["size"],
        checkpoints=found["checkpoints"],
        replayed=found["replayed"],
        fault=f"{faults[0]['where']}: {faults[0]['problem']}" if faults else "",
    )
