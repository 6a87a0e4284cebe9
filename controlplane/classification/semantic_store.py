"""Route sets worked out, each once: kept in memory and in a folder, under the digest of all that they were made from."""

import hashlib
import os
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import numpy as np

from controlplane.classification.semantic import Matcher
from controlplane.classification.semantic_fit import fit
from controlplane.policy.model import RouteSet
from turnout_features import Encode

FORM = b"turnout.route-fit.v1"
"""Changes when route sets are worked out otherwise, so that what was kept is not taken any more."""
IN_MEMORY = 64
IN_FOLDER = 64
"""Route sets that are kept; the one that was made longest ago goes first."""


class RouteFits:
    """Works route sets out when they are published; after a restart, and for a set that was there before, it only reads."""

    def __init__(self, encoder: Callable[[], Encode], folder: Path | None = None) -> None:
        """`encoder` loads the encoder, and is called once there are routes. Without a `folder` nothing lasts."""
        self._encoder = encoder
        self._folder = folder
        self._kept: OrderedDict[bytes, Matcher] = OrderedDict()

    def __call__(self, route_set: RouteSet) -> Matcher:
        """The matcher of `route_set`."""
        found = self._kept.get(route_set.digest)
        if found is None:
            found = self._kept[route_set.digest] = self._made(route_set)
            if len(self._kept) > IN_MEMORY:
                self._kept.popitem(last=False)
        return found

    def _made(self, route_set: RouteSet) -> Matcher:
        encoder = self._encoder()
        if self._folder is None:
            return fit(route_set, encoder, encoder.name)
        digest = hashlib.sha256(b"\0".join((FORM, encoder.name.encode(), route_set.digest))).hexdigest()
        path = self._folder / f"{digest}.npz"
        known = _read(path, encoder.name)
        if known is None:
            known = fit(route_set, encoder, encoder.name)
            self._write(path, known)
        return known

    def _write(self, path: Path, matcher: Matcher) -> None:
        """Beside the file first, then in its place. What cannot be kept is made again next time."""
        scratch = path.with_suffix(f".{os.getpid()}.new")
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with scratch.open("wb") as file:
                np.savez(
                    file,
                    routes=np.array(matcher.routes),
                    against=np.array(matcher.against, np.int64),
                    weights=matcher.weights,
                    bias=matcher.bias,
                    thresholds=np.array(matcher.thresholds, np.int64),
                )
            scratch.replace(path)
            for old in sorted(path.parent.glob("*.npz"), key=lambda one: one.stat().st_mtime)[:-IN_FOLDER]:
                old.unlink(missing_ok=True)
        except OSError:
            with suppress(OSError):
                scratch.unlink(missing_ok=True)


def _read(path: Path, encoder: str) -> Matcher | None:
    """What is kept at `path`; None if nothing is, or it cannot be read."""
    try:
        # From memory: of a damaged file numpy would leave the handle open.
        with np.load(BytesIO(path.read_bytes()), allow_pickle=False) as kept:
            return Matcher(
                encoder=encoder,
                routes=tuple(str(name) for name in kept["routes"]),
                against=tuple(int(index) for index in kept["against"]),
                weights=kept["weights"].astype(np.int32),
                bias=kept["bias"].astype(np.int64),
                thresholds=tuple(int(each) for each in kept["thresholds"]),
            )
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
