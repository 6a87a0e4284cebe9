"""What the environment says to the command; the only place of it that reads the environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from turnout_cli.stack import read_run_file

DEFAULT_STATE = ".turnout"
DATABASE = "turnout.db"
"""The store in the state folder, where no other is named."""


class NotRunning(Exception):
    """The command needs a running Turnout and finds none; the message says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """Where to call, and with which token."""

    control: tuple[str, ...]
    workers: tuple[str, ...]
    token: str


def environment() -> Mapping[str, str]:
    """The whole environment, for processes that are started."""
    return dict(os.environ)


def state_folder() -> Path:
    """Where `turnout up` keeps its state."""
    return Path(os.environ.get("TURNOUT_STATE", DEFAULT_STATE))


def store_address(store: str, state: Path | None) -> str:
    """Where the store is: `store`, or that of the folder `state` if one is named, or TURNOUT_STORE, or that of the state folder."""
    named = store or ("" if state else os.environ.get("TURNOUT_STORE", ""))
    return named or f"sqlite:{(state or state_folder()) / DATABASE}"


def aws_profile() -> str:
    """What of ~/.aws is used for S3: AWS_PROFILE, unless AWS_ACCESS_KEY_ID says it without."""
    return "" if os.environ.get("AWS_ACCESS_KEY_ID") else os.environ.get("AWS_PROFILE", "")


def connection(*, operator: bool = False) -> Connection:
    """How to reach Turnout: TURNOUT_CONTROL, TURNOUT_WORKERS and TURNOUT_TOKEN or TURNOUT_TOKEN_FILE, or else what runs
    in the state folder. `operator` takes the operator's token there. Raises NotRunning.
    """
    state = state_folder()
    running = read_run_file(state) or {}
    control = os.environ.get("TURNOUT_CONTROL") or str(running.get("control", ""))
    workers = os.environ.get("TURNOUT_WORKERS", "").replace(",", " ").split() or _texts(running.get("workers"))
    if not control or not workers:
        raise NotRunning(
            f"nothing runs in {state}: start it with `turnout up`, or set TURNOUT_CONTROL and TURNOUT_WORKERS"
        )
    return Connection(
        control=tuple(control.replace(",", " ").split()), workers=tuple(workers), token=_token(state, operator)
    )


def _texts(value: object) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else []


def _token(state: Path, operator: bool) -> str:
    if token := os.environ.get("TURNOUT_TOKEN"):
        return token
    name = "operator" if operator else "local"
    path = Path(os.environ.get("TURNOUT_TOKEN_FILE") or state / "tokens" / name)
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise NotRunning(f"{path}: {error.strerror}; set TURNOUT_TOKEN or TURNOUT_TOKEN_FILE") from error
