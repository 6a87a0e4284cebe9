"""What is open to this machine is reached from this machine alone, and by its own names."""

import pytest

from controlplane.config import read_config as read_control
from dataplane.config import read_config as read_worker
from turnout_wire.dev import loopback, meant_for_us, outside


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "[::1]", "localhost", "LocalHost"])
def test_this_machine_is_known(host: str) -> None:
    assert loopback(host)


@pytest.mark.parametrize(
    "host",
    ["0.0.0.0", "::", "10.0.0.1", "", "localhost.evil.example", "127.0.0.1.evil.example", "::ffff:10.0.0.1"],  # noqa: S104 - a case; nothing listens there
)
def test_every_other_host_is_not_this_machine(host: str) -> None:
    assert not loopback(host)


def test_the_first_address_that_others_reach_is_named_and_empty_ones_are_none() -> None:
    assert outside(["127.0.0.1:7411", "", "[::1]:0"]) == ""
    assert outside(["127.0.0.1:7411", "0.0.0.0:80"]) == "0.0.0.0:80"
    assert outside([":80"]) == ":80"


@pytest.mark.parametrize("host", ["127.0.0.1:7412", "localhost", "localhost:80", "[::1]:80", "[::1]"])
def test_a_request_under_a_name_of_this_machine_is_meant_for_us(host: str) -> None:
    assert meant_for_us(host)


@pytest.mark.parametrize("host", ["", "evil.example:7412", "evil.example", "10.0.0.1:80", "127.0.0.1@evil.example"])
def test_a_request_under_another_name_is_not(host: str) -> None:
    assert not meant_for_us(host)


@pytest.mark.parametrize("arguments", [["--listen", "0.0.0.0:0"], ["--http", "10.0.0.1:80"], ["--listen", ":7411"]])
def test_a_control_plane_without_tokens_starts_on_loopback_alone(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert read_control(arguments, {}).dev is False
    with pytest.raises(SystemExit, match="2"):
        read_control(["--dev", *arguments], {})
    assert arguments[1] in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--listen", "0.0.0.0:0"], ["--gateway", "[::]:80"]])
def test_a_worker_without_tokens_starts_on_loopback_alone(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert read_worker(arguments, {}).dev is False
    with pytest.raises(SystemExit, match="2"):
        read_worker(["--dev", *arguments], {})
    assert arguments[1] in capsys.readouterr().err
