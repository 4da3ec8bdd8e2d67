"""Ctrl-C at a terminal, which reaches every process of the command: one message, and no traceback."""

import os
import pty
import select
import signal
import sys
import time
from collections.abc import Callable

from events import DAY, ask, download, write
from test_cli import variables

from analytics_etl.config.settings import CHECKOUT, Settings

MOST_SECONDS = 90


def interrupted_when(settings: Settings, is_time: Callable[[bytes], bool]) -> tuple[int, str]:
    """Exit code and output of `run` on a terminal of its own, where ^C is typed once it is time."""
    process, terminal = pty.fork()
    if process == 0:
        os.environ.update({**variables(settings), "PYTHONPATH": str(CHECKOUT), "COLUMNS": "200"})
        words = [sys.executable, "-m", "analytics_etl.cli", "run", str(DAY), "--family", "registry"]
        os.execv(sys.executable, words)
    shown, is_typed, shown_then = b"", False, 0
    until = time.monotonic() + MOST_SECONDS
    while time.monotonic() < until:
        try:
            shown += os.read(terminal, 4096) if select.select([terminal], [], [], 0.1)[0] else b""
        except OSError:  # the other end is closed
            break
        if not is_typed and is_time(shown):
            os.write(terminal, b"\x03")
            is_typed, shown_then = True, len(shown)
        elif is_typed and b"weekly" in shown[shown_then:]:  # it came where Python loses it, and the run goes on: again
            os.write(terminal, b"\x03")
            shown_then = len(shown)
    else:
        os.kill(process, signal.SIGKILL)
    os.close(terminal)
    _, status = os.waitpid(process, 0)
    return os.waitstatus_to_exitcode(status), shown.decode()


def test_while_starting_nothing_was_changed(settings: Settings) -> None:
    code, shown = interrupted_when(settings, lambda shown: b"starting" in shown)
    assert "interrupted; nothing was changed" in shown, shown
    assert code == 1
    assert "Traceback" not in shown
    assert "Aborted!" not in shown
    assert ask(settings.database_url, "select * from ops.partitions") == []


def test_in_a_run_it_says_how_to_go_on(settings: Settings) -> None:
    write(settings, "download_events/a.ndjson", [download(1)])
    loaded = "select * from ops.loaded_files"
    code, shown = interrupted_when(settings, lambda _: bool(ask(settings.database_url, loaded)))
    assert "interrupted; to go on, type the same command again" in shown, shown[-3000:]
    assert code == 1
    assert "Traceback" not in shown
    assert "KeyboardInterrupt" not in shown
