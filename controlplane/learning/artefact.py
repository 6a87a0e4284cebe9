"""A quality model as bytes and back: the same model is the same bytes, so a digest names it."""

import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from hashlib import sha256
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from controlplane.learning.model import (
    DEPTH,
    FORMS,
    LEAVES,
    Calibration,
    Experience,
    Forest,
    Heads,
    Learned,
    Length,
    Topics,
)

MAGIC = b"turnout-quality-5\n"
MOST_BYTES = 64 << 20

_HEAD = struct.Struct("<I")


class ArtefactInvalid(ValueError):
    """Bytes that are no quality model; says why."""


def encode(learned: Learned) -> bytes:
    """`learned` as bytes: a magic line, the length of a JSON header, the header, and whole numbers, lowest byte first."""
    heads, forest = learned.heads, learned.forest
    header = {
        "version": learned.version,
        "models": sorted(learned.models, key=learned.models.__getitem__),
        "lengths": {
            name: [found.low, found.middle, found.high, found.mean] for name, found in sorted(learned.lengths.items())
        },
        "experience": {
            name: [found.shift, found.spread, found.results] for name, found in sorted(learned.experience.items())
        },
        "calibrations": [asdict(each) for each in learned.calibrations],
        "seen": len(learned.seen),
        "trees": forest.features.shape[1],
        "bags": forest.bags,
        "directions": len(forest.directions),
        "features": forest.slopes.shape[1],
        "densities": list(forest.densities.shape),
        "heads": None if heads is None else _heads_header(heads),
    }
    told = json.dumps(header, sort_keys=True, separators=(",", ":")).encode()
    columns: list[NDArray[Any]] = [learned.base, learned.spread, forest.features, forest.thresholds, forest.leaves]
    columns += [forest.directions, forest.starts, forest.slopes, forest.offsets, forest.low, forest.high]
    columns += [forest.tables, forest.densities, forest.forms, forest.known]
    if heads is not None:
        columns += [heads.weights, heads.offsets, np.log2(heads.scales), heads.strange, heads.familiar, heads.kinds]
        columns += [heads.forms]
        columns += [] if heads.topics is None else [heads.topics.starts, heads.topics.tables, heads.topics.values]
    columns.append(np.array(sorted(learned.seen), dtype=np.int64))
    numbers = b"".join(np.ascontiguousarray(column).astype("<i8").tobytes() for column in columns)
    return MAGIC + _HEAD.pack(len(told)) + told + numbers


def _heads_header(heads: Heads) -> dict[str, object]:
    topics = heads.topics
    return {
        "encoder": heads.encoder,
        "shape": list(heads.weights.shape),
        "topics": None if topics is None else [topics.first, len(topics.starts), *topics.values.shape],
        "centres": heads.centres,
        "kinds": len(heads.kinds),
    }


def decode(content: bytes) -> Learned:
    """The model in `content`, with the digest of that. Raises ArtefactInvalid."""
    if not content.startswith(MAGIC) or len(content) > MOST_BYTES:
        raise ArtefactInvalid("not a quality model of version 5; train one, or use the software that it was made for")
    try:
        return _decoded(content)
    except (KeyError, TypeError, ValueError, IndexError, struct.error) as error:
        raise ArtefactInvalid(
            f"a quality model that is cut or altered ({error}); take it from where it was made"
        ) from error


