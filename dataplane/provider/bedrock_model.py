"""What the families of models at Bedrock take of Converse, as data."""

import re
from dataclasses import dataclass
from enum import StrEnum

from dataplane.chat.model import ToolMode
from dataplane.provider.conversation import model_name
from dataplane.snapshot.model import Deployment


class ThinkingWords(StrEnum):
    """How a family is told to think, in `additionalModelRequestFields`."""

    NONE = "none"
    CLAUDE = "claude"
    NOVA = "nova"
    EFFORT = "effort"


class TopK(StrEnum):
    """Where a family takes top_k, in `additionalModelRequestFields`."""

    NONE = "none"
    PLAIN = "plain"
    NOVA = "nova"


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """`choices`: the tool choices beside `auto`. `schemas`: whether `outputConfig` is taken. `answers_by_tool`: whether a tool
    that must be called can stand in for it.
    """

    pattern: re.Pattern[str]
    choices: frozenset[ToolMode] = frozenset()
    schemas: bool = False
    answers_by_tool: bool = False
    thinking: ThinkingWords = ThinkingWords.NONE
    top_k: TopK = TopK.NONE


_FORCED = frozenset((ToolMode.REQUIRED, ToolMode.NAMED))

# Tool choices: docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ToolChoice.html and …_SpecificToolChoice.html;
# schemas: docs.aws.amazon.com/bedrock/latest/userguide/structured-output.html, "Supported models";
# Nova's top_k and thinking: docs.aws.amazon.com/nova/latest/userguide/complete-request-schema.html.
FAMILIES = (
    Family(
        pattern=re.compile(r"(?:anthropic\.)?claude-.*"),
        choices=_FORCED,
        schemas=True,
        answers_by_tool=True,
        thinking=ThinkingWords.CLAUDE,
        top_k=TopK.PLAIN,
    ),
    Family(
        pattern=re.compile(r"(?:amazon\.)?nova-2-.*"),
        choices=_FORCED,
        answers_by_tool=True,
        thinking=ThinkingWords.NOVA,
        top_k=TopK.NOVA,
    ),
    Family(pattern=re.compile(r"(?:amazon\.)?nova-.*"), choices=_FORCED, answers_by_tool=True, top_k=TopK.NOVA),
    Family(pattern=re.compile(r"(?:openai\.)?gpt-oss-.*"), schemas=True, thinking=ThinkingWords.EFFORT),
    Family(pattern=re.compile(r"(?:qwen|google|moonshot(?:ai)?|minimax|nvidia|zai|deepseek\.v3).*"), schemas=True),
    Family(pattern=re.compile(r"mistral\..*"), choices=frozenset((ToolMode.REQUIRED,))),
)
OTHER = Family(pattern=re.compile(r".*"))
_REGION = re.compile(r"(?:us|us-gov|eu|apac|jp|au|ca|sa|global)\.")


def bare_name(deployment: Deployment) -> str:
    """The model's name without the regions in front; the catalog's own where the provider's is the ARN of a profile."""
    name = model_name(deployment)
    if name.startswith("arn:"):
        name = name.rpartition("/")[2] if "foundation-model/" in name else deployment.model
    found = _REGION.match(name)
    return name[found.end() :] if found else name


def family(deployment: Deployment) -> Family:
    """The family of the deployment's model."""
    name = bare_name(deployment)
    return next((family for family in FAMILIES if family.pattern.fullmatch(name)), OTHER)


def claude_name(deployment: Deployment) -> str:
    """The name as Anthropic has it."""
    return bare_name(deployment).removeprefix("anthropic.")
