"""Files that appear whole or not at all: written beside their place, as `.<name>.<process>.part`, and moved there.

Whoever writes holds a lock on the part for as long, so that what a full disk, a kill or a power cut has left behind can
be told from what is being written, in whatever container.
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
def whole_file(path: Path, top: Path) -> Iterator[Path]:
    """A path to write to, which becomes `path` if the block succeeds and is removed if it does not. Parts of the same
    file that nobody is writing are removed. Folders from `top` on are made as far as they are missing.
    """
    private.make_folder(path.parent, top)
    remove_leftovers(path.parent, path.name)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    descriptor = _locked(part, private.permissions_in(path.parent))
    try:
        yield part
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)


def remove_leftovers(folder: Path, name: str | None = None) -> None:
    """Remove the parts in a folder that nobody is writing: of one file, or of all in a folder where only we write."""
    pattern = re.compile(rf"\.{'.+' if name is None else re.escape(name)}\.[0-9]+\.part")
    with os.scandir(folder) as entries:
        found = [entry.path for entry in entries if pattern.fullmatch(entry.name)]
    for part in found:
        _remove_unless_written(part)


def _locked(part: Path, permissions: int) -> int:
    """A new file of which we hold the lock; between making and locking it somebody may take it for a leftover."""
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
    except OSError:  # just moved to its place, another user's, or no file: not ours to remove
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if stat.S_ISREG(os.fstat(descriptor).st_mode) and _is_there(Path(part), descriptor):
            os.unlink(part)  # noqa: PTH108 - names are few, but text here
    except (BlockingIOError, PermissionError):
        pass
    finally:
        os.close(descriptor)


def _is_there(path: Path, descriptor: int) -> bool:
    """Whether an open file still has a name."""
    try:
        return os.path.samestat(path.lstat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
