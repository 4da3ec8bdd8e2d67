"""What lies in the landing zone: the listing. Opens no file, and knows no contract and no database."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

FORMATS = {".ndjson": "ndjson", ".jsonl": "ndjson", ".json": "ndjson", ".csv": "csv", ".parquet": "parquet"}
COMPRESSIONS = {".gz": "gzip", ".zst": "zstd"}

_DATE = re.compile("([0-9]{4})-?([0-9]{2})-?([0-9]{2})")
"""As the checks of files look for it."""


@dataclass(frozen=True)
class LandingFile:
    """One file below `landing/<table>/`."""

    path: str
    """Relative to the landing folder, with forward slashes."""
    landing_dir: Path
    size_bytes: int
    modified_at: datetime
    file_format: str | None
    compression: str | None
    source: str | None
    """Name of the source mapping, for a file below `landing/<table>/<source>/`."""
    problem: str | None = None
    """Why it cannot be read at all, when that shows from outside."""

    @property
    def absolute(self) -> Path:
        return self.landing_dir / self.path

    @property
    def named_day(self) -> date | None:
        """The first date in its path, as in `2025-03-31.ndjson` or `20250331/a.csv`; None without one."""
        found = _DATE.search(self.path)
        try:
            return None if found is None else date(*map(int, found.groups()))
        except ValueError:  # digits like a date's, but no such day
            return None


def list_files(landing_dir: Path, table: str, sources: frozenset[str]) -> list[LandingFile]:
    """Every file below the table's folder, sorted by path. Names that begin with . or _ or end in .tmp or .part are
    work in progress of whoever writes them and are passed over.
    """
    entries = sorted(_entries(str(landing_dir / table), (table,)), key=lambda found: found[1])
    listed = (_landing_file(landing_dir, entry, parts, sources) for entry, parts in entries)
    return [file for file in listed if file is not None]


def _entries(folder: str, above: tuple[str, ...]) -> Iterator[tuple["os.DirEntry[str]", tuple[str, ...]]]:
    """Everything below a folder with the parts of its path, except work in progress; links are not followed.

    Years of hourly files are listed every minute, which pathlib would take seconds for.
    """
    try:
        scanned = os.scandir(folder)
    except (FileNotFoundError, NotADirectoryError):  # between two looks; or there is nothing yet
        return
    with scanned:
        for entry in scanned:
            if entry.name.startswith((".", "_")) or entry.name.endswith((".tmp", ".part")):
                continue
            parts = (*above, entry.name)
            yield entry, parts
            if entry.is_dir(follow_symlinks=False):
                yield from _entries(entry.path, parts)


def _landing_file(
    landing_dir: Path, entry: "os.DirEntry[str]", parts: tuple[str, ...], sources: frozenset[str]
) -> LandingFile | None:
    """What the listing says of an entry; None for an ordinary folder, and for what has just been taken away."""
    stem, compression = _strip(entry.name.lower(), COMPRESSIONS)
    _, file_format = _strip(stem, FORMATS)
    if entry.is_dir():
        if file_format is None:
            return None
        problem: str | None = "is a directory named like a file; expected a file"
    elif not entry.is_file():
        problem = "is no regular file (or a link to nothing)"
    elif file_format is None:
        problem = f"has an unknown ending; expected {', '.join(FORMATS)}, alone or with {' or '.join(COMPRESSIONS)}"
    else:
        problem = None
    try:
        status = entry.stat(follow_symlinks=problem is None)
    except FileNotFoundError:  # between the listing and here
        return None
    return LandingFile(
        path="/".join(parts),
        landing_dir=landing_dir,
        size_bytes=0 if problem else status.st_size,
        modified_at=datetime.fromtimestamp(status.st_mtime, UTC),
        file_format=file_format,
        compression=compression,
        source=parts[1] if len(parts) > 2 and parts[1] in sources else None,  # noqa: PLR2004 - table, source, file
        problem=problem,
    )


def _strip(name: str, endings: dict[str, str]) -> tuple[str, str | None]:
    for ending, meaning in endings.items():
        if name.endswith(ending):
            return name.removesuffix(ending), meaning
    return name, None
