"""The folders of a server: made if missing, private, and open to the server's user as far as needed."""

import contextlib
import os
import pwd
import shlex
from pathlib import Path

from analytics_etl.disk import private
from analytics_etl.postgres.server.programs import PROGRAMS
from analytics_etl.postgres.server.server import EmbeddedServerError, Server

_ROOTS_HOME = Path(pwd.getpwuid(0).pw_dir)


def make_folders(server: Server) -> None:
    """Make missing folders and give them to the server's user; only the server's own are made private."""
    for path in (server.folder, PROGRAMS):
        if set(str(path)) & set('"$`\\\n'):  # initdb and pg_ctl pass paths through a shell
            raise EmbeddedServerError(f'PostgreSQL cannot work in {path}: it must not contain any of " $ ` \\')
    user = server.user
    if user is not None:
        _refuse_closed_parents(server, user)
    private.make_way(server.folder)
    for path in (server.socket_dir, server.log.parent):
        with contextlib.suppress(FileExistsError):
            path.mkdir(mode=0o700)
        if not path.is_symlink() and path.stat().st_uid == os.geteuid():  # also if another process has just made it
            server.give_to_user(path)
        # In the temporary folder another user may have taken the name.
        if path.is_symlink() or path.stat().st_uid != (user.pw_uid if user else os.geteuid()):
            raise EmbeddedServerError(f"{path} belongs to another user: remove it, or set ANALYTICS_HOME")
        if path.stat().st_mode & 0o077:
            path.chmod(0o700)


def _refuse_closed_parents(server: Server, user: pwd.struct_passwd) -> None:
    """Raise EmbeddedServerError if `user` may not enter a parent folder of the data or of the programs.

    Their permissions are not changed: that is the decision of their owner.
    """
    for path, remedy in ((server.folder, "set ANALYTICS_HOME to a folder"), (PROGRAMS, "move the checkout")):
        if (closed := _first_closed(server, path)) is None:
            continue
        is_ours = closed.stat().st_uid == 0 and closed != _ROOTS_HOME
        let = f"let it pass through, and read nothing, with chmod o+x {shlex.quote(str(closed))}, or " * is_ours
        raise EmbeddedServerError(
            f"PostgreSQL does not run as root but as user {user.pw_name}, who may not enter {closed} on the"
            f" way to {path}: {let}{remedy} elsewhere, for example below /srv, or work as an ordinary user"
        )


def _first_closed(server: Server, path: Path) -> Path | None:
    """The first folder on the way to a path that the server's user may not enter; None if there is none."""
    script = 'for folder; do [ ! -d "$folder" ] || [ -x "$folder" ] || { echo "$folder"; exit 1; }; done'
    done = server.execute("/bin/sh", "-c", script, "sh", *map(str, reversed(path.parents)), str(path))
    return Path(done.stdout.strip()) if done.returncode != 0 else None
