"""The command line of the sandbox."""

import argparse
import json
from dataclasses import dataclass, replace
from pathlib import Path

from dataplane.provider.sandbox.config import SandboxConfig, keys_from, load, protocols_of, with_settings
from dataplane.provider.sandbox.document import DocumentError
from dataplane.provider.sandbox.fault import Fault, read_faults
from dataplane.provider.sandbox.tokens import TokenizerName


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """What the command line asks for."""

    config: SandboxConfig
    die_with_parent: bool


def read_flags(arguments: list[str]) -> Invocation:
    """The configuration file, if one is named, with what the flags say on top.

    Raises:
        DocumentError: a value is wrong; the message names it.
    """
    given = _parser().parse_args(arguments)
    config = load(given.config) if given.config else SandboxConfig()
    config = with_settings(
        config,
        port=given.port,
        seed=given.seed,
        latency_scale=given.latency_scale,
        tokenizer=given.tokenizer,
    )
    if given.protocols is not None:
        config = replace(config, protocols=protocols_of(given.protocols.split(",")))
    faults = tuple(_fault(text, f"flag{number}") for number, text in enumerate(given.fault))
    keys = config.api_keys | keys_from(given.api_key_env)
    return Invocation(
        config=replace(config, faults=(*config.faults, *faults), api_keys=keys),
        die_with_parent=given.die_with_parent,
    )


def _fault(text: str, name: str) -> Fault:
    """A fault from `kind=status,status=429,rate=0.3`."""
    fields: dict[str, object] = {"id": name}
    for pair in text.split(","):
        key, equals, value = pair.partition("=")
        if not equals:
            raise DocumentError("--fault", f"{pair!r} is not FIELD=VALUE")
        fields[key.strip()] = value if key.strip() in ("id", "kind", "model") else _number(value, key)
    return read_faults([fields], "--fault")[0]


def _number(value: str, key: str) -> object:
    try:
        return json.loads(value)
    except ValueError:
        raise DocumentError(f"--fault {key}", f"{value!r} is not a number") from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m dataplane.provider.sandbox",
        description="Speaks the wire protocols of model providers on 127.0.0.1, repeatable by seed.",
    )
    parser.add_argument("--protocols", help="which to speak: openai,anthropic,gemini (default: all)")
    parser.add_argument("--port", type=int, help="0 (default) takes a free one")
    parser.add_argument("--seed", type=int, help="what all draws start from (default 0)")
    parser.add_argument("--latency-scale", type=float, help="multiplies all latencies; 0 answers at once (default 1)")
    parser.add_argument("--tokenizer", choices=tuple(TokenizerName), help="o200k is exact, and slow to load")
    parser.add_argument("--config", type=Path, help="a JSON or YAML file; flags go before it")
    parser.add_argument(
        "--api-key-env", action="append", default=[], metavar="NAME", help="accept only the keys in these variables"
    )
    parser.add_argument(
        "--fault", action="append", default=[], metavar="FIELD=VALUE,...", help="e.g. kind=status,status=429,rate=0.3"
    )
    parser.add_argument("--die-with-parent", action="store_true", help="end when the starting thread ends (Linux)")
    return parser
