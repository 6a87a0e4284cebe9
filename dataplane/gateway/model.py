"""What a gateway is asked and what it answers, as values, whatever the protocol."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType

from dataplane.chat.model import ChatRequest, EmbedRequest
from dataplane.provider.model import Original
from dataplane.snapshot.model import WireProtocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """An HTTP request after its body was read. `headers` in lower case; `parameters` are what stands in the path.

    `text` is the body; `value` the JSON object that it is, and `spans` where in `text` the values of its top-level members
    stand, as in Original.
    """

    headers: Mapping[str, str]
    parameters: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    text: str = field(default="", repr=False)
    value: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    spans: Mapping[str, tuple[int, int]] = field(default_factory=lambda: MappingProxyType({}), repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request as a face read it.

    `model` is what was asked for by name. `only` names what no other protocol than `protocol` can say (fields of the request,
    such as `logprobs`); where it is not empty, only such deployments may serve. `loses` names what is dropped at deployments of
    other protocols: the answer says so in a header. `include_usage`: whether the caller wants usage in its stream.
    `session` and `user` are the caller's own ids, empty if it gave none; `hints` are `turnout_…` members of its metadata,
    without the prefix.
    """

    model: str
    protocol: WireProtocol
    request: ChatRequest | EmbedRequest
    original: Original
    stream: bool = False
    include_usage: bool = True
    only: tuple[str, ...] = ()
    loses: tuple[str, ...] = ()
    session: str = ""
    user: str = ""
    hints: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Answering:
    """What a face may need of the surroundings when it writes an answer.

    `answer_id` is the decision's id without hyphens; `created` the wall clock's time.
    """

    asked: Asked
    answer_id: str
    created: datetime
    model: str
    """The model that was decided on, as the catalog names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Why there is no answer, in the words of the contract.

    `reason` is one of turnout.errors.v1.Reason without prefix; `error` our one word for what the last call ended with
    (dataplane.provider.failure.Fault), empty if nothing was called; `field` the request's field that is meant.
    """

    reason: str
    message: str
    field: str = ""
    error: str = ""
    retry_after: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """An error in the shape of its face."""

    status: int
    body: bytes


class BadRequest(Exception):
    """A request that its face cannot read: the field as the caller knows it, why, and the way out in one sentence."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}" if field else message)
        self.field = field
        self.message = message