def _decoded(content: bytes) -> Learned:
    start = len(MAGIC) + _HEAD.size
    end = start + _HEAD.unpack_from(content, len(MAGIC))[0]
    header = json.loads(content[start:end])
    models, trees, heads = header["models"], header["trees"], header["heads"]
    bags, directions, features = header["bags"], header["directions"], header["features"]
    places, tables = header["densities"]
    shapes: list[Sequence[int]] = [
        (len(models),), (len(models),),
        (DEPTH, trees), (DEPTH, trees), (LEAVES * trees,), (directions, len(models) + 2), (bags * directions,),
        (directions, features), (directions,), (features,), (features,),
        (directions,), (places, tables), (FORMS, tables), (tables, len(models) + 2),
    ]  # fmt: skip
    if heads is not None:
        shapes += [heads["shape"], *2 * [heads["shape"][:1]], *2 * [(heads["centres"],)], (heads["kinds"],), (FORMS,)]
        if heads["topics"] is not None:
            _, subjected, subjects, kinds = heads["topics"]
            shapes += [(subjected,), (kinds,), (subjects, kinds)]
    shapes.append((header.get("seen", 0),))
    columns = _columns(content[end:], shapes)
    return Learned(
        digest=sha256(content).digest(),
        version=header["version"],
        models=MappingProxyType({name: at for at, name in enumerate(models)}),
        base=columns[0],
        spread=columns[1],
        heads=None if heads is None else _heads(heads, columns[15:]),
        forest=_forest(columns[2:15], bags),
        lengths=_lengths(header["lengths"]),
        experience=_experience(header["experience"]),
        calibrations=tuple(map(calibration_from, header["calibrations"])),
        seen=frozenset(columns[-1].tolist()),
    )


def _forest(columns: Sequence[NDArray[np.int64]], bags: int) -> Forest:
    features, thresholds, leaves, directions, starts, slopes, offsets, low, high, tables, densities, forms, known = (
        columns
    )
    return Forest(
        features=features.astype(np.intp),
        thresholds=thresholds.astype(np.float64),
        leaves=leaves.astype(np.float64),
        directions=directions.astype(np.float64),
        starts=starts.astype(np.intp),
        bags=bags,
        slopes=slopes.astype(np.float64),
        offsets=offsets.astype(np.float64),
        low=low.astype(np.float64),
        high=high.astype(np.float64),
        tables=tables.astype(np.intp),
        densities=densities.astype(np.float64),
        forms=forms.astype(np.float64),
        known=known.astype(np.float64),
    )


def _lengths(said: Mapping[str, Any]) -> Mapping[str, Length]:
    return MappingProxyType(
        {name: Length(low=low, middle=middle, high=high, mean=mean) for name, (low, middle, high, mean) in said.items()}
    )


def _experience(said: Mapping[str, Any]) -> Mapping[str, Experience]:
    return MappingProxyType(
        {
            name: Experience(shift=shift, spread=spread, results=results)
            for name, (shift, spread, results) in said.items()
        }
    )


def calibration_from(said: Mapping[str, Any]) -> Calibration:
    """The calibration that `asdict` was given. Raises KeyError, TypeError or ValueError if it is none."""
    prices = tuple((into, out) for into, out in said["prices"])
    return Calibration(**{**said, "models": tuple(said["models"]), "prices": prices})


def _columns(numbers: bytes, shapes: Sequence[Sequence[int]]) -> list[NDArray[np.int64]]:
    found, at = [], 0
    for shape in shapes:
        count = int(np.prod(shape))
        found.append(np.frombuffer(numbers, dtype="<i8", count=count, offset=at).astype(np.int64).reshape(shape))
        at += 8 * count
    if at != len(numbers):
        raise ValueError(f"{len(numbers)} bytes of numbers, not {at}")
    return found


def _heads(header: Mapping[str, Any], columns: Sequence[NDArray[np.int64]]) -> Heads:
    return Heads(
        encoder=str(header["encoder"]),
        weights=columns[0].astype(np.float32),
        offsets=columns[1].astype(np.float64),
        scales=np.exp2(columns[2].astype(np.float64)),
        topics=None if header["topics"] is None else _topics(header["topics"][0], columns[7:]),
        centres=header["centres"],
        strange=columns[3].astype(np.float64),
        familiar=columns[4].astype(np.float64),
        kinds=columns[5].astype(np.float64),
        forms=columns[6].astype(np.float64),
    )


def _topics(first: int, columns: Sequence[NDArray[np.int64]]) -> Topics:
    starts, tables, values = columns[:3]
    counts = np.diff(starts, append=len(values))
    return Topics(
        first=first,
        starts=starts.astype(np.intp),
        of=np.arange(len(starts)).repeat(counts),
        tables=tables.astype(np.intp),
        values=values.astype(np.float64),
    )
