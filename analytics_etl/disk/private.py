"""Folders and files that hold events, reports or logs: nobody else may read them, unless whoever runs us says so.

A top folder (landing, reports, archive, temporary files) that is missing is made for its user alone. What is made below
it is as open as the folder it is made in: so a folder that was there before says how open everything in it is.
"""

import os
from functools import partial
from pathlib import Path
from typing import IO, Any

_ALONE = 0o700
_PASSABLE = 0o711
"""Of folders above the top ones, when root makes them: the embedded server's user passes through, and reads nothing."""


def make_folder(folder: Path, top: Path) -> None:
    """Make a folder, which is `top` or lies below it, and all that leads to it, as far as they are missing."""
    make_way(top.parent)
    _make(top, _ALONE)
    for path in [path for path in reversed(folder.parents) if path.is_relative_to(top) and path != top] + [folder]:
        _make(path, _mode(path.parent))


def make_way(folder: Path) -> None:
    """Make a folder that top folders lie in, and its parents, as far as they are missing."""
    for path in (*reversed(folder.parents), folder):
        if os.geteuid() == 0:
            if _make(path, _PASSABLE):
                path.chmod(_PASSABLE)  # whatever the umask says
        else:
            _make(path, _ALONE)


def create(path: Path, mode: str = "w", **options: Any) -> IO[Any]:
    """Open a new file for writing, as open as its folder is."""
    opener = partial(_open, permissions_in(path.parent))
    return open(path, mode, opener=opener, **options)


def permissions_in(folder: Path) -> int:
    """Of a new file in a folder: as open as that is."""
    return _mode(folder) & 0o666


def _open(permissions: int, path: str, flags: int) -> int:
    return os.open(path, flags, permissions)


def _make(path: Path, mode: int) -> bool:
    """Whether the folder was missing."""
    if path.is_dir():
        return False
    try:
        path.mkdir(mode)
    except FileExistsError:
        return False
    return True


def _mode(folder: Path) -> int:
    return folder.stat().st_mode & 0o777
