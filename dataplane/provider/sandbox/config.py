"""What the sandbox is set up with: defaults, a document, and keys from the environment."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

from dataplane.provider.sandbox.call import ProtocolName
from dataplane.provider.sandbox.document import Bounds, DocumentError, array, mapping, read
from dataplane.provider.sandbox.fault import Fault, read_faults
from dataplane.provider.sandbox.profile import ModelProfile, UnknownModels
from dataplane.provider.sandbox.tokens import TokenizerName

_PROFILE_BOUNDS: Mapping[str, Bounds] = MappingProxyType(
    {
        "first_token_s": Bounds(low=0.0),
        "tokens_per_second": Bounds(low=0.001),
        "jitter": Bounds(low=0.0, high=3.0),
        "quality": Bounds(low=0.0, high=1.0),
        "reasoning_tokens": Bounds(low=0),
        "verbosity": Bounds(low=0.0, high=100.0),
        "chunk_tokens": Bounds(low=1),
        "context_window": Bounds(low=1),
        "max_output_tokens": Bounds(low=1),
        "cache_min_tokens": Bounds(low=0),
    }
)
_SETTING_BOUNDS: Mapping[str, Bounds] = MappingProxyType(
    {
        "port": Bounds(low=0, high=65_535),
        "latency_scale": Bounds(low=0.0),
        "max_body_bytes": Bounds(low=1),
        "calls_kept": Bounds(low=0, high=100_000),
    }
)
_LISTS = frozenset({"protocols", "models", "faults", "api_key_envs"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings that are one value each.

    `latency_scale` multiplies all latencies; `calls_kept` is the size of the ring of last calls.
    `unknown_models` None means: refuse when models are configured, serve otherwise.
    """

    port: int = 0
    seed: int = 0
    latency_scale: float = 1.0
    tokenizer: TokenizerName = TokenizerName.APPROXIMATE
    unknown_models: UnknownModels | None = None
    max_body_bytes: int = 20 * 1024 * 1024
    calls_kept: int = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxConfig:
    """The whole configuration. `api_keys` empty: any key that is not empty is taken."""

    settings: Settings = Settings()
    protocols: tuple[ProtocolName, ...] = tuple(ProtocolName)
    models: Mapping[str, ModelProfile] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()
    api_keys: frozenset[str] = frozenset()

    @property
    def unknown_models(self) -> UnknownModels:
        """What to do with a model that is not configured."""
        implied = UnknownModels.REFUSE if self.models else UnknownModels.SERVE
        return self.settings.unknown_models or implied


def load(path: Path) -> SandboxConfig:
    """The configuration in a JSON or YAML file (by its ending).

    Raises:
        DocumentError: the file cannot be read, or a field in it is wrong; the message names file and field.
    """
    try:
        data = _parsed(path)
        return from_document(data)
    except DocumentError as error:
        raise DocumentError(f"{path}: {error.field}" if error.field else str(path), error.reason) from None


def _parsed(path: Path) -> object:
    try:
        text = path.read_text(encoding="utf-8")
        if path.suffix not in (".yaml", ".yml"):
            return json.loads(text)
        import yaml  # only who writes YAML waits for it
    except OSError as error:
        raise DocumentError("", error.strerror or "cannot be read") from None
    except ValueError as error:
        raise DocumentError("", f"is not JSON: {error}") from None
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise DocumentError("", f"is not YAML: {error}") from None


def from_document(data: object) -> SandboxConfig:
    """The configuration in a parsed document.

    Raises:
        DocumentError: a field is unknown or wrong.
    """
    given = mapping({} if data is None else data, "")
    scalars = {key: value for key, value in given.items() if key not in _LISTS}
    unknown = sorted(set(scalars) - set(Settings.__slots__))
    if unknown:
        known = ", ".join(sorted({*_LISTS, *Settings.__slots__}))
        raise DocumentError(unknown[0], f"is not known; the fields are {known}")
    return SandboxConfig(
        settings=read(Settings, scalars, "", _SETTING_BOUNDS),
        protocols=protocols_of(array(given.get("protocols", list(ProtocolName)), "protocols")),
        models={
            name: read(ModelProfile, {} if profile is None else profile, f"models.{name}", _PROFILE_BOUNDS)
            for name, profile in mapping(given.get("models", {}), "models").items()
        },
        faults=read_faults(given.get("faults", [])),
        api_keys=keys_from([str(name) for name in array(given.get("api_key_envs", []), "api_key_envs")]),
    )


def protocols_of(names: Sequence[object]) -> tuple[ProtocolName, ...]:
    """The wire protocols of these names.

    Raises:
        DocumentError: a name is not one of the four, or there is none.
    """
    known = {str(name): name for name in ProtocolName}
    unknown = next((name for name in names if name not in known), None)
    if unknown is not None or not names:
        raise DocumentError("protocols", f"{unknown!r} is not one of {', '.join(known)}")
    return tuple(known[str(name)] for name in names)


def keys_from(variables: Sequence[str]) -> frozenset[str]:
    """The API keys that the named environment variables hold.

    Raises:
        DocumentError: a variable is not set or empty.
    """
    keys = {name: os.environ.get(name, "") for name in variables}
    unset = next((name for name, key in keys.items() if not key), None)
    if unset is not None:
        raise DocumentError("api_key_envs", f"the environment variable {unset} is not set")
    return frozenset(keys.values())


def with_settings(config: SandboxConfig, **changes: object) -> SandboxConfig:
    """The same with other settings; those that are None stay as they are."""
    given = {name: value for name, value in changes.items() if value is not None}
    current = {name: getattr(config.settings, name) for name in Settings.__slots__}
    return replace(config, settings=read(Settings, {**current, **given}, "", _SETTING_BOUNDS))
