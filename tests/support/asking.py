"""Asking planes inside the test's process as programs and persons do: by the client, the command and over HTTP."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from typer.testing import CliRunner

from controlplane.access.callers import open_callers, token_hash
from tests.support.backbone import Backbone, Control, opened
from tests.support.commands import Result
from turnout.budget.v1 import budget_pb2
from turnout.routing.v1 import routing_pb2
from turnout_cli.__main__ import app
from turnout_client import Client

PATIENCE = 60.0
"""Seconds after which a condition is taken never to come."""


def client(planes: Backbone, caller: str = "local", **settings: Any) -> Client:
    """A client of both planes."""
    where = {"control": planes.control.address, "workers": planes.worker.address, "timeout": PATIENCE}
    return Client(token=planes.control.token(caller), **{**where, **settings})


def invoked(arguments: Sequence[str], variables: Mapping[str, str]) -> Result:
    """A command in this process, on a wide terminal without colours."""
    result = CliRunner().invoke(app, arguments, env={**variables, "COLUMNS": "160"})
    return Result(code=result.exit_code, out=result.stdout, err=result.stderr)


async def command(planes: Backbone, *arguments: str, caller: str = "operator") -> Result:
    """What `turnout arguments` gave."""
    variables = {
        "TURNOUT_STATE": str(planes.control.config.state),
        "TURNOUT_STORE": planes.control.config.store,
        "TURNOUT_CONTROL": planes.control.address,
        "TURNOUT_WORKERS": planes.worker.address,
        "TURNOUT_TOKEN": planes.control.token(caller),
    }
    return await asyncio.to_thread(invoked, arguments, variables)


async def told(planes: Backbone, enough: Callable[[Any], object], *arguments: str, caller: str = "operator") -> Any:
    """What a command printed as JSON, as soon as it says enough. Raises TimeoutError."""
    async with asyncio.timeout(PATIENCE):
        while True:
            found = (await command(planes, *arguments, "--json", caller=caller)).json
            if enough(found):
                return found


async def covered(planes: Backbone) -> None:
    """Wait until all decisions, and whatever else is in the log by now, are under a checkpoint. Raises TimeoutError."""
    await planes.control.plane._records.journal.flush(PATIENCE)
    ((entries,),) = await planes.control.store.database.fetch("SELECT count(*) FROM entry")
    assert isinstance(entries, int)
    await told(planes, lambda found: found["size"] >= entries, "audit", "checkpoint")


def id_of(decided: routing_pb2.DecideRouteResponse) -> str:
    """The decision's id."""
    return opened(decided.decision).decision_id


async def begun(control: Control, decision_id: str) -> None:
    """Wait until the control plane knows that a run of the decision began. Raises TimeoutError."""
    async with asyncio.timeout(PATIENCE):
        while not (await control.store.ledger.reservations([decision_id]))[decision_id].runs:
            pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """An account: `spent` and `reserved` in nano-dollars, requests or tokens."""

    spent: int
    reserved: int


async def balances(control: Control) -> dict[str, Balance]:
    """All accounts, as the operator sees them."""
    response = await control.known_line("operator")(budget_pb2.ListBudgetsRequest())
    return {one.account: Balance(spent=one.spent, reserved=one.reserved) for one in response.statuses}


@asynccontextmanager
async def web(planes: Backbone) -> AsyncIterator[Callable[..., Any]]:
    """Asking over HTTP: `await ask("GET", path, "local")` gives status and document."""
    async with aiohttp.ClientSession(f"http://{planes.control.plane.http_address}") as session:

        async def ask(verb: str, path: str, caller: str = "local", **more: Any) -> tuple[int, Any]:
            headers = {"authorization": f"Bearer {planes.control.token(caller)}"}
            async with session.request(verb, path, headers=headers, **more) as response:
                return response.status, json.loads(await response.read())

        yield ask


def add_callers(state: Path, *callers: tuple[str, str]) -> None:
    """Make callers before the first start, each by tenant and name; its token is that of `TENANT-NAME`."""
    state.mkdir(mode=0o700, parents=True)
    open_callers(state, lambda: secrets.token_urlsafe(32))
    document = json.loads((state / "callers.json").read_text())
    for tenant, name in callers:
        token = secrets.token_urlsafe(32)
        (state / "tokens" / f"{tenant}-{name}").write_text(token)
        document["callers"].append(
            {"name": name, "tenant": tenant, "roles": ["caller"], "token_sha256": token_hash(token).hex()}
        )
    (state / "callers.json").write_text(json.dumps(document))
