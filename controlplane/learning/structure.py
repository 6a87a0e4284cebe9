"""What can be said of a request without its words, in whole numbers: the part of it that carries over to texts never seen."""

from collections.abc import Mapping
from types import MappingProxyType

from controlplane.catalog.model import Complexity, Domain, TaskType
from controlplane.classification.model import Classification
from controlplane.learning.model import FORMS
from turnout_features.model import Features

NAMES = (
    "tokens", "characters_per_token", "input_tokens", "questions", "instructions", "structured_lines", "code_lines",
    "code_blocks", "turns", "retrieved_chunks", "images", "tools", "output_format", "signals", "language", "complexity", "domain",
    *(f"task_{task}" for task in TaskType), "hardness",
)  # fmt: skip
"""What stands at each place of `structure`."""

HARD: Mapping[TaskType, int] = MappingProxyType(
    {
        TaskType.CODE: 80, TaskType.REASONING: 36, TaskType.QA: 28, TaskType.EXTRACTION: 8, TaskType.TRANSLATION: -48,
        TaskType.SUMMARIZATION: -60, TaskType.CHAT: -80, TaskType.CREATIVE: -100,
    }
)  # fmt: skip
"""How much more a small model falls behind at some work than at others, in 32nds of a doubling of the length.

MT-Bench (arXiv 2306.05685, figure 6) has the order: small models fall behind most in maths, coding and reasoning, least in writing,
roleplay and the humanities. Questions are near reasoning, for exams are taken for either.
"""

_DEEP: Mapping[Complexity, int] = MappingProxyType(dict(zip(Complexity, (-4, 0, 4, 8), strict=True)))

SHORT = 330
"""`log2` of some 35 tokens: among shorter requests the longer are no harder."""

TERSE, WORDY = 2500, 4000
"""Characters of a thousand tokens. What is terse is formulas and figures, where length tells nothing and which are hard anyhow."""

FORMULAS = 12

_COMPLEXITIES = tuple(Complexity)
_DOMAINS = (None, *Domain)


def log2(number: int) -> int:
    """64 times the logarithm of `number + 1` to base 2, along straight lines between powers of two: the same on every machine."""
    exponent = (number + 1).bit_length() - 1
    return 64 * exponent + ((number + 1 - (1 << exponent)) << 6 >> exponent)


def form_of(features: Features) -> int:
    """The form of a request, of FORMS."""
    return min(features.answer_options, FORMS - 1)


def structure(features: Features, found: Classification) -> list[int]:
    """The numbers of NAMES; logarithms of counts as `log2` gives them."""
    tokens = log2(features.last_user_tokens)
    return [
        tokens,
        1000 * features.characters // max(1, features.input_tokens),
        log2(features.input_tokens),
        min(features.questions, 8),
        min(features.instructions, 8),
        log2(features.structured_lines),
        log2(features.code_lines),
        min(features.code_blocks, 4),
        min(features.turns, 16),
        min(features.retrieved_chunks, 8),
        min(features.images, 4),
        min(features.tools, 8),
        int(features.output_format != "text"),
        min(len(features.signals), 8),
        int(features.language == "en"),
        _COMPLEXITIES.index(found.complexity),
        _DOMAINS.index(found.domain),
        *(int(found.task_type is task) for task in TaskType),
        hardness(features, found),
    ]


def hardness(features: Features, found: Classification) -> int:
    """How hard a request looks by the kind of work, by what it asks and by its length: in 32nds of a doubling of that."""
    tokens = log2(features.last_user_tokens)
    density = 1000 * features.characters // max(1, features.input_tokens)
    words = min(max(density - TERSE, 0), WORDY - TERSE)
    length = max(tokens - SHORT, 0) * words // (2 * (WORDY - TERSE))
    formulas = min(max(3200 - density, 0), 800) * FORMULAS // 800 if tokens > SHORT else 0
    return length + formulas + HARD[found.task_type] + _DEEP[found.complexity]
