"""Permissions of folders and files that hold events, reports or logs: private, unless the operator opens a folder.

A missing top folder (landing, reports, archive, temporary files) is made for its user alone. Everything below it gets
the permissions of the folder it is made in. So the permissions of an existing folder apply to all that is made in it.
"""

import os
from functools import partial
from pathlib import Path
from typing import IO, Any

_ALONE = 0o700
_PASSABLE = 0o711
"""Mode of folders above top folders, made by root: the embedded server's user can pass through, but not list them."""


def make_folder(folder: Path, top: Path) -> None:
    """Make a folder, which is `top` or lies below it, and its missing parents."""
    make_way(top.parent)
    _make(top, _ALONE)
    for path in [path for path in reversed(folder.parents) if path.is_relative_to(top) and path != top] + [folder]:
        _make(path, _mode(path.parent))


def make_way(folder: Path) -> None:
    """Make a folder above top folders and its missing parents."""
    for path in (*reversed(folder.parents), folder):
        if os.geteuid() == 0:
            if _make(path, _PASSABLE):
                path.chmod(_PASSABLE)  # whatever the umask says
        else:
            _make(path, _ALONE)


def create(path: Path, mode: str = "w", **options: Any) -> IO[Any]:
    """Open a new file for writing, with the permissions of its folder."""
    opener = partial(_open, permissions_in(path.parent))
    return open(path, mode, opener=opener, **options)


def permissions_in(folder: Path) -> int:
    """The mode of a new file: its folder's, without execution."""
    return _mode(folder) & 0o666


def _open(permissions: int, path: str, flags: int) -> int:
    return os.open(path, flags, permissions)


def _make(path: Path, mode: int) -> bool:
    """Make a folder if it is missing; return whether it was."""
    if path.is_dir():
        return False
    try:
        path.mkdir(mode)
    except FileExistsError:
        return False
    return True


def _mode(folder: Path) -> int:
    return folder.stat().st_mode & 0o777
