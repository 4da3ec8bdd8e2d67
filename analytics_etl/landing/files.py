"""Listing the files of the landing folders, and opening them. Knows no contract and no database.

The producers' files are not trusted: a bad name, link or folder becomes a file with a problem, which is never opened.
"""

import errno
import os
import re
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import BinaryIO

from analytics_etl.landing.names import ledger_path

FORMATS = {
    ".otlp.json": "otlp", ".otlp.jsonl": "otlp", ".ndjson": "ndjson", ".jsonl": "ndjson", ".json": "ndjson",
    ".csv": "csv", ".parquet": "parquet", ".prom": "prometheus", ".openmetrics": "openmetrics", ".statsd": "statsd",
}  # fmt: skip
"""{ending: format}; of two endings that fit the first counts."""
COMPRESSIONS = {".gz": "gzip", ".zst": "zstd"}

_DATE = re.compile("([0-9]{4})-?([0-9]{2})-?([0-9]{2})")
"""A date in a path. The checks of files use the same pattern."""

_LEAVES = "is a link that leaves the landing folder, which is not followed; put the file itself there"
_IRREGULAR = "is no regular file"
_LATEST = datetime(9999, 12, 31, tzinfo=UTC)
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class LandingFile:
    """One file below `landing/<table>/`."""

    path: str
    """Path in the ledger: relative to the landing folder, with forward slashes, escaped by `names.ledger_path`."""
    landing_dir: Path
    """The landing folder it lies in."""
    size_bytes: int
    modified_at: datetime
    file_format: str | None
    compression: str | None
    source: str | None
    """Name of the source mapping, for a file below `landing/<table>/<source>/`."""
    problem: str | None = None
    """Why the file is not opened at all; None for nearly all files."""
    is_closed_folder: bool = False
    """Whether this stands for a folder that cannot be listed."""
    name: str | None = None
    """Its path in the file system, if `path` differs from it."""

    @property
    def absolute(self) -> Path:
        return self.landing_dir / (self.name or self.path)

    @property
    def named_day(self) -> date | None:
        """The first date in its path, as in `2025-03-31.ndjson` or `20250331/a.csv`; None without one."""
        found = _DATE.search(self.path)
        try:
            return None if found is None else date(*map(int, found.groups()))
        except ValueError:  # digits like a date's, but no such day
            return None

    def open(self) -> BinaryIO:
        """The file, opened for reading. Raises OSError unless the path is now a regular file inside the landing folder.

        The file may have been replaced since the listing. So no link is followed, except one that was resolved and
        found to stay inside the landing folder.
        """
        try:
            descriptor = _open_below(self.landing_dir, self.name or self.path)
        except OSError as error:
            if error.errno not in (errno.ELOOP, errno.ENOTDIR, errno.EMLINK):
                raise
            root = os.path.realpath(self.landing_dir)
            target = os.path.realpath(self.absolute, strict=True)
            if not _is_inside(target, root):
                raise OSError(errno.EPERM, _LEAVES) from None
            descriptor = _open_below(root, os.path.relpath(target, root))
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise OSError(errno.EINVAL, _IRREGULAR)
        return os.fdopen(descriptor, "rb")


def reason_without_path(error: Exception) -> str:
    """The message of an error without the path, since the ledger has the path beside the reason."""
    if isinstance(error, FileNotFoundError):
        return "was there when the folder was listed and is gone"
    if isinstance(error, PermissionError) and error.errno == errno.EACCES:
        return f"{error.strerror}; let the user that loads read it"
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def list_files(landing: Path | Sequence[Path], table: str, sources: frozenset[str]) -> list[LandingFile]:
    """Every file below the table's folder, sorted by path. Skips names that mark unfinished files, see `is_unfinished`.

    Several landing folders are listed as one; of files with the same path the one in the first folder counts.

    A link to a file inside the landing folder is listed as that file; a link that leaves the folder is a file with a
    problem. Links to folders are skipped. A folder that cannot be listed is one entry with a problem.
    """
    found: dict[tuple[str, ...], LandingFile] = {}
    for folder in [landing] if isinstance(landing, Path) else landing:
        for entry in _entries(str(folder / table), table, os.path.realpath(folder)):
            if entry.parts not in found:
                found[entry.parts] = _landing_file(folder, entry, sources)
    return [file for _, file in sorted(found.items())]


def is_unfinished(name: str) -> bool:
    """Whether the name marks a file or folder that is still being written, or one that holds no events."""
    return name.startswith((".", "_")) or name.endswith((".tmp", ".part"))


def is_place_there(landing: Sequence[Path], path: str) -> bool:
    """Whether a missing file at this path counts as deleted: the folder it lay in may just not be mounted.

    In the first landing folder the folder of its table must be there, in another one the very folder of the file.
    """
    table, _, _ = path.partition("/")
    folders = [landing[0] / table, *((top / path).parent for top in landing[1:])]
    return any(os.path.isdir(folder) for folder in folders)  # noqa: PTH112 - Path.is_dir() raises below a closed folder


def hidden_file(closed: Iterable[LandingFile], path: str) -> LandingFile | None:
    """A file that was read before and now lies in a folder that cannot be listed; None if it lies in none of them."""
    folder = next((folder for folder in closed if path.startswith(f"{folder.path}/")), None)
    return folder and replace(
        folder, path=path, name=None, is_closed_folder=False, problem=f"cannot be read: {folder.path} {folder.problem}"
    )


@dataclass
class _Entry:
    """A file or folder found by the listing."""

    parts: tuple[str, ...]
    status: os.stat_result | None
    """None if it could not be read."""
    problem: str | None = None
    is_folder: bool = False


