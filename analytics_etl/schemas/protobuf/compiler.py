"""protoc: source -> descriptors with source positions, or faults. Runs inside the calling process.

A hostile schema can make protoc abort or use all memory, so only the limited process of a version calls it (`worker`).
Files are written below the current folder, which must be empty and private.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import files as files_of_distribution
from itertools import islice
from pathlib import Path, PurePosixPath

from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from grpc_tools import protoc

from analytics_etl.schemas.values import Fault

_SOURCES, _OTHERS, _DESCRIPTORS, _MESSAGES = "sources", "others", "descriptors", "messages"
_NOT_A_FILE = ": File not found."
_STDERR = 2
_MOST_FAULTS, _LONGEST_TEXT = 100, 500


@dataclass(frozen=True)
class Compiled:
    """The descriptors of a version's own files by path; none if there are faults."""

    files: Mapping[str, FileDescriptorProto]
    faults: tuple[Fault, ...] = ()
    missing: tuple[str, ...] = ()
    """Imports that are neither in the version nor supplied."""


@cache
def supplied_folders() -> Mapping[str, Path]:
    """Folder in an import's name -> folder on the disk: the well-known types and googleapis, from their packages.

    Only these folders are mapped, so an import cannot read what else is installed.
    """
    found = {}
    for distribution, prefix in (("grpcio-tools", "grpc_tools/_proto/"), ("googleapis-common-protos", "")):
        for file in files_of_distribution(distribution) or ():
            if file.suffix == ".proto":
                name = PurePosixPath(str(file).removeprefix(prefix)).parent
                found[str(name)] = Path(str(file.locate())).parent
    return found


def compile_files(sources: Mapping[str, str], others: Mapping[str, str]) -> Compiled:
    """Descriptors of all files; the names must have been judged (`limits`). Others may be imported."""
    for top, files in ((_SOURCES, sources), (_OTHERS, others)):
        Path(top).mkdir(exist_ok=True)
        for path, text in files.items():
            target = Path(top, path)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(text.encode())
    folders = [f"-I{name}={folder}" for name, folder in supplied_folders().items()]
    options = [
        "--include_source_info",
        f"-I{_SOURCES}",
        f"-I{_OTHERS}",
        *folders,
        f"--descriptor_set_out={_DESCRIPTORS}",
    ]
    is_compiled, messages = _run(["protoc", *options, *sources])
    if is_compiled:
        found = FileDescriptorSet.FromString(Path(_DESCRIPTORS).read_bytes())
        return Compiled({file.name: file for file in found.file if file.name in sources})
    missing = tuple(dict.fromkeys(line.removesuffix(_NOT_A_FILE) for line in messages if line.endswith(_NOT_A_FILE)))
    return Compiled({}, tuple(islice(_faults(messages), _MOST_FAULTS)), missing)


def _run(arguments: list[str]) -> tuple[bool, list[str]]:
    """Run protoc; return whether it succeeded, and what it said on standard error."""
    saved = os.dup(_STDERR)
    descriptor = os.open(_MESSAGES, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(descriptor, _STDERR)
    try:
        code = protoc.main(arguments)
    finally:
        os.dup2(saved, _STDERR)
        os.close(saved)
        os.close(descriptor)
    return code == 0, Path(_MESSAGES).read_text(encoding="utf-8", errors="replace").splitlines()


def _faults(messages: list[str]) -> Iterator[Fault]:
    """The errors among protoc's messages: `path:line:column: text`, `path: text` or `text`."""
    for message in dict.fromkeys(message for message in messages if not _is_log(message)):
        place, _, text = message.partition(": ")
        path, *position = place.removeprefix(f"{_SOURCES}/").removeprefix(f"{_OTHERS}/").split(":")
        if text.startswith("warning: "):
            continue
        text = text[:_LONGEST_TEXT]
        if message.endswith(_NOT_A_FILE):
            yield Fault(
                f"the import {path[:_LONGEST_TEXT]} is missing: it is not in the version, and no well-known file"
            )
        elif len(position) == 2 and all(part.isdecimal() for part in position):  # noqa: PLR2004 - line and column
            yield Fault(text, path, int(position[0]), int(position[1]))
        elif text and " " not in path:
            yield Fault(text, path)
        else:
            yield Fault(message[:_LONGEST_TEXT])


def _is_log(message: str) -> bool:
    """Whether a line is of protoc's log: `W1130 10:05:…`, and a line that says where the log goes."""
    return message.startswith("WARNING: All log messages") or (message[:1] in set("IWE") and message[1:5].isdecimal())
