"""Starting a server: makes its data folder and its database if they are missing."""

import shutil
import signal
import tempfile
from pathlib import Path

from analytics_etl.postgres.server.configuration import configuration
from analytics_etl.postgres.server.former_server import wait_for_former_server
from analytics_etl.postgres.server.processes import end, list_processes
from analytics_etl.postgres.server.programs import MAJOR_VERSION
from analytics_etl.postgres.server.server import PATIENCE_SECONDS, PORT, EmbeddedServerError, Server

_FIND_DATABASE = "select 1 from pg_database where datname = 'analytics'"
_MAX_LOG_BYTES = 10_000_000


def start(server: Server) -> None:
    """Start a server that does not answer. Raise EmbeddedServerError if another PostgreSQL version made its data."""
    wait_for_former_server(server)
    if server.is_answering():
        return
    if not (server.data / "PG_VERSION").exists():
        _initialize(server)
    version = (server.data / "PG_VERSION").read_text().strip()
    if version != str(MAJOR_VERSION):
        raise EmbeddedServerError(
            f"{server.data} was made by PostgreSQL {version}, this is {MAJOR_VERSION}: move it away and load the raw"
            " data again, or set ANALYTICS_HOME to another folder"
        )
    path = server.folder / "server.conf"
    path.unlink(missing_ok=True)  # another user may own it
    text = configuration(server.name, server.socket_dir, PORT)
    path.write_text(text, encoding="utf-8", errors="surrogateescape")
    path.chmod(0o644)
    if server.log.is_file() and server.log.stat().st_size > _MAX_LOG_BYTES:
        server.log.replace(server.log.with_name("server.1.log"))
    server.run("pg_ctl", "start", "-D", str(server.data), "-l", str(server.log), "-w", "-t", PATIENCE_SECONDS)


def ensure_database(server: Server) -> None:
    """Make the database if it is missing; the server must answer."""
    if _has_database(server):
        return
    try:
        server.run("createdb", *server.connection, "--maintenance-db=postgres", "analytics")
    except EmbeddedServerError:
        if not _has_database(server):  # the createdb of a killed process has made it meanwhile
            raise


def _initialize(server: Server) -> None:
    """Make the data folder under another name and rename it, so that it is never incomplete."""
    for leftover in server.folder.glob("data.new-*"):
        # After a killed start its initdb goes on, and would fill the folder again.
        owners = [process for process, command in list_processes() if command[1:3] == ["-D", str(leftover)]]
        end([process for owner in owners for process in (owner, *owner.children(recursive=True))], signal.SIGKILL)
        shutil.rmtree(leftover)
    fresh = Path(tempfile.mkdtemp(prefix="data.new-", dir=server.folder))
    server.give_to_user(fresh)
    # The built-in locale sorts by code point and maps upper and lower case the same on every system.
    locale = ("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--encoding=UTF8")
    server.run("initdb", "-D", str(fresh), "-U", "postgres", "--auth-local=trust", "--auth-host=reject", *locale)
    with (fresh / "postgresql.conf").open("a") as own:
        own.write("\ninclude = '../server.conf'\n")
    fresh.rename(server.data)


def _has_database(server: Server) -> bool:
    return bool(server.run("psql", "-XAt", *server.connection, "-d", "postgres", "-c", _FIND_DATABASE).strip())
