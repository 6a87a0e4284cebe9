"""Reads an Anthropic messages request."""

from collections.abc import Mapping

from dataplane.provider.sandbox.answer.tools import json_text
from dataplane.provider.sandbox.call import AnswerFormat, Call, Format, Prompt, Tool, ToolChoice, ToolMode
from dataplane.provider.sandbox.wire import reading
from dataplane.provider.sandbox.wire.model import Target
from dataplane.provider.sandbox.wire.reading import BadRequest, Json, Path, Problem

_FIELDS_TEXT = """cache_control container context_management max_tokens mcp_servers messages metadata model output_config
    output_format service_tier speed stop_sequences stream system temperature thinking tool_choice tools top_k
    top_p inference_geo"""
_FIELDS = frozenset(_FIELDS_TEXT.split())
# https://docs.claude.com/en/docs/build-with-claude/vision: width x height / 750, so 1,334 for 1000 x 1000 pixels.
_IMAGE_TOKENS = 1_334
_PICTURED = ("image", "document", "container_upload")
_LEAST_BUDGET = 1_024


def parse(data: Json, _target: Target, headers: Mapping[str, str]) -> Call:
    """The call that `data` asks for.

    Raises:
        BadRequest: a field or the version header is missing, or a field is unknown or wrong.
    """
    if not headers.get("anthropic-version"):
        raise BadRequest(Problem.RULE, (), wanted="anthropic-version: header is required")
    reading.known(data, _FIELDS)
    model = reading.text(data, "model")
    limit = reading.whole(data, "max_tokens", low=1)
    if limit is None:
        raise BadRequest(Problem.MISSING, ("max_tokens",))
    _check_sampling(data)
    tools = _tools(data)
    return Call(
        model=model,
        prompt=_prompt(data),
        stream=reading.flag(data, "stream"),
        include_usage=True,
        tools=tools,
        tool_choice=_tool_choice(data, tools),
        format=_format(data),
        stop=_stop(data),
        max_tokens=limit,
        reasoning=_thinks(data, limit),
        show_reasoning=True,
    )


def _check_sampling(data: Json) -> None:
    reading.number(data, "temperature", low=0, high=1)
    reading.number(data, "top_p", low=0, high=1)
    reading.whole(data, "top_k", low=0)
    reading.nested(data, "metadata")


def _stop(data: Json) -> tuple[str, ...]:
    stops = reading.items(data, "stop_sequences")
    return tuple(reading.as_text(stop, ("stop_sequences", at)) for at, stop in enumerate(stops))


def _thinks(data: Json, limit: int) -> bool:
    thinking, path = reading.nested(data, "thinking"), ("thinking",)
    if not thinking:
        return False
    kind = reading.choice(thinking, "type", ("enabled", "disabled", "adaptive"), path)
    if kind != "enabled":
        return kind == "adaptive"
    budget = reading.whole(thinking, "budget_tokens", path, low=_LEAST_BUDGET)
    if budget is None:
        raise BadRequest(Problem.MISSING, (*path, "budget_tokens"))
    if budget >= limit:
        raise BadRequest(Problem.RULE, (), wanted="`max_tokens` must be greater than `thinking.budget_tokens`.")
    return True


def _tools(data: Json) -> tuple[Tool, ...]:
    """The caller's own tools; those that the provider would run itself are not called here."""
    found = []
    for at, item in enumerate(reading.items(data, "tools")):
        tool, path = reading.as_object(item, ("tools", at)), ("tools", at)
        if tool.get("type") in (None, "custom"):
            schema = reading.as_object(reading.required(tool, "input_schema", path), (*path, "input_schema"))
            found.append(Tool(name=reading.text(tool, "name", path), schema=schema))
    return tuple(found)


def _tool_choice(data: Json, tools: tuple[Tool, ...]) -> ToolChoice:
    choice, path = reading.nested(data, "tool_choice"), ("tool_choice",)
    if not choice:
        return ToolChoice()
    if not data.get("tools"):
        raise BadRequest(Problem.RULE, (), wanted="tool_choice may only be specified while providing tools")
    kind = reading.choice(choice, "type", ("auto", "any", "tool", "none"), path)
    parallel = not reading.flag(choice, "disable_parallel_tool_use", path)
    if kind == "tool":
        name = reading.text(choice, "name", path)
        if all(tool.name != name for tool in tools):
            raise BadRequest(Problem.RULE, (), wanted=f"Tool '{name}' not found in provided tools")
        return ToolChoice(mode=ToolMode.REQUIRED, names=(name,), parallel=parallel)
    return ToolChoice(mode=ToolMode.REQUIRED if kind == "any" else ToolMode(kind), parallel=parallel)


