"""Messages of the contract as JSON schemas, with their comments: what ProtoJSON writes and reads."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from google.protobuf.descriptor_pb2 import DescriptorProto, EnumDescriptorProto, FieldDescriptorProto

from tools.contract_pages import Source

Schema = dict[str, Any]
Path = tuple[int, ...]
_MESSAGE, _ENUM, _FIELD, _NESTED, _NESTED_ENUM, _MEMBER = 4, 5, 2, 3, 4, 2
"""Field numbers of descriptors, of which the paths of comments consist."""
_TYPES = FieldDescriptorProto
_LONG: Schema = {"type": "string", "format": "int64", "description": "A 64-bit integer; a number is read too."}
_SCALARS: Mapping[int, Schema] = {
    _TYPES.TYPE_DOUBLE: {"type": "number"},
    _TYPES.TYPE_FLOAT: {"type": "number"},
    _TYPES.TYPE_INT32: {"type": "integer", "format": "int32"},
    _TYPES.TYPE_UINT32: {"type": "integer", "minimum": 0},
    _TYPES.TYPE_INT64: _LONG,
    _TYPES.TYPE_UINT64: _LONG,
    _TYPES.TYPE_FIXED64: _LONG,
    _TYPES.TYPE_BOOL: {"type": "boolean"},
    _TYPES.TYPE_STRING: {"type": "string"},
    _TYPES.TYPE_BYTES: {"type": "string", "contentEncoding": "base64"},
}
_KNOWN: Mapping[str, Schema] = {
    ".google.protobuf.Timestamp": {"type": "string", "format": "date-time"},
    ".google.protobuf.Duration": {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]{1,9})?s$", "examples": ["1.5s"]},
    ".google.protobuf.Struct": {"type": "object"},
    ".google.protobuf.FieldMask": {"type": "string"},
    ".google.rpc.Status": {"type": "object"},
}


class Schemas:
    """All messages and closed sets, by full name with a leading dot; those that were asked for are in `used`."""

    def __init__(self, sources: Iterable[Source]) -> None:
        self._messages: dict[str, tuple[Source, DescriptorProto, Path]] = {}
        self._enums: dict[str, tuple[Source, EnumDescriptorProto, Path]] = {}
        self.used: dict[str, Schema] = {}
        for source in sources:
            package = f".{source.file.package}"
            for number, message in enumerate(source.file.message_type):
                self._add(source, message, (_MESSAGE, number), package)
            for number, enum in enumerate(source.file.enum_type):
                self._enums[f"{package}.{enum.name}"] = (source, enum, (_ENUM, number))

    def message(self, name: str) -> tuple[Source, DescriptorProto, Path]:
        """A message, where it is told, and the path of its comment."""
        return self._messages[name]

    def reference(self, name: str) -> Schema:
        """A `$ref` to the schema of a type, which is made if it is new."""
        if name in _KNOWN:
            return dict(_KNOWN[name])
        short = short_name(name)
        if short not in self.used:
            self.used[short] = {}  # before it is made, for it may be in itself
            self.used[short] = self._enum(name) if name in self._enums else self._object(name)
        return {"$ref": f"#/components/schemas/{short}"}

    def field(self, owner: str, field: FieldDescriptorProto, told: str) -> Schema:
        """The schema of a field of the message `owner`."""
        entry = self._messages.get(field.type_name)
        one = self.reference(field.type_name) if field.type_name and not _is_map(entry) else {}
        if entry is not None and _is_map(entry):
            schema: Schema = {"type": "object", "additionalProperties": self._scalar(entry[1].field[1])}
        else:
            one = one or self._scalar(field)
            schema = {"type": "array", "items": one} if field.label == _TYPES.LABEL_REPEATED else one
        inherited = schema.get("description", "")
        text = " ".join(part for part in (told, _choice(self.message(owner)[1], field), inherited) if part)
        return {**schema, "description": text} if text else schema

    def fields(self, name: str) -> Iterator[tuple[FieldDescriptorProto, str]]:
        """The fields of a message, each with its comment."""
        source, message, path = self.message(name)
        for index, field in enumerate(message.field):
            yield field, plain(source, *path, _FIELD, index)

    def _object(self, name: str) -> Schema:
        source, _, path = self.message(name)
        properties = {field.name: self.field(name, field, told) for field, told in self.fields(name)}
        return {"type": "object", "description": plain(source, *path), "properties": properties}

    def _enum(self, name: str) -> Schema:
        source, enum, path = self._enums[name]
        prefix = enum.value[0].name.removesuffix("UNSPECIFIED")
        told = [
            f"`{value.name.removeprefix(prefix).lower()}`: {plain(source, *path, _MEMBER, index)}"
            for index, value in enumerate(enum.value)
            if value.number
        ]
        text = "\n".join([plain(source, *path), "Short words are read too:", *(f"- {line}" for line in told)])
        return {"type": "string", "description": text, "enum": [value.name for value in enum.value]}

    def _scalar(self, field: FieldDescriptorProto) -> Schema:
        return self.reference(field.type_name) if field.type_name else dict(_SCALARS[field.type])

    def _add(self, source: Source, message: DescriptorProto, path: Path, within: str) -> None:
        name = f"{within}.{message.name}"
        self._messages[name] = (source, message, path)
        for number, nested in enumerate(message.nested_type):
            self._add(source, nested, (*path, _NESTED, number), name)
        for number, enum in enumerate(message.enum_type):
            self._enums[f"{name}.{enum.name}"] = (source, enum, (*path, _NESTED_ENUM, number))


def short_name(name: str) -> str:
    """`routing.Hints` of `.turnout.routing.v1.Hints`."""
    _, _, noun, _, *rest = name.split(".")
    return ".".join((noun, *rest))


def plain(source: Source, *path: int) -> str:
    """A comment as one paragraph of text."""
    return " ".join(source.paragraphs(*path).split())


def _is_map(entry: tuple[Source, DescriptorProto, Path] | None) -> bool:
    return entry is not None and entry[1].options.map_entry


def _choice(message: DescriptorProto, field: FieldDescriptorProto) -> str:
    if not field.HasField("oneof_index") or field.proto3_optional:
        return ""
    return f"(One of `{message.oneof_decl[field.oneof_index].name}`.)"
