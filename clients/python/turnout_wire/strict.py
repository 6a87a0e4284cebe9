"""Whether protobuf bytes mean the same to whoever parses them.

Refused: numbers that are not in their shortest form or too large for their field, a singular field that comes twice,
a field with another wire type than its own (repeated numbers are packed), groups, field number 0, and bytes that are
missing or left over.
Allowed: any order of fields, defaults that are written out, and unknown fields, whose own tags and lengths are held
to the same rules; what an old reader must not overlook is guarded by the decision's `required_features` instead.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

_VARINT, _I64, _LEN, _I32 = 0, 1, 2, 5
_SIZES: Mapping[int, int] = MappingProxyType({_I64: 8, _I32: 4})
_U32, _I32_MAX, _U64 = (1 << 32) - 1, (1 << 31) - 1, (1 << 64) - 1

_WIRE_TYPES: Mapping[int, int] = MappingProxyType(
    {
        FieldDescriptor.TYPE_UINT32: _VARINT,
        FieldDescriptor.TYPE_UINT64: _VARINT,
        FieldDescriptor.TYPE_INT32: _VARINT,
        FieldDescriptor.TYPE_INT64: _VARINT,
        FieldDescriptor.TYPE_BOOL: _VARINT,
        FieldDescriptor.TYPE_ENUM: _VARINT,
        FieldDescriptor.TYPE_STRING: _LEN,
        FieldDescriptor.TYPE_BYTES: _LEN,
        FieldDescriptor.TYPE_MESSAGE: _LEN,
    }
)
_SIGNED_32 = frozenset({FieldDescriptor.TYPE_INT32, FieldDescriptor.TYPE_ENUM})
_LARGEST: Mapping[int, int] = MappingProxyType(
    {
        FieldDescriptor.TYPE_UINT32: _U32,
        FieldDescriptor.TYPE_BOOL: 1,
        FieldDescriptor.TYPE_INT32: _I32_MAX,
        FieldDescriptor.TYPE_ENUM: _I32_MAX,
    }
)


class AmbiguousBytesError(ValueError):
    """The bytes break a rule of this module; the message says which, and where."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What the bytes of one field must be. `largest` bounds a number, `signed` lets 32-bit negatives through."""

    name: str
    wire_type: int
    repeated: bool
    packed: bool
    largest: int
    signed: bool
    message: "Shape | None"


Shape = Mapping[int, Rule]
"""The rules of a message by field number."""


def shape_of(descriptor: Descriptor) -> Shape:
    """The rules of a message and of all messages in it.

    Raises:
        TypeError: it has a map, a float, a group, a oneof or itself in it: such a message has no place in signed bytes.
    """
    return _shape(descriptor, ())


def _shape(descriptor: Descriptor, outer: tuple[str, ...]) -> Shape:
    if descriptor.full_name in outer:
        raise TypeError(f"{descriptor.full_name} contains itself")
    inside = (*outer, descriptor.full_name)
    return MappingProxyType({field.number: _rule(field, inside) for field in descriptor.fields})


def _rule(field: FieldDescriptor, outer: tuple[str, ...]) -> Rule:
    oneof, inner = field.containing_oneof, field.message_type
    is_map = inner is not None and inner.GetOptions().map_entry
    if field.type not in _WIRE_TYPES or is_map or (oneof is not None and len(oneof.fields) > 1):
        raise TypeError(f"{field.full_name} is of a kind that signed bytes do not hold")
    wire_type = _WIRE_TYPES[field.type]
    packed = field.is_repeated and wire_type == _VARINT
    return Rule(
        name=field.name,
        wire_type=_LEN if packed else wire_type,
        repeated=field.is_repeated,
        packed=packed,
        largest=_LARGEST.get(field.type, _U64),
        signed=field.type in _SIGNED_32,
        message=_shape(inner, outer) if inner is not None else None,
    )


def check(payload: bytes, message: Message, shape: Shape) -> None:
    """Hold `payload` to the rules; `message` was parsed from it and loses its unknown fields here.

    Bytes that the serializer makes again from what was parsed keep every rule, and that is found out in a tenth of
    the time of a scan. It proves nothing the other way round, for serialization is not canonical.

    Raises:
        AmbiguousBytesError: a rule is broken.
    """
    message.DiscardUnknownFields()
    if message.SerializeToString(deterministic=True) != payload:
        scan(payload, shape)


def scan(payload: bytes, shape: Shape) -> None:
    """Hold every byte of `payload` to the rules.

    Raises:
        AmbiguousBytesError: a rule is broken.
    """
    _scan_message(payload, 0, len(payload), shape, "")


def _scan_message(data: bytes, at: int, end: int, shape: Shape, path: str) -> None:
    seen: set[int] = set()
    while at < end:
        tag, at = _varint(data, at, end, path)
        number, wire_type = tag >> 3, tag & 7
        rule = shape.get(number)
        if rule is not None and not rule.repeated and number in seen:
            raise AmbiguousBytesError(f"{path}{rule.name} comes twice")
        seen.add(number)
        at = _scan_value(data, at, end, (number, wire_type), rule, path)


def _scan_value(data: bytes, at: int, end: int, tag: tuple[int, int], rule: Rule | None, path: str) -> int:
    """Check one value; the position after it."""
    number, wire_type = tag
    name = f"{path}{rule.name}" if rule else f"{path}{number}"
    if not 0 < number < 1 << 29 or (rule is not None and rule.wire_type != wire_type):
        raise AmbiguousBytesError(f"{name} has the number {number} and the wire type {wire_type}")
    if wire_type == _VARINT:
        value, at = _varint(data, at, end, name)
        _in_range(value, rule, name)
        return at
    if wire_type == _LEN:
        length, at = _varint(data, at, end, name)
    elif wire_type in _SIZES:
        length = _SIZES[wire_type]
    else:
        raise AmbiguousBytesError(f"{name} has the wire type {wire_type}")
    if length > end - at:
        raise AmbiguousBytesError(f"{name} ends before its length")
    _scan_content(data, at, at + length, rule, name)
    return at + length


def _scan_content(data: bytes, at: int, end: int, rule: Rule | None, name: str) -> None:
    if rule is None:
        return
    if rule.message is not None:
        _scan_message(data, at, end, rule.message, f"{name}.")
    while rule.packed and at < end:
        value, at = _varint(data, at, end, name)
        _in_range(value, rule, name)


def _in_range(value: int, rule: Rule | None, name: str) -> None:
    if rule is None or value <= rule.largest or (rule.signed and value >= _U64 - _I32_MAX):
        return
    raise AmbiguousBytesError(f"{name} is too large")


def _varint(data: bytes, at: int, end: int, name: str) -> tuple[int, int]:
    """A number in base 128, and the position after it."""
    if at < end and data[at] < 0x80:
        return data[at], at + 1
    value = 0
    for shift, byte in zip(range(0, 70, 7), data[at : min(end, at + 10)], strict=False):
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            if (shift and not byte) or value > _U64:
                break
            return value, at + shift // 7 + 1
    raise AmbiguousBytesError(f"{name or 'a tag'} is a number that is cut short, or not in its shortest form")
