"""Writes what the protos say, with their comments, as Markdown: a page for each package."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from buf.validate import validate_pb2
from google.protobuf import text_format
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    MethodDescriptorProto,
    ServiceDescriptorProto,
)

from controlplane.rpc.access import ACCESS as CONTROL_ACCESS
from dataplane.rpc.access import ACCESS as WORKER_ACCESS
from tools import protoc

Path = tuple[int, ...]
_MESSAGE, _ENUM, _SERVICE = 4, 5, 6
"""Field numbers of FileDescriptorProto, of which the paths of comments begin."""
_FIELD, _NESTED, _NESTED_ENUM = 2, 3, 4
"""The same within a message."""
_MEMBER = 2
"""The same for the values of an enum and the methods of a service."""
_REPEATED = FieldDescriptorProto.LABEL_REPEATED
_SCALARS: Mapping[int, str] = {
    number: name.removeprefix("TYPE_").lower() for name, number in FieldDescriptorProto.Type.items()
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A proto file with its comments by path."""

    file: FileDescriptorProto
    comments: Mapping[Path, str]

    def said(self, *path: int) -> str:
        """The comment at `path` as one paragraph for a table."""
        return self.paragraphs(*path).replace("\n\n", "<br>").replace("\n", " ").replace("|", "\\|")

    def paragraphs(self, *path: int) -> str:
        """The comment at `path` as it is written."""
        return "\n".join(line.strip() for line in self.comments.get(path, "").strip().splitlines())


def sources(files: Iterable[FileDescriptorProto]) -> list[Source]:
    """Our files among `files`, which carry their positions."""
    return [
        Source(
            file=file,
            comments={tuple(place.path): place.leading_comments for place in file.source_code_info.location},
        )
        for file in files
        if file.package.startswith("turnout.")
    ]


def noun_of(package: str) -> str:
    """`routing` of `turnout.routing.v1`."""
    return package.split(".")[1]


def page(package: str, files: Iterable[Source]) -> str:
    """The page of one package."""
    lines = [f"# {package}", ""]
    for source in files:
        lines += _file(source)
    return "\n".join(lines).rstrip() + "\n"


def _file(source: Source) -> Iterator[str]:
    name = source.file.name
    yield from (source.paragraphs(12), "", f"Source: [{name}](../../protos/{name})", "")
    for number, service in enumerate(source.file.service):
        yield from _service(source, service, number)
    for number, message in enumerate(source.file.message_type):
        yield from _message(source, message, (_MESSAGE, number), "")
    for number, enum in enumerate(source.file.enum_type):
        yield from _enum(source, enum, (_ENUM, number), "")


def _service(source: Source, service: ServiceDescriptorProto, number: int) -> Iterator[str]:
    yield from (f"## {service.name}", "", source.paragraphs(_SERVICE, number), "")
    yield from ("| method | request | answer | who may call | |", "| --- | --- | --- | --- | --- |")
    for index, method in enumerate(service.method):
        roles = _roles(f"{source.file.package}.{service.name}/{method.name}")
        asks, gives = _ends(method)
        told = source.said(_SERVICE, number, _MEMBER, index)
        yield f"| `{method.name}` | {asks} | {gives} | {roles} | {told} |"
    yield ""


def _ends(method: MethodDescriptorProto) -> tuple[str, str]:
    asks, gives = _linked(method.input_type), _linked(method.output_type)
    return (
        f"stream of {asks}" if method.client_streaming else asks,
        f"stream of {gives}" if method.server_streaming else gives,
    )


def _roles(method: str) -> str:
    rule = {**CONTROL_ACCESS, **WORKER_ACCESS}[method]
    return ", ".join(sorted(rule.roles)) + ("" if rule.deadline else "; no deadline")


def _message(source: Source, message: DescriptorProto, path: Path, within: str) -> Iterator[str]:
    name = f"{within}{message.name}"
    if message.options.map_entry:
        return
    yield from (f"## {name}", "", source.paragraphs(*path), "")
    if message.field:
        yield from ("| field | type | rules | |", "| --- | --- | --- | --- |")
        for index, field in enumerate(message.field):
            told = source.said(*path, _FIELD, index)
            yield f"| `{field.name}`{_choice(message, field)} | {_type(message, field)} | {_rules(field)} | {told} |"
        yield ""
    for rule in message.options.Extensions[validate_pb2.message].cel:
        yield from (f"Rule: {rule.message}.", "")
    for index, nested in enumerate(message.nested_type):
        yield from _message(source, nested, (*path, _NESTED, index), f"{name}.")
    for index, enum in enumerate(message.enum_type):
        yield from _enum(source, enum, (*path, _NESTED_ENUM, index), f"{name}.")


def _choice(message: DescriptorProto, field: FieldDescriptorProto) -> str:
    """Which one-of a field belongs to; what is merely optional is in one of its own, which says nothing."""
    if not field.HasField("oneof_index") or field.proto3_optional:
        return ""
    return f" (one of `{message.oneof_decl[field.oneof_index].name}`)"


def _type(message: DescriptorProto, field: FieldDescriptorProto) -> str:
    entry = next(
        (nested for nested in message.nested_type if field.type_name.endswith(f".{message.name}.{nested.name}")), None
    )
    if entry is not None and entry.options.map_entry:
        return f"map of {_one(entry.field[0])} to {_one(entry.field[1])}"
    one = _one(field)
    if field.label == _REPEATED:
        return f"list of {one}"
    return f"optional {one}" if field.proto3_optional else one


def _one(field: FieldDescriptorProto) -> str:
    return _linked(field.type_name) if field.type_name else f"`{_SCALARS[field.type]}`"


def _linked(type_name: str) -> str:
    """A type by its last name; ours as a link to where it is described."""
    full = type_name.lstrip(".")
    if not full.startswith("turnout."):
        return f"`{full}`"
    package, name = ".".join(full.split(".")[:3]), ".".join(full.split(".")[3:])
    return f"[{name}]({noun_of(package)}.md#{anchor(name)})"


def anchor(heading: str) -> str:
    """The anchor that a heading of one name gets."""
    return heading.lower().replace(".", "")


def _rules(field: FieldDescriptorProto) -> str:
    rules = field.options.Extensions[validate_pb2.field]
    text = text_format.MessageToString(rules, as_one_line=True).strip()
    return f"`{text.replace('|', chr(92) + '|')}`" if text else ""


def _enum(source: Source, enum: EnumDescriptorProto, path: Path, within: str) -> Iterator[str]:
    yield from (f"## {within}{enum.name}", "", source.paragraphs(*path), "")
    yield from ("| value | number | |", "| --- | ---: | --- |")
    for index, value in enumerate(enum.value):
        yield f"| `{value.name}` | {value.number} | {source.said(*path, _MEMBER, index)} |"
    yield ""


def reasons(source: Source) -> Iterator[tuple[str, str]]:
    """Every error reason with its comment."""
    (number, enum) = next((at, enum) for at, enum in enumerate(source.file.enum_type) if enum.name == "Reason")
    for index, value in enumerate(enum.value):
        if value.number:
            yield value.name.removeprefix("REASON_"), source.said(_ENUM, number, _MEMBER, index)


def contract() -> list[Source]:
    """The protos of this repository, with comments."""
    return sources(protoc.image(source_info=True).file)
