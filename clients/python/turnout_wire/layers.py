"""The layers around every RPC, outermost first: request id, telemetry, errors, deadline, access, validation.

The order is asserted by a test. Request id first, so that telemetry and errors can name it; telemetry outside errors, so that
it sees the code that the caller sees; deadline before access, because it is free; validation last, so that strangers learn
nothing about our rules.
"""

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import grpc
import grpc.aio
import protovalidate
from google.protobuf.message import Message
from grpc_status import rpc_status

from turnout_wire.failure import Failure
from turnout_wire.server import REQUEST_ID, Call, Handler, Method, Principal, Unreadable
from turnout_wire.status import bounded, to_status

_log = logging.getLogger(__name__)


class RequestIds:
    """Takes the caller's request id, or makes one; failures name it in their ErrorInfo, and so does the log."""

    def wrap(self, method: Method, inner: Handler) -> Handler:
        """See Layer."""

        async def handler(request: Any, call: Call) -> Message | None:
            call.request_id = call.text(REQUEST_ID)[:64] or secrets.token_hex(8)
            return await inner(request, call)

        return handler


class Errors:
    """Gives failures their status; everything else becomes INTERNAL, whose cause only the log knows."""

    def wrap(self, method: Method, inner: Handler) -> Handler:
        """See Layer."""

        async def handler(request: Any, call: Call) -> Message | None:
            try:
                return await inner(request, call)
            except Failure as failure:
                call.failure = failure
            except (grpc.aio.AbortError, asyncio.CancelledError):
                raise
            except Exception:  # noqa: BLE001 - the last line of defence: whatever it is, the caller gets a status
                known = {"request_id": call.request_id, "rpc": method.name, "decision_id": call.decision_id}
                _log.exception("internal error", extra=known)
                call.failure = Failure("INTERNAL", f"internal error; the log knows it as request {call.request_id}")
            raise await _aborted(call, call.failure)

        return handler


async def _aborted(call: Call, failure: Failure) -> BaseException:
    """End the call with the failure's status; gives what gRPC wants to be raised then."""
    failure.metadata.setdefault("request_id", call.request_id)
    try:
        await call.context.abort_with_status(rpc_status.to_status(bounded(to_status(failure))))
    except grpc.aio.AbortError as ended:
        return ended


class Deadlines:
    """Refuses calls without a deadline where the table asks for one: a call that nobody waits for must not cost money."""

    def __init__(self, required: Callable[[Method], bool]) -> None:
        self._required = required

    def wrap(self, method: Method, inner: Handler) -> Handler:
        """See Layer."""
        if not self._required(method):
            return inner

        async def handler(request: Any, call: Call) -> Message | None:
            if call.time_left() is None:
                raise Failure(
                    "DEADLINE_REQUIRED", "the call has no deadline; set one, such as timeout=30 in the stub call"
                )
            return await inner(request, call)

        return handler


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What the access table says of a method: the roles of which one is enough (none: open to all), and whether a deadline is needed."""

    roles: frozenset[str]
    deadline: bool = True


PUBLIC = Rule(roles=frozenset(), deadline=False)


class Access:
    """Lets a caller in only if the table gives one of its roles the method. A method that is not in the table cannot be served."""

    def __init__(self, table: Mapping[str, Rule], authenticate: Callable[[str], Principal | None]) -> None:
        """`authenticate` gives the caller with a token, which is empty where none came; None if it is nobody's."""
        self._table = table
        self._authenticate = authenticate

    def wrap(self, method: Method, inner: Handler) -> Handler:
        """See Layer. Raises KeyError for a method that the table does not have."""
        rule = self._table[method.name]

        async def handler(request: Any, call: Call) -> Message | None:
            call.principal = self._admit(rule, call)
            return await inner(request, call)

        return inner if not rule.roles else handler

    def _admit(self, rule: Rule, call: Call) -> Principal:
        scheme, _, token = call.text("authorization").partition(" ")
        principal = self._authenticate(token if scheme.lower() == "bearer" else "")
        if principal is None:
            raise Failure("UNAUTHENTICATED", "send a known token as metadata `authorization: Bearer TOKEN`")
        if not rule.roles & principal.roles:
            needed = " or ".join(sorted(rule.roles))
            raise Failure(
                "ACCESS_DENIED", f"{call.method.name} needs the role {needed}; {principal.name} does not have it"
            )
        return principal


class Validation:
    """Checks every incoming message against the rules of the contract before a servicer sees it."""

    def __init__(self) -> None:
        self._validator = protovalidate.Validator()

    def wrap(self, method: Method, inner: Handler) -> Handler:
        """See Layer. Compiles the rules of the method's request now, so that the first caller does not wait for it."""
        self.learn(method.request_type())

        async def unary(request: Any, call: Call) -> Message | None:
            self.check(request)
            return await inner(request, call)

        async def streaming(requests: Any, call: Call) -> Message | None:
            return await inner(self._checked(requests), call)

        return streaming if method.request_streaming else unary

    async def _checked(self, requests: AsyncIterator[Message | Unreadable]) -> AsyncIterator[Message | Unreadable]:
        async for request in requests:
            self.check(request)
            yield request

    def learn(self, message: Message) -> None:
        """Compile the rules of a message that is checked later."""
        self._validator.collect_violations(message)

    def check(self, message: Message | Unreadable) -> None:
        """Raises Failure for the first rule that `message` breaks, with the reason that fits."""
        if isinstance(message, Unreadable):
            told = f"the request is no serialized {message.message_type}; send it by a stub of the contract"
            raise Failure("INVALID_FIELD", told)
        violations = self._validator.collect_violations(message, fail_fast=True)
        if violations:
            raise violated(violations[0])


_REASONS: Mapping[tuple[str, str], tuple[str, str]] = {
    ("body", "bytes.min_len"): ("PAYLOAD_EMPTY", "the payload is empty; send the serialized request"),
    ("body", "bytes.max_len"): (
        "PAYLOAD_TOO_LARGE",
        "the payload is larger than 8 MiB; send less text or point to images by address",
    ),
    ("payload", "bytes.max_len"): ("ENVELOPE_MALFORMED", "the envelope's payload is too large for a decision"),
    ("value", "bytes.len"): ("ENVELOPE_MALFORMED", "an Ed25519 signature has 64 bytes"),
}


def violated(violation: protovalidate.Violation) -> Failure:
    """The failure for a broken rule: a reason of its own where callers need one, INVALID_FIELD otherwise."""
    path = field_path(violation)
    own = _REASONS.get((path.rpartition(".")[2], violation.proto.rule_id))
    if ".inclusion." in path:
        own = ("ENVELOPE_MALFORMED", f"{violation.proto.message}; send the envelope as DecideRoute gave it")
    if own:
        return Failure(own[0], f"{path}: {own[1]}", field=path)
    return Failure("INVALID_FIELD", f"{path or 'request'}: {violation.proto.message}", field=path)


def field_path(violation: protovalidate.Violation) -> str:
    """The field that a rule is on, such as `payload.body` or `messages[2].parts`."""
    path = ""
    for element in violation.proto.field.elements if violation.proto.field else ():
        path += ("." if path else "") + element.field_name + _subscript(element)
    return path


def _subscript(element: Any) -> str:
    subscript = element.subscript
    return "" if subscript is None else f"[{subscript.value}]"
