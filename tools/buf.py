"""Runs buf on protos/ offline: lint and breaking on descriptors that protoc made, format on the sources."""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from tools import protoc

BASELINE = protoc.PROTOS / "baseline.binpb"
CONFIG = protoc.ROOT / "buf.yaml"
BUF = Path(sys.executable).parent / "buf"


def run(*arguments: str | Path) -> int:
    """Run buf, which prints what it finds; its exit code."""
    return subprocess.run([BUF, *arguments], cwd=protoc.ROOT, check=False).returncode


def check(root: Path, baseline: Path) -> int:
    """Lint the protos below `root` and hold them against `baseline`; 0 if nothing was found.

    Foreign protos are in the images, so that buf can resolve what ours import, but only `turnout` is judged.
    """
    with tempfile.TemporaryDirectory() as folder:
        image = Path(folder) / "image.binpb"
        protoc.write_image(image, root)
        only_ours = ("--config", CONFIG, "--path", "turnout")
        found = [
            run("format", root, "--diff", "--exit-code"),
            run("lint", image, *only_ours),
            run("breaking", image, "--against", baseline, *only_ours),
        ]
    return int(any(found))


def main() -> int:
    """Do what the first argument says; its exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("action", choices=["check", "format", "baseline"])
    match parser.parse_args().action:
        case "format":
            return run("format", protoc.PROTOS, "--write")
        case "baseline":
            protoc.write_image(BASELINE, source_info=False)
            return 0
    try:
        return check(protoc.PROTOS, BASELINE)
    except protoc.ProtocError as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
