"""Finding and ending processes of this machine."""

import contextlib
import signal
import time
from collections.abc import Iterator

import psutil


def list_processes() -> Iterator[tuple[psutil.Process, list[str]]]:
    """Every process whose command line is readable, with its command line."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            if command := process.cmdline():
                yield process, command


def end(processes: list[psutil.Process], how: signal.Signals) -> None:
    """Signal processes and wait up to 30 seconds until they are gone. A zombie counts as gone: it may stay for ever."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(how)
    ending = {process.pid for process in processes}
    deadline = time.monotonic() + 30
    while ending & {process.pid for process, _ in list_processes()} and time.monotonic() < deadline:
        time.sleep(0.05)
