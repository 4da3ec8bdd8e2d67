"""A server in the foreground: told when it answers, and gone with all it started when it is told to end."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from commands import call

from analytics_etl.cli import foreground
from analytics_etl.config.settings import CHECKOUT

FAMILIES_IN_USE = ("registry",)

SERVER = """
import http.server, subprocess, sys
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
    def log_message(self, *of):
        pass
child = subprocess.Popen(["sleep", "600"])
server = http.server.HTTPServer(("127.0.0.1", 0), Answer)
open(sys.argv[1], "w").write(f"{server.server_port} {child.pid}")
server.serve_forever()
"""
PROGRAM = """
import os, pathlib, sys
from analytics_etl.cli import foreground
home = pathlib.Path(sys.argv[1])
told = home / "told"
def serve():
    # The port is only known when the server runs, so it is asked for by a name that is put in place of it.
    foreground._is_answering = lambda url, ask=foreground._is_answering: ask(
        url.replace("PORT", told.read_text().split()[0] if told.exists() else "1")
    )
    return foreground.serve(
        [sys.executable, "-c", (home / "server.py").read_text(), str(told)], os.environ, "http://127.0.0.1:PORT", home
    )
sys.exit(serve())
"""


def is_running(process: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_with_all_it_has_started_also_in_the_background(tmp_path: Path, number: signal.Signals) -> None:
    """A shell lets what it starts with & ignore SIGINT."""
    (tmp_path / "server.py").write_text(SERVER)
    command = f"import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n{PROGRAM}"
    process = subprocess.Popen(
        [sys.executable, "-c", command, str(tmp_path)], stdout=subprocess.PIPE,
        text=True, env={**os.environ, "PYTHONPATH": str(CHECKOUT), "PYTHONUNBUFFERED": "1"}, start_new_session=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "Dagster UI: http://127.0.0.1:PORT\n"
    child = int((tmp_path / "told").read_text().split()[1])
    running = foreground.running(tmp_path)
    assert running == foreground.Running(process.pid, "http://127.0.0.1:PORT")
    stopped = call("stop", {"ANALYTICS_HOME": str(tmp_path)})
    assert (stopped.exit_code, stopped.stdout) == (1, "")
    assert f"a UI uses the database and would start it again: http://127.0.0.1:PORT, process {process.pid}" in (
        stopped.stderr
    )
    forced = call("stop --force", {"ANALYTICS_HOME": str(tmp_path)})
    assert (forced.exit_code, forced.stdout) == (0, "it was not running\n")
    assert is_running(child)
    process.send_signal(number)
    assert process.wait(timeout=60) == 0
    until = time.monotonic() + 10
    while is_running(child) and time.monotonic() < until:
        time.sleep(0.05)
    assert not is_running(child)
    process.stdout.close()
    assert foreground.running(tmp_path) is None
    assert call("stop", {"ANALYTICS_HOME": str(tmp_path)}).exit_code == 0


def test_what_ends_by_itself_gives_its_exit_code(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "raise SystemExit(3)"]
    assert foreground.serve(command, os.environ, "http://127.0.0.1:1", tmp_path) == 3


def test_a_port_that_is_taken_is_told_before_anything_starts(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = call(f"ui --port {port}", {"ANALYTICS_HOME": str(tmp_path)})
    assert result.exit_code == 1
    assert f"port {port} of 127.0.0.1 cannot be used" in result.stderr
