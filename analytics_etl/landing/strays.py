"""Strays: files and folders of the landing folder that belong to no table, so that nothing reads them."""

import os
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import chain, islice
from pathlib import Path

from analytics_etl.landing.files import is_unfinished

MOST_LOOKED_AT = 10_000
"""Most entries read of one folder: a million files may lie directly below the landing folder."""

_OF_FILE_SYSTEMS = {"lost+found"}


@dataclass(frozen=True)
class Stray:
    """A file or folder that belongs to no table."""

    path: str
    """Relative to the landing folder."""
    is_folder: bool
    meant: str | None
    """The table that the name probably means, without its schema."""


def strays(landing: Path, tables: AbstractSet[str]) -> list[Stray]:
    """The strays directly below the landing folder, or in a folder of it that is named like no table, sorted by path.

    `tables` are the names of all tables without their schema. Empty folders are no strays. A landing folder that is
    missing or cannot be listed has none.
    """
    found = [
        stray
        for entry in _entries(landing)
        if entry.name not in tables and entry.name not in _OF_FILE_SYSTEMS
        for stray in _strays(entry, tables)
    ]
    return sorted(found, key=lambda stray: stray.path)


def _strays(entry: "os.DirEntry[str]", tables: AbstractSet[str]) -> Iterator[Stray]:
    """The entry itself or, if it looks like the folder of a family, the folders in it that are named like tables."""
    meant = _meant(entry.name, tables)
    if not entry.is_dir(follow_symlinks=False):
        yield Stray(entry.name, is_folder=False, meant=meant)
        return
    inner = list(_entries(Path(entry.path)))
    folders = [below.name for below in inner if below.is_dir(follow_symlinks=False)]
    of_tables = {name: table for name in folders if (table := _meant(name, tables))}
    if (meant is None and of_tables) or not tables.isdisjoint(folders):
        for name, table in of_tables.items():
            if any(_entries(Path(entry.path, name))):
                yield Stray(f"{entry.name}/{name}", is_folder=True, meant=table)
    elif inner or not os.access(entry.path, os.R_OK):
        yield Stray(entry.name, is_folder=True, meant=meant)


def _entries(folder: Path) -> Iterator["os.DirEntry[str]"]:
    """The entries of a folder, at most MOST_LOOKED_AT, without hidden and unfinished files."""
    try:
        with os.scandir(folder) as scanned:
            yield from islice((entry for entry in scanned if not is_unfinished(entry.name)), MOST_LOOKED_AT)
    except (FileNotFoundError, NotADirectoryError, PermissionError):  # doctor reports missing permissions
        return


def _meant(name: str, tables: AbstractSet[str]) -> str | None:
    """The table that a name is most like: `usage.schema_usage_events`, `download_event`, `download_events.ndjson`."""
    parts = (name, *name.split("."))
    exact = (part for part in parts if part in tables)
    alike = (table for part in parts for table in get_close_matches(part.lower(), tables, 1))
    return next(chain(exact, alike), None)
