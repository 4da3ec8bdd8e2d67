"""The folders of a server: made, private, and open to its user as far as needed."""

import contextlib
import logging
import os
import pwd
from pathlib import Path

from analytics_etl.embedded.server import PROGRAMS, EmbeddedServerError, Server

_ROOTS_HOME = Path(pwd.getpwuid(0).pw_dir)


def make_folders(server: Server) -> None:
    """Make the folders and open them to the server's user as far as needed."""
    for path in (server.folder, PROGRAMS):
        if set(str(path)) & set('"$`\\\n'):  # initdb and pg_ctl pass paths through a shell
            raise EmbeddedServerError(f'PostgreSQL cannot work in {path}: it must not contain any of " $ ` \\')
    user = server.user
    if user is not None:
        _open_way(server, user)
    server.folder.mkdir(parents=True, exist_ok=True)
    for path in (server.home, server.folder):
        if user is not None and not path.stat().st_mode & 0o001:
            path.chmod(path.stat().st_mode | 0o011)
    for path in (server.socket_dir, server.log.parent):
        with contextlib.suppress(FileExistsError):
            path.mkdir(mode=0o700)
        if not path.is_symlink() and path.stat().st_uid == os.geteuid():  # also when another process has just made it
            server.give_to_user(path)
        # In the temporary folder somebody else may have taken the name.
        if path.is_symlink() or path.stat().st_uid != (user.pw_uid if user else os.geteuid()):
            raise EmbeddedServerError(f"{path} belongs to another user: remove it, or set ANALYTICS_HOME")
        if path.stat().st_mode & 0o077:
            path.chmod(0o700)


def _open_way(server: Server, user: pwd.struct_passwd) -> None:
    """Let `user` pass through the folders that lead to the data and the programs, without letting it read them.

    Only root's own folders are opened, and never root's home; other people's are not for us to decide about.
    """
    for path, remedy in ((server.home.parent, "set ANALYTICS_HOME to a folder"), (PROGRAMS, "move the checkout")):
        while (closed := _first_closed(server, path)) is not None:
            status = closed.stat()
            if status.st_uid != 0 or closed == _ROOTS_HOME or status.st_mode & 0o001:
                raise EmbeddedServerError(
                    f"PostgreSQL does not run as root but as user {user.pw_name}, who may not enter {closed} on the"
                    f" way to {path}: {remedy} elsewhere, for example below /srv, or work as an ordinary user"
                )
            logging.getLogger(__name__).warning("letting user %s pass through %s", user.pw_name, closed)
            closed.chmod(status.st_mode | 0o001)


def _first_closed(server: Server, path: Path) -> Path | None:
    """The first folder on the way to a path that the server's user may not enter."""
    script = 'for folder; do [ ! -d "$folder" ] || [ -x "$folder" ] || { echo "$folder"; exit 1; }; done'
    done = server.execute("/bin/sh", "-c", script, "sh", *map(str, reversed(path.parents)), str(path))
    return Path(done.stdout.strip()) if done.returncode != 0 else None
