"""What calls take as keyword arguments."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import TypedDict

from turnout.inference.v1 import chat_pb2
from turnout_client.words import Capability, Complexity, TaskType

Json = Mapping[str, object]
"""A JSON object."""

ChatLike = str | Sequence[Json | chat_pb2.Message] | chat_pb2.ChatRequest
"""A request: one user message, a conversation as dicts with `role` and `content`, or the contract's own message."""


class ChatOptions(TypedDict, total=False):
    """What is wanted of the answer. Given beside a ChatRequest, each replaces what that says.

    `system` goes before the conversation. `tools` are dicts with `name`, `description`, `parameters` (a JSON schema) and
    `strict`, or in OpenAI's form. `tool_choice` is `auto`, `none`, `required` or the name of a tool.
    `response_format` is `text`, `json`, or a dict with `schema` and perhaps `name`, `strict`, `description`.
    `provider_options` are settings of single providers, by provider.
    """

    system: str
    tools: Sequence[Json | chat_pb2.Tool]
    tool_choice: str
    parallel_tool_calls: bool
    response_format: str | Json
    temperature: float
    top_p: float
    top_k: int
    frequency_penalty: float
    presence_penalty: float
    stop: str | Sequence[str]
    max_output_tokens: int
    seed: int
    metadata: Mapping[str, str]
    provider_options: Mapping[str, Json]


class ClassifyOptions(ChatOptions, total=False):
    """Where the request comes from, and what the caller knows of it.

    `describe` makes features here and keeps the text from the control plane. `timeout` is in seconds.
    """

    workload: str
    feature: str
    endpoint: str
    labels: Mapping[str, str]
    task_type: TaskType | str
    complexity: Complexity | str
    describe: bool
    timeout: float


class RouteOptions(ClassifyOptions, total=False):
    """What is asked for by name, whose request it is, and what the caller insists on.

    `model` is a model of the catalog, which is then pinned, an alias, `auto`, or `auto:WORKLOAD`. `session` and `user` are the
    caller's own ids of a conversation and an end user, for attribution. What is insisted on narrows what the policy allows; none
    of it widens that.
    `max_cost_usd` is a Decimal or a string; `max_latency` a timedelta or seconds; `min_quality` 0 to 1.
    `policy` replaces the workload's, `pool` is where to run, `max_runs` how often the decision may be run.
    A `request_id` makes asking again give the same decision; each call makes its own otherwise.
    """

    model: str
    session: str
    user: str
    min_quality: float
    max_cost_usd: Decimal | str | int
    max_latency: timedelta | float
    providers: Sequence[str]
    excluded_providers: Sequence[str]
    regions: Sequence[str]
    capabilities: Sequence[Capability | str]
    models: Sequence[str]
    excluded_models: Sequence[str]
    tiers: Sequence[str]
    protocols: Sequence[str]
    policy: str
    pool: str
    max_runs: int
    request_id: str
