"""Waiting for a former server that is starting, recovering or stopping, and cleaning up after a dead one."""

import signal
import time
from pathlib import Path

import psutil

from analytics_etl.postgres.server.processes import end, list_processes
from analytics_etl.postgres.server.server import PATIENCE_SECONDS, PORT, EmbeddedServerError, Server

_NO_PROCESS = str(2**31 - 1)  # above the largest process id of any system


def wait_for_former_server(server: Server) -> None:
    """Wait for a server that is starting, recovering or stopping; clean up after a dead one.

    This is a loop and no retry of one call, since each look may find another state that needs another action.
    """
    deadline = time.monotonic() + float(PATIENCE_SECONDS)
    socket = server.socket_dir / f".s.PGSQL.{PORT}"
    while (process := server.find_process()) is not None and not server.is_answering():
        state = server.read_pid_file()
        if state[:1] != [str(process.pid)]:
            process.send_signal(signal.SIGQUIT)  # its folder was removed; it would notice only within a minute
        elif state[7:] and state[7].strip() == "ready" and not socket.exists():
            server.stop()  # its socket was removed
        elif time.monotonic() > deadline:
            raise EmbeddedServerError(f"Process {process.pid} of PostgreSQL does not answer: see {server.log}")
        time.sleep(0.1)
    if process is None:
        _clear_after_dead_server(server, socket)


def _clear_after_dead_server(server: Server, socket: Path) -> None:
    """Remove what makes PostgreSQL refuse to start."""
    # A backend in a long query does not notice that its server has died.
    title = f"postgres: {server.name}:"
    end([process for process, command in list_processes() if command[0].startswith(title)], signal.SIGQUIT)
    for path in (socket, socket.with_name(f"{socket.name}.lock")):
        path.unlink(missing_ok=True)
    state = server.read_pid_file()
    if not state or not state[0].strip().isdigit():
        server.pid_file.unlink(missing_ok=True)  # a power cut left it empty
    elif psutil.pid_exists(int(state[0])):
        # Another process has that number now. The other lines stay: PostgreSQL checks the shared memory they name.
        stale = server.folder / "postmaster.pid"
        stale.write_text("\n".join([_NO_PROCESS, *state[1:], ""]), errors="surrogateescape")
        stale.chmod(0o600)
        server.give_to_user(stale)
        stale.replace(server.pid_file)
