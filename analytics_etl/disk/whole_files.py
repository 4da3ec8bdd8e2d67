"""Files that appear complete or not at all: written as `.<name>.<process>.part` beside their place and renamed.

The writer holds a lock on the part. A part without a lock is a leftover of a full disk, a kill or a power cut. Process
numbers would not show that, since containers have numbers of their own.
"""

import fcntl
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from analytics_etl.disk import private


@contextmanager
def whole_file(path: Path, top: Path, *, is_tidy: bool = False) -> Iterator[Path]:
    """A path to write to: renamed to `path` if the block succeeds, else removed.

    Makes missing folders from `top` on. Removes leftovers of the same file, unless the caller has removed those of the
    folder, which is tidy then: to look for them takes the longer the more files there are.
    """
    private.make_folder(path.parent, top)
    if not is_tidy:
        remove_leftovers(path.parent, path.name)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    descriptor = locked_part(part, private.permissions_in(path.parent))
    try:
        yield part
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)


def remove_leftovers(folder: Path, name: str | None = None) -> None:
    """Remove the leftover parts in a folder: of one file, or of all files if only this program writes there."""
    pattern = re.compile(rf"\.{'.+' if name is None else re.escape(name)}\.[0-9]+\.part")
    with os.scandir(folder) as entries:
        found = [entry.path for entry in entries if pattern.fullmatch(entry.name)]
    for part in found:
        _remove_unless_written(part)


def locked_part(part: Path, permissions: int) -> int:
    """Make and lock a part; try again if another process removed it as a leftover before it was locked."""
    while True:
        descriptor = os.open(part, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, permissions)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if _is_there(part, descriptor):
            os.ftruncate(descriptor, 0)
            return descriptor
        os.close(descriptor)


def _remove_unless_written(part: str) -> None:
    try:
        descriptor = os.open(part, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:  # renamed meanwhile, another user's, or no file
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if stat.S_ISREG(os.fstat(descriptor).st_mode) and _is_there(Path(part), descriptor):
            os.unlink(part)  # noqa: PTH108 - the path is a text
    except (BlockingIOError, PermissionError):
        pass
    finally:
        os.close(descriptor)


def _is_there(path: Path, descriptor: int) -> bool:
    """Whether the path still names the open file."""
    try:
        return os.path.samestat(path.lstat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
