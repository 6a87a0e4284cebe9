"""How Claude is told to think, at Anthropic and at Bedrock."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from dataplane.chat.model import ChatRequest, Effort, Reasoning, Sampling, Thinking, ToolCall, ToolResult
from dataplane.provider import conversation
from dataplane.provider.anthropic_model import SamplingSupport, ThinkingSupport, sampling_support, thinking_support
from dataplane.snapshot.model import WireProtocol

Json = dict[str, object]

LEAST_BUDGET = 1024
"""The API takes no smaller one."""
LEAST_TOP_P = 0.95
"""The API takes no smaller one from a model that thinks."""
DEFAULT_OUTPUT_TOKENS = 4096
"""The API wants a limit; every model allows this one."""
BUDGETS: Mapping[Effort, int] = MappingProxyType(
    {Effort.UNSPECIFIED: 8192, Effort.LOW: 2048, Effort.MEDIUM: 8192, Effort.HIGH: 16384}
)
EFFORTS: Mapping[Effort, str] = MappingProxyType({Effort.LOW: "low", Effort.MEDIUM: "medium", Effort.HIGH: "high"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ThinkingPlan:
    """`setting` is the value of `thinking`, `effort` that of `output_config.effort`; empty ones are left away.

    `limit` is the most output tokens, thinking among them.
    """

    limit: int
    setting: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))
    effort: str = ""

    @property
    def thinks(self) -> bool:
        """Whether the model is asked to think."""
        return self.setting.get("type") in ("enabled", "adaptive")


def plan(request: ChatRequest, model: str, limit: int, *, forced: bool, protocol: WireProtocol) -> ThinkingPlan:
    """How `model` is to think about `request` within `limit` tokens, 0 for no limit of ours.

    The budget must be less than the limit, which a decision may have set: where it leaves too little room, nothing is
    thought. A model that must call a tool cannot think (`forced`), and with a budget it cannot begin to between a tool call
    and its result (platform.claude.com/docs/en/build-with-claude/extended-thinking, "Extended thinking with tool use").
    """
    plain = ThinkingPlan(limit=limit or DEFAULT_OUTPUT_TOKENS)
    asked, support = request.reasoning, thinking_support(model)
    if asked is None or support is ThinkingSupport.NONE:
        return plain
    if support is ThinkingSupport.ADAPTIVE:
        return plain if forced else _adaptive(asked, limit)
    if forced or asked.effort is Effort.NONE or _is_amid_tools(request, protocol):
        return plain
    return _budgeted(asked, limit) or plain


def carried(thinking: Thinking, protocol: WireProtocol) -> bool:
    """Whether `thinking` can go back by `protocol`: what is not sealed is refused there."""
    return thinking.protocol == protocol and bool(thinking.signature or thinking.redacted)


def allowed_sampling(sampling: Sampling, model: str, *, thinks: bool) -> dict[str, float]:
    """Those of temperature, top_p and top_k that `model` takes.

    Temperature ends at 1 here, not at 2; where only one setting is taken, it is the temperature. A model that thinks takes
    only a high top_p.
    """
    support = sampling_support(model)
    allowed: dict[str, float] = {}
    if support is SamplingSupport.NONE:
        return allowed
    if sampling.temperature is not None and not thinks:
        allowed["temperature"] = min(sampling.temperature, 1.0)
    alone = support is SamplingSupport.ANY or "temperature" not in allowed
    if sampling.top_p is not None and alone and (not thinks or sampling.top_p >= LEAST_TOP_P):
        allowed["top_p"] = sampling.top_p
    if sampling.top_k is not None and not thinks:
        allowed["top_k"] = sampling.top_k
    return allowed


def _adaptive(asked: Reasoning, limit: int) -> ThinkingPlan:
    room = limit or DEFAULT_OUTPUT_TOKENS
    if asked.effort is Effort.NONE:
        return ThinkingPlan(limit=room, setting={"type": "disabled"})
    setting = {"type": "adaptive", "display": "summarized"} if asked.include else {"type": "adaptive"}
    return ThinkingPlan(
        limit=limit or DEFAULT_OUTPUT_TOKENS + (asked.max_tokens or BUDGETS[asked.effort]),
        setting=setting,
        effort=EFFORTS.get(asked.effort, ""),
    )


def _budgeted(asked: Reasoning, limit: int) -> ThinkingPlan | None:
    """A fifth of a limit is left for the answer."""
    budget = max(asked.max_tokens or BUDGETS[asked.effort], LEAST_BUDGET)
    if limit:
        budget = min(budget, limit * 4 // 5)
    if budget < LEAST_BUDGET:
        return None
    return ThinkingPlan(
        limit=limit or DEFAULT_OUTPUT_TOKENS + budget, setting={"type": "enabled", "budget_tokens": budget}
    )


def _is_amid_tools(request: ChatRequest, protocol: WireProtocol) -> bool:
    """Whether the last turn answers calls that were made without thinking of ours before them."""
    turns = list(conversation.turns(request))[-2:]
    if len(turns) < 2 or not any(isinstance(part, ToolResult) for part in turns[1][1]):
        return False
    spoken = turns[0][1]
    called = any(isinstance(part, ToolCall) for part in spoken)
    return called and not any(isinstance(part, Thinking) and carried(part, protocol) for part in spoken)
