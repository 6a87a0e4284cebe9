"""Whether a quality model was made by software that reads requests as this one does."""

import json
from hashlib import sha256

from controlplane.catalog.model import Complexity, Domain, TaskType
from controlplane.classification.model import Classification
from controlplane.learning.experience import experienced
from controlplane.learning.model import ALONG, Experience, Learned
from controlplane.learning.quality import HARDNESS_USUAL, falls
from controlplane.learning.structure import NAMES, form_of, structure
from turnout_features.model import Features

_PROBES = (
    Features(input_tokens=80, last_user_tokens=60, turns=1, characters=300, questions=1, language="en"),
    Features(
        input_tokens=4000, last_user_tokens=900, turns=5, characters=16_000, code_blocks=2, code_lines=40, tools=3,
        structured_lines=12, instructions=4, images=1, retrieved_chunks=3, answer_options=30,
        signals=("one", "two"),
    ),
)  # fmt: skip
"""Requests that show how requests are read: what is made of them differs if the software does."""


def reading() -> str:
    """The name of the way in which this software turns requests into what a quality model looks at."""
    seen = [
        [form_of(features), *structure(features, _taken(task, complexity, domain))]
        for features in _PROBES
        for task in TaskType
        for complexity in Complexity
        for domain in (None, *Domain)
    ]
    own = experienced(700_000, 90_000, Experience(shift=-120_000, spread=30_000, results=40))
    said = json.dumps([NAMES, seen, ALONG, HARDNESS_USUAL, [falls(usual, 300) for usual in (100_000, 700_000)], own])
    return f"reading-{sha256(said.encode()).hexdigest()[:12]}"


def _taken(task: TaskType, complexity: Complexity, domain: Domain | None) -> Classification:
    return Classification(task_type=task, complexity=complexity, domain=domain, confidence=1.0, classifier="rules")


def unfit(learned: Learned, encoder: str) -> str:
    """Why `learned` cannot be used where `encoder` makes the embeddings, with the way out; empty if it can."""
    return mismatch(learned.version, learned.heads.encoder if learned.heads is not None else "", encoder)


def mismatch(version: str, made_with: str, encoder: str) -> str:
    """The same for a model of that version that was made with that encoder, or with none if empty."""
    if version != (ours := reading()):
        return (
            f"it was made by a software version that reads requests in another way ({version or 'unnamed'}; "
            f"here it is {ours}): train it again with this version"
        )
    if made_with and made_with != encoder:
        return f"it was made with the encoder {made_with}, and here it is {encoder}: train it again with this version"
    return ""
