"""The last snapshot version in a small file of the state folder."""

import json
import os
from pathlib import Path

from controlplane.snapshot.holder import Version


class VersionFile:
    """Replaced as a whole, so that a crash leaves the old or the new version."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> Version | None:
        """The last version; None if the file is absent. A file that cannot be read is refused, for a version must never fall.

        Raises ValueError.
        """
        if not self._path.exists():
            return None
        try:
            document = json.loads(self._path.read_text(encoding="utf-8"))
            return Version(number=int(document["version"]), digest=bytes.fromhex(document["digest"]))
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(
                f"{self._path}: not a snapshot version ({error!r}); restore it, or remove it to begin at 1"
            ) from error

    def save(self, version: Version) -> None:
        """Write and sync."""
        scratch = self._path.with_suffix(".new")
        with scratch.open("w", encoding="utf-8") as file:
            json.dump({"version": version.number, "digest": version.digest.hex()}, file)
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(self._path)
