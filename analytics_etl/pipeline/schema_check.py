"""What a version of a schema in a folder changes in another one, which is in a folder or registered.

Not here: what a change is (`schemas`).
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from analytics_etl.families.queries.registry_schemas import (
    Registered,
    Usage,
    files_that_provide,
    registered_version,
    usage_of,
    versions_before,
)
from analytics_etl.postgres.database import Database
from analytics_etl.schemas import Change, Comparison, Examination, Format, Limits, Parser, Version
from analytics_etl.schemas.imports import examine_with_imports

SUFFIXES = {".proto": Format.PROTOBUF, ".avsc": Format.AVRO, ".json": Format.JSON_SCHEMA}


@dataclass(frozen=True)
class CheckedUse:
    """What a version changes in a registered one, and who uses that one."""

    found: Examination
    old: Registered
    usage: Usage | None
    """None if no use of the module is known."""
    not_compared: tuple[str, ...] = ()
    """Older versions that it could not be compared with, each with the reason."""


class SchemaFolderError(Exception):
    """A folder does not hold a version of a schema; the message says what was expected."""


def compare_folders(new: Path, old: Path, format_: Format | None) -> Examination:
    """What is in the new version, and what it changes in the old one. Folders, or single files."""
    for path in (new, old):
        if not path.exists():
            raise SchemaFolderError(f"{path} does not exist, expected a folder or file of schemas")
    found = format_ or _format_of(new)
    with Parser(1) as parser:
        return parser.examine(read_version(new, found), read_version(old, found))


def compare_registered(
    database: Database, new: Path, module: str, format_: Format | None, older: Collection[str] = ()
) -> CheckedUse:
    """What the version in a folder changes in a registered one, `MODULE` (its newest) or `MODULE@VERSION`, and its use.

    Files of other modules that either imports are those of their newest versions. `older` are kinds of compatibility
    that must hold with the versions before as well: what breaks them there is added, with the version in its message.
    """
    if not new.exists():
        raise SchemaFolderError(f"{new} does not exist, expected a folder or file of schemas")
    old = registered_version(database, module)
    if old is None and "@" in module:
        name, _, version = module.rpartition("@")
        old = registered_version(database, name, version)
    if old is None:
        raise SchemaFolderError(
            f"{module} is no folder or file here, and no version of the registry; expected a path, MODULE or "
            "MODULE@VERSION, of a version in registry.module_catalog_daily"
        )
    found = read_version(new, format_ or old.source.format)
    if found.format is not old.source.format:
        raise SchemaFolderError(f"{module} is in {old.source.format}, but {new} is to be read as {found.format}")
    with Parser(1) as parser:
        find = partial(files_that_provide, database)
        examined = examine_with_imports(parser, find, found, old.source)
        comparison, obstacles = examined.comparison, list[str]()
        if older and comparison is not None and comparison.obstacle is None:
            for before in versions_before(database, old):
                earlier = examine_with_imports(parser, find, found, before.source).comparison or Comparison()
                comparison = _with_older(comparison, earlier, before.version, older)
                obstacles += [] if earlier.obstacle is None else [f"{before.version}: {earlier.obstacle}"]
    return CheckedUse(replace(examined, comparison=comparison), old, usage_of(database, old), tuple(obstacles))


def _with_older(newest: Comparison, older: Comparison, version: str, kinds: Collection[str]) -> Comparison:
    """A comparison with what breaks some kinds of compatibility with an older version, and is not in it yet."""
    known = {(change.element, change.rule) for change in newest.changes}
    more: list[Change] = [
        replace(change, message=f"{change.message} (against version {version})")
        for change in older.changes
        if set(kinds) & set(change.sets) and (change.element, change.rule) not in known
    ]
    return replace(newest, changes=(*newest.changes, *more))


def read_version(path: Path, format_: Format) -> Version:
    """The schema files of a folder by their paths in it, or a single file by its name. Hidden ones are left out."""
    (suffix,) = (suffix for suffix, known in SUFFIXES.items() if known is format_)
    files = {path.name: path} if path.is_file() else dict(_files(path, suffix))
    if not files:
        raise SchemaFolderError(f"{path} has no {suffix} file, expected a version in {format_}")
    size, most = sum(file.stat().st_size for file in files.values()), Limits().source_bytes
    if size > most:
        raise SchemaFolderError(f"{path} has {size:,} bytes of {suffix} files, expected at most {most:,}")
    return Version(format_, {name: _text(file) for name, file in files.items()})


def _files(folder: Path, suffix: str) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.rglob(f"*{suffix}")):
        name = path.relative_to(folder)
        if path.is_file() and not any(part.startswith(".") for part in name.parts):
            yield name.as_posix(), path


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise SchemaFolderError(f"{file} is not UTF-8: byte {error.start:,} cannot be read") from error


def _format_of(path: Path) -> Format:
    """The format by what files are called."""
    if path.is_file():
        suffixes = {path.suffix}
    else:
        suffixes = {suffix for suffix in SUFFIXES if next(_files(path, suffix), None) is not None}
    found = [SUFFIXES[suffix] for suffix in sorted(suffixes) if suffix in SUFFIXES]
    if len(found) != 1:
        what = "files of several formats" if found else "no .proto, .avsc or .json file"
        raise SchemaFolderError(f"{path} has {what}, expected one format; name it: --schema-format")
    return found[0]
