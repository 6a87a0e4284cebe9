"""Trains the learned classifier, or writes what it was not trained on: `python -m tools.classifier_weights DATA [--held-out FILE]`."""

import argparse
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from controlplane.classification.semantic_encoder import ENCODER, encoder
from controlplane.classification.semantic_encoder import FOLDER as SEMANTIC_FOLDER
from controlplane.classification.stored import FOLDER, write
from controlplane.learning.training.classes import Read, Reader, gathered
from controlplane.learning.training.example import Example, Split
from controlplane.learning.training.heads import chosen, trained
from turnout_features import Embedding
from turnout_features.encoding import asked as what_is_asked
from turnout_features.looks import looks

EACH = 60
"""Prompts of each part of a public set."""


def main() -> None:
    """Train and write the weights; with `--held-out`, write the table of held-out prompts instead."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder of the public sets, such as ../shared/data/routing")
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder of the weights")
    parser.add_argument("--held-out", type=Path, help="write the held-out prompts to this table (.jsonl) instead")
    asked = parser.parse_args()
    if not asked.data.is_dir():
        parser.error(f"{asked.data} is not there: the labelled sets are needed, see docs/quality.md")
    examples = list(gathered(asked.data, each=EACH))
    if asked.held_out is not None:
        rows = [row(one) for one in examples if one.split is Split.HELD_OUT]
        asked.held_out.write_text("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in rows), "utf-8")
        print(f"{len(rows)} held-out prompts → {asked.held_out}")
        return
    kept = chosen([one for one in examples if one.split is Split.TRAIN])
    reader = Reader.packaged()
    read = [reader(one) for one in kept]
    write(asked.out, trained(read, reader.encode.name))
    print(f"{len(kept)} prompts of {len({one.family for one in kept})} families → {asked.out}")
    try:
        encode = encoder()
    except ImportError:
        print("the second tier was not trained: its encoder is not installed, install turnout[use]")
        return
    folder = asked.out / SEMANTIC_FOLDER.name
    write(folder, trained([seen_by(encode, one) for one in read], ENCODER))
    print(f"the same with {ENCODER} → {folder}")


def seen_by(encode: Callable[[str], bytes], read: Read) -> Read:
    """The same prompt with the vector of the second tier's encoder."""
    text = what_is_asked(looks(read.example.conversation))
    return replace(read, embedding=Embedding(encoder=ENCODER, values=encode(text)))


def row(example: Example) -> dict[str, Any]:
    """The columns of `turnout eval classify`; `set` is the source, and which part of it where parts differ as much as sets do."""
    domain = str(example.domain or "none") if example.domain_known else "unknown"
    return {
        "messages": [{"role": str(one.speaker), "content": one.text} for one in example.conversation.utterances],
        "task_type": str(example.task_type),
        "also": " ".join(sorted(example.also)),
        "complexity": str(example.complexity or ""),
        "domain": domain,
        "language": example.language,
        "family": example.family,
        "set": example.family if example.source == "llmrouter_fusion" else example.source,
    }


if __name__ == "__main__":
    main()
