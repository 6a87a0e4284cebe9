"""Runs protoc over protos/, with foreign protos taken from the installed wheels as descriptors."""

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import grpc_tools
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from google.rpc import code_pb2, error_details_pb2, status_pb2
from protovalidate import ViolationPb

ROOT = Path(__file__).resolve().parent.parent
PROTOS = ROOT / "protos"
VALIDATE = "buf/validate/validate.proto"
WELL_KNOWN = Path(grpc_tools.__file__).parent / "_proto"


class ProtocError(Exception):
    """protoc refused its input; the message is what it printed."""


def foreign_descriptors() -> FileDescriptorSet:
    """The protos that ours import and that neither this repository nor protoc carries."""
    serialized = [
        ViolationPb.desc().file.proto.to_binary(),
        status_pb2.DESCRIPTOR.serialized_pb,
        code_pb2.DESCRIPTOR.serialized_pb,
        error_details_pb2.DESCRIPTOR.serialized_pb,
    ]
    return FileDescriptorSet(file=[FileDescriptorProto.FromString(data) for data in serialized])


def sources(root: Path = PROTOS) -> list[str]:
    """Our protos as paths below `root`, in a fixed order."""
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*.proto"))


def run(options: Sequence[str], files: Sequence[str], root: Path = PROTOS) -> None:
    """Run protoc on `files`.

    Raises:
        ProtocError: protoc refused them.
    """
    with tempfile.TemporaryDirectory() as folder:
        foreign = Path(folder) / "foreign.binpb"
        foreign.write_bytes(foreign_descriptors().SerializeToString())
        command = [sys.executable, "-m", "grpc_tools.protoc", f"--descriptor_set_in={foreign}"]
        command += [f"-I{root}", f"-I{WELL_KNOWN}", *options, *files]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ProtocError(done.stderr.strip())


def write_image(out: Path, root: Path = PROTOS, *, source_info: bool = True) -> None:
    """Write the descriptors of the protos below `root`, and of all that they import, to `out`."""
    options = ["--include_imports", f"--descriptor_set_out={out}"]
    run([*options, "--include_source_info"] if source_info else options, sources(root), root)


def image(root: Path = PROTOS, *, source_info: bool = False) -> FileDescriptorSet:
    """The same image as a value, without positions and comments unless asked for."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "image.binpb"
        write_image(out, root, source_info=source_info)
        return FileDescriptorSet.FromString(out.read_bytes())
