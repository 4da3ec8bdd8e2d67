"""What lies in the landing zone: the listing, and how a file of it is opened. Knows no contract and no database.

Whatever lies there is somebody else's: a name, a link or a folder that is not as it should be becomes a file with a
problem, and is never opened.
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

FORMATS = {".ndjson": "ndjson", ".jsonl": "ndjson", ".json": "ndjson", ".csv": "csv", ".parquet": "parquet"}
COMPRESSIONS = {".gz": "gzip", ".zst": "zstd"}

_DATE = re.compile("([0-9]{4})-?([0-9]{2})-?([0-9]{2})")
"""As the checks of files look for it."""

_LEAVES = "is a link that leaves the landing folder, which is not followed; put the file itself there"
_IRREGULAR = "is no regular file"
_LATEST = datetime(9999, 12, 31, tzinfo=UTC)
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class LandingFile:
    """One file below `landing/<table>/`."""

    path: str
    """Relative to the landing folder, with forward slashes, as `names.ledger_path` writes it."""
    landing_dir: Path
    """The landing folder it lies in."""
    size_bytes: int
    modified_at: datetime
    file_format: str | None
    compression: str | None
    source: str | None
    """Name of the source mapping, for a file below `landing/<table>/<source>/`."""
    problem: str | None = None
    """Why it cannot be read at all, when that shows from outside."""
    is_closed_folder: bool = False
    """A folder that cannot be listed: nobody knows what it holds."""
    name: str | None = None
    """Its path as the file system has it, where `path` is another."""

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
        """Its bytes. Raises OSError unless a regular file inside the landing folder stands there now, whatever the
        listing said: nothing is followed on the way, but a link that has been found to stay inside.
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


def said(error: Exception) -> str:
    """What an error says, without the path that the ledger has beside it."""
    if isinstance(error, FileNotFoundError):
        return "was there when the folder was listed and is gone"
    if isinstance(error, PermissionError) and error.errno == errno.EACCES:
        return f"{error.strerror}; let the user that loads read it"
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def list_files(landing: Path | Sequence[Path], table: str, sources: frozenset[str]) -> list[LandingFile]:
    """Every file below the table's folder, sorted by path. Names that begin with . or _ or end in .tmp or .part are
    work in progress of whoever writes them and are passed over.

    Several landing folders are listed as one; of files with the same path that of the first folder counts.

    A link to a file inside the landing folder is read; one that leaves it is a file with a problem. Links to folders
    are passed over. A folder that cannot be listed is one entry, with a problem.
    """
    found: dict[tuple[str, ...], LandingFile] = {}
    for folder in [landing] if isinstance(landing, Path) else landing:
        for entry in _entries(str(folder / table), table, os.path.realpath(folder)):
            if entry.parts not in found:
                found[entry.parts] = _landing_file(folder, entry, sources)
    return [file for _, file in sorted(found.items())]


def is_unfinished(name: str) -> bool:
    """Whether whoever writes a file or folder of this name is still at work, or it is none of events."""
    return name.startswith((".", "_")) or name.endswith((".tmp", ".part"))


def is_place_there(landing: Sequence[Path], path: str) -> bool:
    """Whether it can be said if a file is gone: the landing folder of its table is there (it may not be mounted), or
    the very folder it lies in, in one of the other landing folders.
    """
    table, _, _ = path.partition("/")
    folders = [landing[0] / table, *((top / path).parent for top in landing[1:])]
    return any(os.path.isdir(folder) for folder in folders)  # noqa: PTH112 - Path.is_dir() raises below a closed folder


def hidden_file(closed: Iterable[LandingFile], path: str) -> LandingFile | None:
    """A file that was read before and now lies in one of some closed folders; None for one that does not."""
    folder = next((folder for folder in closed if path.startswith(f"{folder.path}/")), None)
    return folder and replace(
        folder, path=path, name=None, is_closed_folder=False, problem=f"cannot be read: {folder.path} {folder.problem}"
    )


@dataclass
class _Entry:
    """Something found in a folder."""

    parts: tuple[str, ...]
    status: os.stat_result | None
    """None when nothing could be found out."""
    problem: str | None = None
    is_folder: bool = False


def _entries(folder: str, table: str, root: str) -> Iterator[_Entry]:
    """Everything below a folder that is a file, or stands for one, except work in progress.

    Years of hourly files are listed every minute, which pathlib would take seconds for.
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
        except (FileNotFoundError, NotADirectoryError):  # between two looks; or there is nothing yet
            pass
        except OSError as error:
            problem = f"is a folder that cannot be read ({error.strerror}); let the user that loads read and enter it"
            yield _Entry(parts, None, problem, is_folder=True)


def _look(entry: "os.DirEntry[str]", parts: tuple[str, ...], root: str) -> _Entry | None:
    """What an entry is; None for what is passed over, or has just been taken away."""
    try:
        status = entry.stat(follow_symlinks=False)
        if stat.S_ISLNK(status.st_mode):
            return _link(entry.path, parts, status, root)
    except FileNotFoundError:  # between the listing and here
        return None
    except OSError as error:
        if entry.is_dir(follow_symlinks=False):
            return _Entry(parts, None, is_folder=True)
        return _Entry(parts, None, f"cannot be looked at ({error.strerror}); let the user that loads enter its folder")
    return _of_mode(parts, status)


def _link(path: str, parts: tuple[str, ...], status: os.stat_result, root: str) -> _Entry | None:
    """What a link stands for."""
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
    """What the listing says of an entry."""
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
    """A file's time, which anybody may set to anything, as one that there is."""
    try:
        return min(datetime.fromtimestamp(timestamp, UTC), _LATEST)
    except (ValueError, OverflowError, OSError):
        return _LATEST if timestamp > 0 else _NEVER


def _open_below(root: Path | str, path: str) -> int:
    """Open a path below a folder, following no link on the way. A descriptor; raises OSError."""
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    *above, name = path.split("/")
    try:
        for part in above:
            inner = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
            os.close(folder)
            folder = inner
        # Not to block, should a FIFO stand there now.
        return os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    finally:
        os.close(folder)


def _is_inside(path: str, root: str) -> bool:
    """Whether a resolved path lies below a resolved folder."""
    return path.startswith(root.rstrip("/") + "/")


def _format(name: str) -> tuple[str | None, str | None]:
    """(format, compression) as a file's name tells them."""
    stem, compression = _strip(name.lower(), COMPRESSIONS)
    return _strip(stem, FORMATS)[1], compression


def _strip(name: str, endings: dict[str, str]) -> tuple[str, str | None]:
    for ending, meaning in endings.items():
        if name.endswith(ending):
            return name.removesuffix(ending), meaning
    return name, None