def _entries(folder: str, table: str, root: str) -> Iterator[_Entry]:
    """Every file below a folder, and every link or folder that is a problem; no unfinished files.

    Uses os.scandir, not pathlib: years of hourly files are listed every minute, and pathlib would take seconds.
    """
    folders: list[tuple[str, tuple[str, ...]]] = [(folder, (table,))]
    if os.path.islink(folder) and not _is_inside(os.path.realpath(folder), root):  # noqa: PTH114 - see above
        yield _Entry((table,), None, f"{_LEAVES}, or mount its folder", is_folder=True)
        return
    while folders:
        path, parts = folders.pop()
        try:
            with os.scandir(path) as scanned:
                for entry in scanned:
                    if is_unfinished(entry.name):
                        continue
                    found = _look(entry, (*parts, entry.name), root)
                    if found is None:
                        continue
                    if found.is_folder:
                        folders.append((entry.path, found.parts))
                    if not found.is_folder or found.problem:
                        yield _Entry(found.parts, found.status, found.problem)
        except (FileNotFoundError, NotADirectoryError):  # removed since its parent was listed, or not made yet
            pass
        except OSError as error:
            problem = f"is a folder that cannot be read ({error.strerror}); let the user that loads read and enter it"
            yield _Entry(parts, None, problem, is_folder=True)


def _look(entry: "os.DirEntry[str]", parts: tuple[str, ...], root: str) -> _Entry | None:
    """The entry of a directory entry; None for one that is skipped or was removed meanwhile."""
    try:
        status = entry.stat(follow_symlinks=False)
        if stat.S_ISLNK(status.st_mode):
            return _link(entry.path, parts, status, root)
    except FileNotFoundError:  # removed since the folder was listed
        return None
    except OSError as error:
        if entry.is_dir(follow_symlinks=False):
            return _Entry(parts, None, is_folder=True)
        return _Entry(parts, None, f"cannot be looked at ({error.strerror}); let the user that loads enter its folder")
    return _of_mode(parts, status)


def _link(path: str, parts: tuple[str, ...], status: os.stat_result, root: str) -> _Entry | None:
    """The entry of a link: its target's, or a problem; None for a link to a folder, which is skipped."""
    try:
        target = os.path.realpath(path, strict=True)
        of_target = os.stat(target)  # noqa: PTH116 - as above
    except FileNotFoundError:
        return _Entry(parts, status, "is a link to nothing; mend or remove it")
    except OSError as error:
        what = "to itself" if error.errno == errno.ELOOP else f"that cannot be followed ({error.strerror})"
        return _Entry(parts, status, f"is a link {what}; mend or remove it")
    if stat.S_ISDIR(of_target.st_mode):
        found = _of_mode(parts, of_target)
        return _Entry(parts, status, found.problem) if found.problem else None
    if not _is_inside(target, root):
        return _Entry(parts, status, _LEAVES)
    return _of_mode(parts, of_target)


def _of_mode(parts: tuple[str, ...], status: os.stat_result) -> _Entry:
    if stat.S_ISDIR(status.st_mode):
        is_like_a_file = _format(parts[-1])[0] is not None
        problem = "is a directory named like a file; expected a file" if is_like_a_file else None
        return _Entry(parts, status, problem, is_folder=True)
    return _Entry(parts, status, None if stat.S_ISREG(status.st_mode) else _IRREGULAR)


def _landing_file(landing_dir: Path, entry: _Entry, sources: frozenset[str]) -> LandingFile:
    """The listed file of an entry."""
    parts, status = entry.parts, entry.status
    name = "/".join(parts)
    path, of_path = ledger_path(name)
    file_format, compression = _format(parts[-1])
    problem = of_path or entry.problem
    if problem is None and file_format is None:
        problem = f"has an unknown ending; expected {', '.join(FORMATS)}, alone or with {' or '.join(COMPRESSIONS)}"
    return LandingFile(
        path=path,
        landing_dir=landing_dir,
        size_bytes=0 if problem or status is None else status.st_size,
        modified_at=_NEVER if status is None else _moment(status.st_mtime),
        file_format=file_format,
        compression=compression,
        source=parts[1] if len(parts) > 2 and parts[1] in sources else None,  # noqa: PLR2004 - table, source, file
        problem=problem,
        is_closed_folder=entry.is_folder,
        name=None if name == path else name,
    )


def _moment(timestamp: float) -> datetime:
    """A file's time, limited to the years 1970 to 9999: anybody may set it to anything."""
    try:
        return min(datetime.fromtimestamp(timestamp, UTC), _LATEST)
    except (ValueError, OverflowError, OSError):
        return _LATEST if timestamp > 0 else _NEVER


def _open_below(root: Path | str, path: str) -> int:
    """Open a path below a folder without following links; returns a descriptor, raises OSError."""
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    *above, name = path.split("/")
    try:
        for part in above:
            inner = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
            os.close(folder)
            folder = inner
        # O_NONBLOCK: opening a FIFO would wait for its writer.
        return os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    finally:
        os.close(folder)


def _is_inside(path: str, root: str) -> bool:
    """Whether a resolved path lies below a resolved folder."""
    return path.startswith(root.rstrip("/") + "/")


def _format(name: str) -> tuple[str | None, str | None]:
    """(format, compression) by the endings of a file's name."""
    stem, compression = _strip(name.lower(), COMPRESSIONS)
    return _strip(stem, FORMATS)[1], compression


def _strip(name: str, endings: dict[str, str]) -> tuple[str, str | None]:
    for ending, meaning in endings.items():
        if name.endswith(ending):
            return name.removesuffix(ending), meaning
    return name, None
