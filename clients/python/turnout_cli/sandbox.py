"""Sandbox providers for commands that start a stack: nothing leaves the machine and nothing costs money."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from turnout_cli.demo.catalog import CREDENTIAL, PROTOCOLS, PROVIDERS, sandbox_catalog
from turnout_cli.processes import Processes, Program
from turnout_cli.stack import StackSettings

SEED = 7
LATENCY_SCALE = 0.1
"""Sandbox models of `turnout up` answer ten times as quickly as real ones."""


def sandbox_program(
    name: str, protocols: Sequence[str], log: Path, environment: Mapping[str, str], *, seed: int, latency_scale: float
) -> Program:
    """A sandbox process that speaks `protocols` on any free port."""
    return Program(
        name=name,
        module="dataplane.provider.sandbox",
        arguments=[
            *("--protocols", ",".join(protocols)),
            *("--port", "0"),
            *("--seed", str(seed)),
            *("--latency-scale", str(latency_scale)),
        ],
        log=log,
        environment=environment,
    )


async def with_sandbox(processes: Processes, settings: StackSettings) -> tuple[StackSettings, str]:
    """The settings of a stack whose deployments are all in a sandbox, and the address of that sandbox, which is started.

    Raises ProcessFailed.
    """
    log = settings.state / "logs" / "sandbox.log"
    program = sandbox_program(
        "sandbox", list(PROTOCOLS.values()), log, settings.environment, seed=SEED, latency_scale=LATENCY_SCALE
    )
    running = await processes.start(program)
    catalog = settings.state / "sandbox.yaml"
    catalog.write_text(sandbox_catalog(dict.fromkeys(PROVIDERS, running.address)), encoding="utf-8")
    environment = {**settings.environment, CREDENTIAL: "sandbox"}
    return replace(settings, catalog=catalog, environment=environment), running.address
