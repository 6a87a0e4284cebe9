"""Generates the Python code in clients/python/gen from protos/, or checks that it is current."""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from tools import protoc

GENERATED = protoc.ROOT / "clients" / "python" / "gen"
BIN = Path(sys.executable).parent


def generate(target: Path) -> None:
    """Fill the empty folder `target` with everything that belongs in clients/python/gen."""
    files = protoc.sources()
    services = {file.name for file in protoc.image().file if file.service}
    protoc.run(
        [f"--plugin={BIN / 'protoc-gen-mypy'}", f"--python_out={target}", f"--mypy_out=quiet:{target}"],
        [*files, protoc.VALIDATE],
    )
    protoc.run(
        [f"--plugin={BIN / 'protoc-gen-mypy_grpc'}", f"--grpc_python_out={target}", f"--mypy_grpc_out=quiet:{target}"],
        [name for name in files if name in services],
    )
    mark_packages(target / "turnout")


def mark_packages(root: Path) -> None:
    """Make `root` and the folders below it typed Python packages."""
    for folder in [root, *(path for path in sorted(root.rglob("*")) if path.is_dir())]:
        name = folder.relative_to(root.parent).as_posix()
        (folder / "__init__.py").write_text(f'"""Generated from protos/{name} by `make protos`."""\n')
    (root / "py.typed").touch()


def differences(committed: Path, current: Path) -> list[str]:
    """What `committed` has too little, too much or different, as one line for each file."""
    have, want = contents(committed), contents(current)
    lines = [f"missing: {name}" for name in want.keys() - have.keys()]
    lines += [f"left over: {name}" for name in have.keys() - want.keys()]
    lines += [f"out of date: {name}" for name in have.keys() & want.keys() if have[name] != want[name]]
    return sorted(lines)


def contents(root: Path) -> dict[str, bytes]:
    """The files below `root`, byte-code caches aside."""
    paths = (path for path in root.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in paths}


def install(current: Path, committed: Path) -> None:
    """Make `committed` equal to `current`, touching only the files that differ."""
    have, want = contents(committed), contents(current)
    for name in have.keys() - want.keys():
        (committed / name).unlink()
    for name, data in want.items():
        if have.get(name) != data:
            (committed / name).parent.mkdir(parents=True, exist_ok=True)
            (committed / name).write_bytes(data)
    for folder in sorted((path for path in committed.rglob("*") if path.is_dir()), reverse=True):
        if not any(path.name != "__pycache__" for path in folder.iterdir()):
            shutil.rmtree(folder)


def main() -> int:
    """Generate, or with --check only compare; 1 if that finds a difference."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; fail if a generated file is not current")
    check = parser.parse_args().check
    with tempfile.TemporaryDirectory() as folder:
        current = Path(folder)
        try:
            generate(current)
        except protoc.ProtocError as error:
            print(error, file=sys.stderr)
            return 1
        found = differences(GENERATED, current)
        if not check:
            install(current, GENERATED)
    print(*found, f"{len(found)} files {'differ' if check else 'brought up to date'}", sep="\n")
    return int(check and bool(found))


if __name__ == "__main__":
    sys.exit(main())
