"""What is committed: no host of a package registry, and locks that agree with what they pin."""

import re
import subprocess
import tomllib

import pytest

from tests.architecture.source import ROOT

# In halves, so that this file does not hold what it looks for.
HOSTS = [
    first + second
    for first, second in [
        ("pypi", ".org"),
        ("pythonhosted", ".org"),
        ("npmjs", ".org"),
        ("npmjs", ".com"),
        ("crates", ".io"),
        ("proxy.golang", ".org"),
        ("repo1.maven", ".org"),
        ("repo.maven.apache", ".org"),
        ("deb.debian", ".org"),
    ]
]
LOCKS = ["requirements-uv", "requirements", "requirements-dev"]


def committed_files() -> list[str]:
    """Paths that git keeps or would keep."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("not a git checkout")
    return [name for name in done.stdout.split("\0") if name and (ROOT / name).is_file()]


def hosts_in(text: bytes) -> list[str]:
    """The registry hosts that `text` names."""
    return [host for host in HOSTS if host.encode() in text]


def test_no_committed_file_names_a_registry_host() -> None:
    found = {name: hosts_in((ROOT / name).read_bytes()) for name in committed_files()}
    assert not {name: hosts for name, hosts in found.items() if hosts}


def test_a_registry_host_is_found() -> None:
    assert hosts_in(b"--index-url https://" + HOSTS[0].encode() + b"/simple")


def entries(text: str) -> set[str]:
    """The requirements in the text of a `.in` file."""
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    return {line.replace('"', "'") for line in lines if line and not line.startswith("-")}


def pins(name: str) -> dict[str, set[str]]:
    """Each distribution in the lock `name` with its versions: more than one where they depend on the platform."""
    found: dict[str, set[str]] = {}
    for line in (ROOT / f"{name}.lock").read_text(encoding="utf-8").splitlines():
        if match := re.match(r"([a-z0-9-]+)==(\S+)", line):
            found.setdefault(match[1], set()).add(match[2])
    return found


def normalized(requirement: str) -> str:
    """The distribution that `requirement` asks for, as locks write it."""
    return re.sub(r"[-_.]+", "-", re.split(r"[<>=!~;\[ ]", requirement, maxsplit=1)[0]).lower()


def test_the_project_depends_on_what_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"].values()
    declared = {*project["dependencies"], *(entry for extra in extras for entry in extra)}
    assert declared == entries((ROOT / "requirements.in").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", LOCKS)
def test_every_requirement_is_pinned(name: str) -> None:
    wanted = {normalized(entry) for entry in entries((ROOT / f"{name}.in").read_text(encoding="utf-8"))}
    assert wanted <= pins(name).keys()


@pytest.mark.parametrize("name", LOCKS)
def test_every_pin_has_hashes(name: str) -> None:
    blocks = re.split(r"\n(?=\S)", (ROOT / f"{name}.lock").read_text(encoding="utf-8"))
    assert not [block for block in blocks if "==" in block.partition("\n")[0] and "--hash=sha256:" not in block]


def test_development_runs_on_the_versions_that_are_shipped() -> None:
    shipped, used = pins("requirements"), pins("requirements-dev")
    assert {name: used.get(name) for name in shipped} == shipped
