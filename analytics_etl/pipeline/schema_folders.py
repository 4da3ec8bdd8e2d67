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
class FoundVersion:
    """A version as it was found, or why it cannot be used."""

    module: str
    version: str
    format: Format
    files: dict[str, str]
    registered_at: datetime | None = None
    previous: str | None = None
    problem: str | None = None

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
        files, problem = _texts(path, [(str(f.relative_to(folder)), f) for f in _files(folder, suffix)])
        yield FoundVersion(
            module, folder.name, found, files, previous=None if before is None else before.name, problem=problem
        )


def versions_of_iglu(path: Path) -> Iterator[FoundVersion]:
    """The versions of an Iglu registry; its schemas are modules of one file each, named vendor/name."""
    files = sorted(_iglu_files(path), key=lambda file: (file.parts[:-1], [int(n) for n in file.name.split("-")]))
    for before, file in pairwise([None, *files]):
        assert file is not None
        vendor, name = file.parts[-4:-2]
        texts, problem = _texts(path, [(f"{name}.json", file)])
        previous = before.name if before is not None and before.parent == file.parent else None
        yield FoundVersion(f"{vendor}/{name}", file.name, Format.JSON_SCHEMA, texts, None, previous, problem)


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


def _texts(top: Path, files: Sequence[tuple[str, Path]]) -> tuple[dict[str, str], str | None]:
    """{path: text} of files, and what is wrong with them."""
    try:
        return _read(top, files), None
    except _UnusableError as problem:
        return {}, str(problem)
    except OSError as error:
        return {}, f"{error.filename} cannot be read: {error.strerror}"


def _read(top: Path, files: Sequence[tuple[str, Path]]) -> dict[str, str]:
    """{path: text} of files. Nothing outside of the folder is read."""
    texts: dict[str, str] = {}
    size, limits = 0, Limits()
    if len(files) > limits.files:
        raise _UnusableError(f"has {len(files):,} files, expected at most {limits.files:,}")
    for name, file in files:
        if not file.resolve().is_relative_to(top.resolve()):
            raise _UnusableError(f"{name} is a link that leaves {top}")
        if not file.is_file():
            raise _UnusableError(f"{name} is no file")
        size += file.stat().st_size
        if size > limits.source_bytes:
            raise _UnusableError(f"has more than {limits.source_bytes:,} bytes of source")
        texts[name.replace(os.sep, "/")] = _text(name, file.read_bytes())
    return texts


def _text(name: str, content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise _UnusableError(f"{name} is not UTF-8: byte {error.start:,} cannot be read") from error


def _is_visible(path: Path) -> bool:
    return not path.name.startswith(".")
