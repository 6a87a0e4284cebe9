"""A configuration is read from JSON, YAML and flags, and a wrong one is refused with its field."""

import json
from pathlib import Path
from typing import Any

import pytest

from dataplane.provider.sandbox import FaultKind, ModelProfile, UnknownModels, from_document, load
from dataplane.provider.sandbox.call import ProtocolName
from dataplane.provider.sandbox.document import DocumentError
from dataplane.provider.sandbox.flags import read_flags
from dataplane.provider.sandbox.profile import BUILT_IN, built_in
from dataplane.provider.sandbox.tokens import TokenizerName

YAML = """
seed: 7
latency_scale: 0.1
protocols: [openai, gemini]
models:
  gpt-4o: {quality: 0.95, first_token_s: 0.6, version: gpt-4o-2024-08-06}
  small:
faults:
  - {kind: status, status: 429, retry_after_s: 2, model: gpt-4o, rate: 0.3}
"""


def test_a_yaml_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "sandbox.yaml"
    path.write_text(YAML)
    config = load(path)
    assert (config.settings.seed, config.settings.latency_scale) == (7, 0.1)
    assert config.protocols == (ProtocolName.OPENAI, ProtocolName.GEMINI)
    assert config.models["gpt-4o"].version == "gpt-4o-2024-08-06"
    assert config.models["small"] == ModelProfile()
    assert config.faults[0].kind is FaultKind.STATUS
    assert config.unknown_models is UnknownModels.REFUSE


def test_a_json_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "sandbox.json"
    path.write_text(json.dumps({"seed": 3, "unknown_models": "serve", "models": {"m": {}}, "tokenizer": "o200k"}))
    config = load(path)
    assert (config.settings.seed, config.settings.tokenizer) == (3, TokenizerName.O200K)
    assert config.unknown_models is UnknownModels.SERVE


def test_nothing_at_all_is_a_configuration() -> None:
    config = from_document(None)
    assert config.protocols == tuple(ProtocolName)
    assert config.unknown_models is UnknownModels.SERVE


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"sed": 1}, "sed: is not known; the fields are api_key_envs, calls_kept, faults, latency_scale, "),
        ({"seed": "x"}, "seed: expected a whole number, got a string"),
        ({"port": 70_000}, "port: 70000 is above 65535"),
        ({"latency_scale": -1}, "latency_scale: -1 is below 0.0"),
        ({"tokenizer": "gpt2"}, "tokenizer: 'gpt2' is not one of approximate, o200k"),
        ({"protocols": ["smtp"]}, "protocols: 'smtp' is not one of openai, anthropic, gemini"),
        ({"protocols": []}, "protocols: None is not one of"),
        ({"protocols": "openai"}, "protocols: expected a list, got a string"),
        ({"models": ["m"]}, "models: expected a mapping, got a list"),
        ({"models": {"m": {"quality": 2}}}, "models.m.quality: 2 is above 1.0"),
        ({"models": {"m": {"protocol": "soap"}}}, "models.m.protocol: 'soap' is not one of"),
        ({"models": {"m": {"speed": 2}}}, "models.m.speed: is not known; the fields are "),
        ({"models": {"m": {"tokens_per_second": 0}}}, "models.m.tokens_per_second: 0 is below 0.001"),
        ({"faults": [{"kind": "hang", "rate": 2}]}, "faults[0].rate: 2 is above 1.0"),
        ({"api_key_envs": ["SANDBOX_KEY_THAT_IS_NOT_SET"]}, "api_key_envs: the environment variable SANDBOX_KEY_"),
        ([], "expected a mapping, got a list"),
    ],
)
def test_a_wrong_configuration_is_refused_with_its_field(data: Any, message: str) -> None:
    with pytest.raises(DocumentError) as caught:
        from_document(data)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("absent.json", None, "No such file or directory"),
        ("broken.json", "{", "is not JSON"),
        ("broken.yaml", "a: [", "is not YAML"),
        ("latin.json", b"\xff", "is not JSON"),
        ("wrong.yaml", "seed: often", "seed: expected a whole number"),
    ],
)
def test_a_wrong_file_is_refused_with_its_name(
    tmp_path: Path, name: str, text: str | bytes | None, reason: str
) -> None:
    path = tmp_path / name
    if text is not None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(DocumentError) as caught:
        load(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert reason in str(caught.value)


def test_keys_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SANDBOX_KEY", "sk-1")
    assert from_document({"api_key_envs": ["SANDBOX_KEY"]}).api_keys == {"sk-1"}
    assert read_flags(["--api-key-env", "SANDBOX_KEY"]).config.api_keys == {"sk-1"}


def test_flags_go_before_the_file(tmp_path: Path) -> None:
    path = tmp_path / "sandbox.yaml"
    path.write_text(YAML)
    line = (
        f"--config {path} --seed 9 --protocols anthropic --port 0 --fault kind=hang,model=m,count=2 --die-with-parent"
    )
    invocation = read_flags(line.split())
    config = invocation.config
    assert invocation.die_with_parent
    assert (config.settings.seed, config.settings.latency_scale) == (9, 0.1)
    assert config.protocols == (ProtocolName.ANTHROPIC,)
    assert [(fault.id, fault.kind, fault.model, fault.count) for fault in config.faults] == [
        ("0", FaultKind.STATUS, "gpt-4o", None),
        ("flag0", FaultKind.HANG, "m", 2),
    ]


def test_without_flags_the_defaults_hold() -> None:
    invocation = read_flags([])
    assert not invocation.die_with_parent
    assert invocation.config.settings.latency_scale == 1.0
    assert read_flags(["--latency-scale", "0"]).config.settings.latency_scale == 0.0


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--fault", "hang"], "--fault: 'hang' is not FIELD=VALUE"),
        (["--fault", "kind=hang,rate=often"], "--fault rate: 'often' is not a number"),
        (["--fault", "kind=hang,rate=7"], "--fault[0].rate: 7 is above 1.0"),
        (["--protocols", "openai,smtp"], "protocols: 'smtp' is not one of"),
        (["--latency-scale", "-1"], "latency_scale: -1.0 is below 0.0"),
    ],
)
def test_a_wrong_flag_is_refused(flags: list[str], message: str) -> None:
    with pytest.raises(DocumentError) as caught:
        read_flags(flags)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("model", "fragment"),
    [
        ("gpt-4o-mini-2024-07-18", "gpt-4o-mini"),
        ("gpt-4o", "gpt-4o"),
        ("gpt-5.4-mini", "-mini"),
        ("claude-haiku-4-5", "haiku"),
    ],
)
def test_a_known_model_has_a_profile_of_its_own(model: str, fragment: str) -> None:
    assert built_in(model) is dict(BUILT_IN)[fragment]


def test_any_other_model_is_plain() -> None:
    assert built_in("house-model-7") == ModelProfile()
