"""Messages of the contract from query parameters and JSON bodies: every name must be known, and is named if it is not."""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NoReturn, cast

from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message

from turnout_wire.failure import Failure

FILTER = "filter"
"""Fields of a message under this name can be given as parameters without it."""
_MOST_NAMES = 20


def from_query(kind: type[Message], parameters: Iterable[tuple[str, str]]) -> Message:
    """The message that parameters give: `page_size=10`, `filter.tenant=acme` or short `tenant=acme`; repeated ones may come twice.

    Raises Failure INVALID_FIELD.
    """
    document: dict[str, Any] = {}
    for name, text in parameters:
        *way, last = _found(_shape(kind), name)
        inner = document
        for field in way:
            inner = inner.setdefault(field.name, {})
        value = _flag(text) if last.type == FieldDescriptor.TYPE_BOOL else _word(last.enum_type, text)
        if last.is_repeated:
            inner.setdefault(last.name, []).append(value)
        elif last.name in inner:
            raise _invalid(name, "it comes twice; give it once")
        else:
            inner[last.name] = value
    return _parsed(kind, document)


def from_json(kind: type[Message], body: bytes, written: Callable[[dict[str, Any]], dict[str, Any]] = dict) -> Message:
    """The message that a JSON object gives, by the names of the contract, after `written` made it into such a one.

    Raises Failure with a PAYLOAD_* reason or INVALID_FIELD.
    """
    if not body:
        raise Failure("PAYLOAD_EMPTY", "the body is empty; send a JSON object")
    try:
        document = json.loads(body, object_pairs_hook=_once, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise Failure("PAYLOAD_MALFORMED", f"the body is no JSON ({_short(error)}); send a JSON object") from error
    if not isinstance(document, dict):
        raise Failure("PAYLOAD_MALFORMED", "the body is JSON but no object; send fields by their names")
    return _parsed(kind, _known(_shape(kind), written(document), ""))


def _shape(kind: type[Message]) -> Descriptor:
    return cast("Descriptor", kind.DESCRIPTOR)


def _found(shape: Descriptor, name: str) -> list[FieldDescriptor]:
    """The fields that lead to what a parameter names."""
    first, _, rest = name.partition(".")
    field, named = shape.fields_by_name.get(first), shape.fields_by_name.get(name)
    inner = _inner(field)
    if rest and field is not None and inner is not None:
        return [field, *_found(inner, rest)]
    if named is not None and _inner(named) is None:
        return [named]
    wanted = shape.fields_by_name.get(FILTER)
    inner = _inner(wanted)
    if wanted is not None and inner is not None and name in inner.fields_by_name:
        return [wanted, *_found(inner, name)]
    raise _unknown(shape, name)


def _known(shape: Descriptor, document: Mapping[str, Any], path: str) -> dict[str, Any]:
    """`document` with short words of enums written out."""
    return {name: _value(shape, name, value, path) for name, value in document.items()}


def _value(shape: Descriptor, name: str, value: Any, path: str) -> Any:
    field = shape.fields_by_name.get(name)
    if field is None:
        raise _unknown(shape, name, path)
    if field.is_repeated and isinstance(value, list):
        return [_one(field, each, f"{path}{name}.") for each in value]
    return _one(field, value, f"{path}{name}.")


def _one(field: FieldDescriptor, value: Any, path: str) -> Any:
    inner = _inner(field)
    if inner is not None and isinstance(value, dict):
        return _known(inner, value, path)
    return _word(field.enum_type, value)


def _inner(field: FieldDescriptor | None) -> Descriptor | None:
    """The shape of a field that is written as an object; times and durations are not."""
    shape = field.message_type if field is not None else None
    return shape if shape is not None and not shape.full_name.startswith("google.protobuf.") else None


def _word(kind: EnumDescriptor | None, value: Any) -> Any:
    """`accepted` as `FEEDBACK_LABEL_ACCEPTED`; what is no short word stays as it is."""
    if kind is None or not isinstance(value, str):
        return value
    prefix = kind.values[0].name.removesuffix("UNSPECIFIED")
    long = f"{prefix}{value.upper()}"
    return long if long in kind.values_by_name else value


def _parsed(kind: type[Message], document: Mapping[str, Any]) -> Message:
    """One field after the other, so that the one that cannot be read is known."""
    message = kind()
    for name, value in document.items():
        try:
            json_format.ParseDict({name: value}, message)
        except json_format.ParseError as error:
            raise _invalid(name, f"{_short(error)}; see the reference of {kind.DESCRIPTOR.full_name}") from error
    return message


def _flag(text: str) -> object:
    return {"true": True, "false": False}.get(text, text)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"`{next(name for name in names if names.count(name) > 1)[:64]}` comes twice")
    return document


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number of JSON")


def _unknown(shape: Descriptor, name: str, path: str = "") -> Failure:
    wanted = _inner(shape.fields_by_name.get(FILTER))
    fields = [*shape.fields_by_name, *(wanted.fields_by_name if wanted is not None else ())]
    known = ", ".join(fields[:_MOST_NAMES])
    return _invalid(f"{path}{name[:64]}", f"there is no such field; there are {known}")


def _invalid(field: str, told: str) -> Failure:
    return Failure("INVALID_FIELD", f"{field}: {told}", field=field)


def _short(error: Exception) -> str:
    return str(error)[:200].rstrip(".")
