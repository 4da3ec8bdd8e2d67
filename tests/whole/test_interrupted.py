"""Ctrl-C at a terminal, which reaches every process of the command: one message, and no traceback."""

import os
import pty
import select
import signal
import sys
import time
from collections.abc import Callable, Iterator

import pytest
from commands import variables
from dagster._utils.error import serializable_error_info_from_exc_info
from dagster._utils.interrupts import capture_interrupts
from events import DAY, ask, download, write

from analytics_etl.config.settings import CHECKOUT, Settings
from analytics_etl.orchestration.interrupts import remembered_interrupts
from analytics_etl.orchestration.outcomes import Outcome

FAMILIES_IN_USE = ("registry",)

MOST_SECONDS = 90


def interrupted_when(settings: Settings, is_time: Callable[[bytes], bool]) -> tuple[int, str]:
    """Exit code and output of `run` on a terminal of its own, where ^C is typed once it is time."""
    process, terminal = pty.fork()
    if process == 0:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # a shell that starts tests in the background lets it be ignored
        os.environ.update({**variables(settings), "PYTHONPATH": str(CHECKOUT), "COLUMNS": "200"})
        words = [sys.executable, "-m", "analytics_etl.cli", "run", str(DAY), "--family", "registry"]
        os.execv(sys.executable, words)
    shown, is_typed = b"", False
    until = time.monotonic() + MOST_SECONDS
    while time.monotonic() < until:
        try:
            shown += os.read(terminal, 4096) if select.select([terminal], [], [], 0.1)[0] else b""
        except OSError:  # the other end is closed
            break
        if not is_typed and is_time(shown):
            os.write(terminal, b"\x03")
            is_typed = True
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


@pytest.fixture
def python_handles_interrupts() -> Iterator[None]:
    """As in a process that was started at a terminal."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("python_handles_interrupts")
def test_what_python_ignores_in_a_destructor_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    class Destroyed:
        def __del__(self) -> None:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(sys, "unraisablehook", lambda _: None)
    with remembered_interrupts() as interrupts:
        interrupts.raise_if_any()
        Destroyed()
        with pytest.raises(KeyboardInterrupt):
            interrupts.raise_if_any()
        interrupts.raise_if_any()


def test_what_dagster_forgets_at_the_end_of_a_run_is_remembered() -> None:
    with remembered_interrupts() as interrupts:
        with capture_interrupts():
            signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            interrupts.raise_if_any()


def test_python_s_own_interruption_of_a_step_is_one_too() -> None:
    """A remembered ^C is raised as the next step begins, and Dagster records it as that step's error."""
    try:
        raise KeyboardInterrupt  # noqa: TRY301 - to have it with its traceback
    except KeyboardInterrupt:
        error = serializable_error_info_from_exc_info(sys.exc_info())
    outcome = Outcome(failures=[("registry.field_usage_events", error)])
    assert outcome.is_interrupted
    assert "to go on, type the same command again" in str(outcome)
