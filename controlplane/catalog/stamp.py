"""What tells one state of a file from another."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """What tells one state of a file from another, also when a link to it is turned or an editor replaces it."""

    device: int
    inode: int
    size: int
    modified_ns: int


def stamp_of(path: Path) -> Stamp | None:
    """The state of the file that `path` leads to now; None if there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return Stamp(device=found.st_dev, inode=found.st_ino, size=found.st_size, modified_ns=found.st_mtime_ns)
