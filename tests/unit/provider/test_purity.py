"""Adapters turn values into JSON and back; only the transport and the reading of answers wait for anything."""

from tests.architecture.source import imported, modules

WAITING = {"aiohttp_transport", "late_transport", "reading", "credential"}
IMPURE = ("asyncio", "aiohttp", "os", "pathlib", "random", "socket", "ssl", "time", "logging", "uuid", "secrets")


def impure_imports(name: str) -> list[str]:
    """Imports of modules that do something, in one module of the provider package."""
    found = [module for module in modules("dataplane") if module.path.as_posix() == f"dataplane/provider/{name}.py"]
    return [target for module in found for target, _ in imported(module.tree) if target.partition(".")[0] in IMPURE]


def test_all_but_the_shell_is_pure() -> None:
    names = [module.name for module in modules("dataplane") if module.path.parent.as_posix() == "dataplane/provider"]
    assert set(names) > WAITING
    assert [name for name in names if name not in WAITING and impure_imports(name)] == []


def test_the_shell_is_not() -> None:
    assert all(impure_imports(name) for name in WAITING)
