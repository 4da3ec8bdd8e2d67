"""How much a version may be and cost, and which names its files may have."""

from collections.abc import Iterator
from dataclasses import dataclass

from analytics_etl.schemas.values import Fault, Version

_MIB = 1 << 20
_LONGEST_NAME = 1000
_LONGEST_PART = 255
"""What file systems take as a name."""


@dataclass(frozen=True)
class Limits:
    """What reading one version may use. protoc needs about 150 bytes of memory for a byte of source."""

    source_bytes: int = 4 * _MIB
    files: int = 10_000
    memory_bytes: int = 1024 * _MIB
    cpu_seconds: int = 10
    seconds: int = 30
    written_bytes: int = 64 * _MIB
    """Of each file that a parser writes."""


def faults_of_files(version: Version, limits: Limits) -> Iterator[Fault]:
    """What is wrong with names and sizes; a version with any is not given to a parser."""
    if not version.files:
        yield Fault("the version has no files")
    files = {**version.others, **version.files}
    if len(files) > limits.files:
        yield Fault(f"{len(files):,} files, expected at most {limits.files:,}")
        return
    size = 0
    for path, text in files.items():
        if wrong := _wrong_name(path):
            yield Fault(f"{path[:_LONGEST_NAME]!r} is no name of a file in a version: {wrong}")
        size += len(text)  # characters; bytes are at least as many
        if size <= limits.source_bytes:
            try:
                size += len(text.encode()) - len(text)
            except UnicodeEncodeError:
                yield Fault("half of a surrogate pair is no text", path)
    if size > limits.source_bytes:
        yield Fault(f"{size:,} bytes of source, expected at most {limits.source_bytes:,}")


def _wrong_name(path: str) -> str | None:
    """Why a path could name something outside the version, or be taken for an option of a program."""
    parts = path.split("/")
    if len(path) > _LONGEST_NAME or any(len(part.encode(errors="replace")) > _LONGEST_PART for part in parts):
        return "it is too long"
    if not path.isprintable() or "\\" in path or ":" in path:
        return "it has a control character, a backslash or a colon"
    if any(part in {"", ".", ".."} for part in parts):
        return "it is absolute, or has a part that is empty, . or .."
    if path.startswith(("-", "@")):
        return "it begins like an option of a program"
    return None
