"""Versions of schemas in folders: a folder for each version, or the layout of an Iglu registry."""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from analytics_etl.pipeline.schema_check import SUFFIXES
from analytics_etl.schemas import Format, Limits

_MODEL = re.compile(r"\d+-\d+-\d+")
"""A version in an Iglu registry: model, revision, addition."""
_IGLU = "jsonschema"


class ImportRefusedError(Exception):
    """What was asked for cannot be imported; the message says why, and what was expected."""


class _UnusableError(Exception):
    """A version cannot be used; the message says why."""


@dataclass(frozen=True)
class Source:
    """The files of a version, {path: text}."""

    files: dict[str, str]
    problem: str | None = None
    """What is wrong with them."""
    too_large_bytes: int | None = None
    """Size of a source that is too large to be read; its files are left out."""


@dataclass(frozen=True)
class FoundVersion:
    """A version as it was found."""

    module: str
    version: str
    format: Format
    source: Source
    published_at: datetime | None = None
    """The time of its tag or commit."""
    previous: str | None = None

    @property
    def name(self) -> str:
        return f"{self.module} {self.version}"


def is_iglu(path: Path) -> bool:
    """Whether a folder is laid out as `vendor/name/jsonschema/MODEL-REVISION-ADDITION`."""
    return next(_iglu_files(path), None) is not None


def versions_in_folder(path: Path, module: str, format_: Format | None) -> Iterator[FoundVersion]:
    """The versions of a folder with a folder for each, in the order of their numbers."""
    folders = sorted((each for each in path.iterdir() if _is_visible(each) and each.is_dir()), key=by_number)
    found = format_ or _one_format(path, folders)
    suffix = suffix_of(found)
    with_files = [folder for folder in folders if next(_files(folder, suffix), None) is not None]
    if not with_files:
        raise ImportRefusedError(
            f"{path} has no folder with {suffix} files, expected one for each version: {path.name}/1.0.0/…{suffix}"
        )
    for before, folder in pairwise([None, *with_files]):
        assert folder is not None
        source = _source(path, [(str(f.relative_to(folder)), f) for f in _files(folder, suffix)])
        yield FoundVersion(module, folder.name, found, source, previous=None if before is None else before.name)


def versions_of_iglu(path: Path) -> Iterator[FoundVersion]:
    """The versions of an Iglu registry; its schemas are modules of one file each, named vendor/name."""
    files = sorted(_iglu_files(path), key=lambda file: (file.parts[:-1], [int(n) for n in file.name.split("-")]))
    for before, file in pairwise([None, *files]):
        assert file is not None
        vendor, name = file.parts[-4:-2]
        source = _source(path, [(f"{name}.json", file)])
        previous = before.name if before is not None and before.parent == file.parent else None
        yield FoundVersion(f"{vendor}/{name}", file.name, Format.JSON_SCHEMA, source, previous=previous)


def suffix_of(format_: Format) -> str:
    return next(suffix for suffix, known in SUFFIXES.items() if known is format_)


def by_number(path: Path | str) -> list[tuple[int, int, str]]:
    """A key that sorts 1.10 behind 1.9, and 1.0 behind 1.0-rc1."""
    name = path if isinstance(path, str) else path.name
    main, _, rest = re.sub(r"^v(?=\d)", "", name).partition("-")
    parts = [(1, int(part), "") if part.isdigit() else (2, 0, part) for part in re.findall(r"\d+|[^\d.]+", main)]
    end = [(0, 0, ""), *((1, int(p), "") if p.isdigit() else (2, 0, p) for p in re.findall(r"\d+|[^\d.]+", rest))]
    return [*parts, *(end if rest else [(1, -1, "")])]


def _iglu_files(path: Path) -> Iterator[Path]:
    return (file for file in path.glob(f"*/*/{_IGLU}/*") if _MODEL.fullmatch(file.name) and file.is_file())


def _files(folder: Path, suffix: str) -> Iterator[Path]:
    """The schema files below a folder, in order. Hidden ones are left out, and links to folders are not followed."""
    for top, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(top) / name for name in sorted(names) if name.endswith(suffix) and not name.startswith("."))


def _one_format(path: Path, folders: Sequence[Path]) -> Format:
    found = {f for suffix, f in SUFFIXES.items() if any(next(_files(each, suffix), None) for each in folders)}
    if len(found) != 1:
        what = "files of several formats" if found else "no folder with a .proto, .avsc or .json file"
        wanted = "name one: --schema-format" if found else f"expected one for each version: {path.name}/1.0.0/…"
        raise ImportRefusedError(f"{path} has {what}; {wanted}")
    return found.pop()


def _source(top: Path, files: Sequence[tuple[str, Path]]) -> Source:
    """The files of a version, and what is wrong with them."""
    if len(files) > Limits().files:
        return Source({}, f"has {len(files):,} files, expected at most {Limits().files:,}")
    try:
        size = sum(_checked_size(top, name, file) for name, file in files)
        if size > Limits().source_bytes:
            return Source({}, too_large_bytes=size)
        return Source({name.replace(os.sep, "/"): _text(name, file.read_bytes()) for name, file in files})
    except _UnusableError as problem:
        return Source({}, str(problem))
    except OSError as error:
        return Source({}, f"{error.filename} cannot be read: {error.strerror}")


def _checked_size(top: Path, name: str, file: Path) -> int:
    """The bytes of a file. Nothing outside of the folder is read."""
    if not file.resolve().is_relative_to(top.resolve()):
        raise _UnusableError(f"{name} is a link that leaves {top}")
    if not file.is_file():
        raise _UnusableError(f"{name} is no file")
    return file.stat().st_size


def _text(name: str, content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise _UnusableError(f"{name} is not UTF-8: byte {error.start:,} cannot be read") from error


def _is_visible(path: Path) -> bool:
    return not path.name.startswith(".")