def _format(data: Json) -> AnswerFormat:
    config = reading.nested(data, "output_config")
    path: Path = ("output_config", "format") if config.get("format") else ("output_format",)
    asked = reading.nested(config, "format", ("output_config",)) or reading.nested(data, "output_format")
    if not asked:
        return AnswerFormat()
    reading.choice(asked, "type", ("json_schema",), path)
    schema = reading.as_object(reading.required(asked, "schema", path), (*path, "schema"))
    return AnswerFormat(kind=Format.JSON_SCHEMA, schema=schema)


class _Parts:
    """Collects the parts of a prompt, up to the last breakpoint of the cache."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.cacheable = 0
        self.image_tokens = 0

    def add(self, blocks: object, path: Path) -> tuple[str, bool]:
        """Takes the text of one turn; answers it, and whether all of the turn are results of tools."""
        if isinstance(blocks, str):
            self.texts.append(blocks)
            return blocks, False
        said, kinds = [], set()
        for at, item in enumerate(reading.as_array(blocks, path)):
            block = reading.as_object(item, (*path, at))
            kind = reading.text(block, "type", (*path, at))
            kinds.add(kind)
            said.append(text := self._text(block, kind, (*path, at)))
            self.texts.append(text)
            if block.get("cache_control"):
                self.cacheable = len(self.texts)
        return "\n".join(said), kinds == {"tool_result"}

    def _text(self, block: Json, kind: str, path: Path) -> str:
        if kind == "text":
            return reading.text(block, "text", path)
        if kind in _PICTURED:
            self.image_tokens += _IMAGE_TOKENS
            return ""
        return json_text(block)


def _prompt(data: Json) -> Prompt:
    parts = _Parts()
    if data.get("tools"):
        parts.texts.append(json_text(data["tools"]))
        if any(isinstance(tool, dict) and tool.get("cache_control") for tool in reading.items(data, "tools")):
            parts.cacheable = 1
    if data.get("system") is not None:
        parts.add(data["system"], ("system",))
    messages = reading.as_array(reading.required(data, "messages"), ("messages",), least=1)
    question, results, pairing = "", False, _Pairing()
    for at, item in enumerate(messages):
        message, path = reading.as_object(item, ("messages", at)), ("messages", at)
        role = reading.choice(message, "role", ("user", "assistant", "system"), path)
        content = reading.required(message, "content", path)
        text, results = parts.add(content, (*path, "content"))
        pairing.take(role, content, at)
        if role == "user" and not results:
            question = text
    pairing.end(len(messages))
    if data.get("cache_control"):
        parts.cacheable = len(parts.texts)
    return Prompt(
        parts=tuple(parts.texts),
        question=question,
        cacheable=parts.cacheable,
        image_tokens=parts.image_tokens,
        after_tool=results,
    )


class _Pairing:
    """Whether each call of a tool has its result in the next turn; messages of one role in a row are one turn."""

    def __init__(self) -> None:
        self._open: frozenset[str] = frozenset()
        self._role = ""

    def take(self, role: str, content: object, at: int) -> None:
        if role == "assistant":
            if self._role == "user":
                self.end(at)
            self._open |= _ids(content, "tool_use", "id")
        elif role == "user":
            self._answer(_ids(content, "tool_result", "tool_use_id"), at)
        self._role = role

    def _answer(self, answered: frozenset[str], at: int) -> None:
        if stray := sorted(answered - self._open):
            sentence = (
                f"messages.{at}.content: unexpected `tool_use_id` found in `tool_result` blocks: {', '.join(stray)}. "
                "Each `tool_result` block must have a corresponding `tool_use` block in the previous message."
            )
            raise BadRequest(Problem.RULE, (), wanted=sentence)
        self._open -= answered

    def end(self, at: int) -> None:
        """Checks that no call is left open by the user's turn that ended before message `at`."""
        if self._open and self._role == "user":
            sentence = (
                f"messages.{at - 1}: `tool_use` ids were found without `tool_result` blocks immediately after: "
                f"{', '.join(sorted(self._open))}. Each `tool_use` block must have a corresponding `tool_result` block "
                "in the next message."
            )
            raise BadRequest(Problem.RULE, (), wanted=sentence)


def _ids(content: object, kind: str, key: str) -> frozenset[str]:
    blocks = content if isinstance(content, list) else []
    return frozenset(str(block.get(key)) for block in blocks if isinstance(block, dict) and block.get("type") == kind)
