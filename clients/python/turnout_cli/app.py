"""The commands and their options; what they do is in modules that are imported when they are called."""

import asyncio
import math
import sys
from collections.abc import Awaitable, Callable
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape

from turnout_cli.config import NotRunning, connection, environment, state_folder
from turnout_cli.demo.prompts import PromptsInvalid
from turnout_cli.processes import ProcessFailed

if TYPE_CHECKING:
    from turnout_client import Client, RouteOptions, TurnoutError
    from turnout_wire.failure import Failure

app = typer.Typer(
    name="turnout",
    help="Routes each request for a language model to the model that fits it. Begin with `turnout demo`, or with "
    '`turnout up --sandbox` and then, in another terminal, `turnout chat "Tell me a joke"`.',
    epilog="route, explain, classify, chat and keys speak to what `turnout up` started from the same state folder "
    "(TURNOUT_STATE, .turnout if not set), or to TURNOUT_CONTROL and TURNOUT_WORKERS with TURNOUT_TOKEN or TURNOUT_TOKEN_FILE.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
out = Console()
err = Console(stderr=True)

Prompt = Annotated[str, typer.Argument(help="The prompt; - reads standard input.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Timeout = Annotated[float, typer.Option(help="Seconds for the whole command.", min=0.1)]
Workload = Annotated[str, typer.Option(help="The workload that the request belongs to; found by its rules if absent.")]
Policy = Annotated[str, typer.Option(help="Use this policy instead of the workload's.")]
MinQuality = Annotated[float | None, typer.Option(help="Least expected quality, 0 to 1.", min=0, max=1)]
MaxCost = Annotated[str, typer.Option(help="Most expected cost in US dollars, such as 0.002.")]
Named = Annotated[
    str,
    typer.Option(
        "--name", help="What to ask for by name: a model, which is then pinned, an alias, auto or auto:WORKLOAD."
    ),
]
Models = Annotated[list[str] | None, typer.Option("--model", help="Only this model; repeatable.")]
Providers = Annotated[list[str] | None, typer.Option("--provider", help="Only this provider; repeatable.")]
WhyNot = Annotated[
    list[str] | None, typer.Option("--why-not", help="Tell what keeps this model from coming first; repeatable.")
]


@app.command()
def demo(
    prompts: Annotated[
        Path | None, typer.Option(help="Your own prompts: text, JSONL or Parquet with a `prompt` column.")
    ] = None,
    limit: Annotated[int | None, typer.Option(help="Only the first so many.", min=1)] = None,
    concurrency: Annotated[int, typer.Option(help="Requests at the same time.", min=1, max=256)] = 4,
    latency_scale: Annotated[
        float, typer.Option(help="Speed of the sandbox models; 1 is as slow as real ones.", min=0)
    ] = 0.05,
    seed: Annotated[int, typer.Option(help="Seed of the sandbox.")] = 7,
    drills: Annotated[bool, typer.Option(help="Let a provider fail half way, and tamper with decisions.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, one line for each prompt and event.")] = False,
) -> None:
    """Start everything on this machine with sandbox providers, send prompts, show what happens, stop everything."""
    from turnout_cli.demo.run import Demo, DemoSettings

    settings = DemoSettings(
        prompts=prompts, limit=limit, concurrency=concurrency, latency_scale=latency_scale, seed=seed, drills=drills,
        as_json=as_json, environment=environment(),
    )  # fmt: skip
    finish(lambda: Demo(settings, out).run())


@app.command()
def up(
    catalog: Annotated[Path | None, typer.Option(help="Your turnout.yaml; the packaged catalog if absent.")] = None,
    state: Annotated[
        Path | None, typer.Option(help="Where keys, tokens and logs are kept: TURNOUT_STATE, or .turnout.")
    ] = None,
    workers: Annotated[int, typer.Option(help="How many workers.", min=1, max=64)] = 2,
    control_port: Annotated[int, typer.Option(help="Port of the control plane; 0 takes any.", min=0, max=65535)] = 7411,
    http_port: Annotated[
        int | None,
        typer.Option(help="Port of the HTTP API; the control plane's plus one if absent.", min=0, max=65535),
    ] = None,
    worker_port: Annotated[int, typer.Option(help="Port of the first worker; 0 takes any.", min=0, max=65535)] = 7421,
    gateway_port: Annotated[
        int | None,
        typer.Option(
            help="Port of the first worker's gateway for SDKs; the worker's plus 100 if absent.", min=0, max=65535
        ),
    ] = None,
    jobs: Annotated[
        int, typer.Option(help="Requests that a worker classifies at a time, if a policy asks a model.", min=0, max=64)
    ] = 4,
    local_url: Annotated[str, typer.Option(help="An OpenAI-compatible server, such as http://127.0.0.1:8080/v1.")] = "",
    local_model: Annotated[str, typer.Option(help="The model's name at that server.")] = "default",
    sandbox: Annotated[
        bool, typer.Option("--sandbox", help="Call a sandbox on this machine instead of providers: no keys, no cost.")
    ] = False,
    dev: Annotated[
        bool,
        typer.Option("--dev", help="Ask callers for no tokens: open to everybody on this machine, for development."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, one line when everything is up.")] = False,
) -> None:
    """Start a control plane and workers, and stay up until Ctrl-C.

    Calls the providers whose keys are set (OPENAI_API_KEY, ANTHROPIC_API_KEY, GEMINI_API_KEY), and a local server if given.
    """
    from turnout_cli.stack import StackSettings
    from turnout_cli.up import LocalServer, run_up

    folder = state or state_folder()
    if sum(map(bool, (local_url, catalog, sandbox))) > 1:
        raise typer.BadParameter(
            "give one of --catalog, --local-url and --sandbox; a local deployment can be written into your catalog"
        )
    local = LocalServer(base_url=local_url, model=local_model) if local_url else None
    settings = StackSettings(
        state=folder, catalog=catalog, environment=environment(), workers=workers, control_port=control_port,
        http_port=http_port if http_port is not None else control_port and control_port % 65535 + 1,
        worker_port=worker_port, dev=dev, jobs=jobs,
        gateway_port=gateway_port if gateway_port is not None else worker_port and (worker_port + 100) % 65536,
    )  # fmt: skip
    finish(lambda: run_up(settings, out, as_json=as_json, sandbox=sandbox, local=local))


@app.command()
def route(
    prompt: Prompt, workload: Workload = "", policy: Policy = "", min_quality: MinQuality = None, max_cost: MaxCost = "",
    name: Named = "", model: Models = None, provider: Providers = None, timeout: Timeout = 30, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Decide which model would answer, and show the signed decision. Runs nothing and costs nothing."""
    from turnout_cli import ask

    options = route_options(workload, policy, min_quality, max_cost, name, model, provider)
    call(timeout, lambda client: ask.route(client, text_of(prompt), options, out, as_json=as_json))


@app.command()
def explain(
    prompt: Prompt, workload: Workload = "", policy: Policy = "", min_quality: MinQuality = None, max_cost: MaxCost = "",
    name: Named = "", model: Models = None, provider: Providers = None, why_not: WhyNot = None, timeout: Timeout = 30,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Show every candidate, what it was expected to cost and give, and why not. Exits with 1 if nothing is eligible."""
    from turnout_cli import ask

    options = route_options(workload, policy, min_quality, max_cost, name, model, provider)
    asked = ask.Explain(prompt=text_of(prompt), options=options, why_not=tuple(why_not or ()))
    call(timeout, lambda client: ask.explain(client, asked, out, as_json=as_json))


@app.command()
def classify(prompt: Prompt, timeout: Timeout = 30, as_json: AsJson = False) -> None:
    """Show what the prompt is taken for, and which signals moved it."""
    from turnout_cli import ask

    call(timeout, lambda client: ask.classify(client, text_of(prompt), out, as_json=as_json))


@app.command()
def chat(
    prompt: Prompt, workload: Workload = "", policy: Policy = "", min_quality: MinQuality = None, max_cost: MaxCost = "",
    name: Named = "", model: Models = None, provider: Providers = None, timeout: Timeout = 120, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Decide, run, and print the answer as it comes; facts go to standard error."""
    from turnout_cli import ask

    options = route_options(workload, policy, min_quality, max_cost, name, model, provider)
    call(timeout, lambda client: ask.chat(client, text_of(prompt), options, err, as_json=as_json))


def route_options(
    workload: str,
    policy: str,
    min_quality: float | None,
    max_cost: str,
    name: str,
    models: list[str] | None,
    providers: list[str] | None,
) -> "RouteOptions":
    """Only what was given."""
    options: RouteOptions = {}
    if workload:
        options["workload"] = workload
    if policy:
        options["policy"] = policy
    if min_quality is not None:
        options["min_quality"] = min_quality
    if max_cost:
        options["max_cost_usd"] = max_cost
    if name:
        options["model"] = name
    if models:
        options["models"] = models
    if providers:
        options["providers"] = providers
    return options


def text_of(prompt: str) -> str:
    """The prompt, or standard input for `-`."""
    return sys.stdin.read() if prompt == "-" else prompt


def call(timeout: float, use: "Callable[[Client], Awaitable[int]]") -> None:
    """Run a command that talks to a running Turnout."""
    from turnout_cli.ask import with_client

    finish(lambda: with_client(connection(), timeout, use))


def finish(command: Callable[[], Awaitable[int]]) -> None:
    """Run a command and exit with its code; failures that a person can act on are one line, not a stack trace."""
    from turnout_client import NoEligibleTarget, TurnoutError
    from turnout_wire.failure import Failure

    async def run() -> int:
        return await command()

    try:
        code = asyncio.run(run())
    except NoEligibleTarget as failure:
        from turnout_cli.ask import show_no_target

        show_no_target(failure, err)
        code = fail(told(failure))
    except (TurnoutError, Failure) as failure:
        code = fail(told(failure))
    except (NotRunning, ProcessFailed, PromptsInvalid, ValueError) as failure:
        code = fail(str(failure), code=2)
    except KeyboardInterrupt:
        code = 130
    raise typer.Exit(code)


def told(failure: "TurnoutError | Failure") -> str:
    """Why a call failed, and when it may be tried again if somebody said."""
    when = f" (try again in {span(failure.retry_after)})" if failure.retry_after is not None else ""
    return f"{failure.reason}: {failure.message}{when}"


def span(time: timedelta) -> str:
    """`0.5 s`, `42 s`, `7 min`, `11 h` or `12 days`: never less than it is."""
    seconds = time.total_seconds()
    if seconds < 10:
        return f"{math.ceil(seconds * 10) / 10:g} s"
    for unit, length, most in (("s", 1, 120), ("min", 60, 120), ("h", 3600, 72)):
        if (count := math.ceil(seconds / length)) <= most:
            return f"{count} {unit}"
    return f"{math.ceil(seconds / 86_400)} days"


def fail(message: str, code: int = 1) -> int:
    """Say why on standard error; gives the exit code."""
    err.print(f"[bold red]turnout:[/bold red] {escape(message)}", markup=True, highlight=False, soft_wrap=True)
    return code


@app.command("version")
def show_version() -> None:
    """Print the version."""
    out.print(version("turnout"), highlight=False)
