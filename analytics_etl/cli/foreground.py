"""Run a server in the foreground: print its URL once it answers, stop it and its children on a signal.

Not here: which server, and what it needs.
"""

import fcntl
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from analytics_etl.cli.terminal import out

SECONDS_TO_END = 15.0
"""Time a server has to end after each signal, before it gets a harder one."""
SECONDS_BETWEEN_LOOKS = 0.3

_MARK = "ui.json"


@dataclass(frozen=True)
class Running:
    """A server that is running."""

    process: int
    url: str


class _StopSignal(BaseException):
    """Raised by the handler of a signal."""


def serve(command: Sequence[str], environment: Mapping[str, str], url: str, home: Path) -> int:
    """Run a server until it ends or this process gets a signal; return its exit code, 0 after a signal.

    SIGINT counts even in the background, where shells set it to be ignored.
    """

    def end(number: int, frame: FrameType | None) -> None:
        del number, frame
        raise _StopSignal

    # A handler is not inherited: the programs that are started have the default.
    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # as nohup wants it
        numbers.append(signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in numbers}
    process = None
    try:
        for number in numbers:
            signal.signal(number, end)
        # A process group of its own: Ctrl-C reaches this process alone, which passes it on to the group.
        process = subprocess.Popen(command, env=dict(environment), start_new_session=True)
        with _marked(home, url):
            _print_url_when_ready(process, url)
            return process.wait()
    except _StopSignal:
        return 0
    finally:
        for number in before:
            signal.signal(number, signal.SIG_IGN)  # it is ending already
        if process is not None:
            _stop_group(process)
        for number, handler in before.items():
            signal.signal(number, handler)


def running(home: Path) -> Running | None:
    """The running server of a home folder; None if there is none, or it was killed."""
    try:
        with (home / _MARK).open(encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return Running(**json.load(file))
    except FileNotFoundError:
        pass
    return None


@contextmanager
def _marked(home: Path, url: str) -> Iterator[None]:
    """Hold a lock on a file that names the server, as long as this process lives."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / _MARK).open("a+", encoding="utf-8") as file:
        with suppress(BlockingIOError):  # another one of the same home, on another port
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            file.truncate(0)
            json.dump({"process": os.getpid(), "url": url}, file)
            file.flush()
        yield


def _print_url_when_ready(process: "subprocess.Popen[bytes]", url: str) -> None:
    """Wait until the server answers or its process ends, then print the URL; there is no time limit."""
    while process.poll() is None:
        if _is_answering(url):
            out.say(f"Dagster UI: {url}")
            out.say("the dashboard and the API: analytics-etl serve")
            return
        time.sleep(SECONDS_BETWEEN_LOOKS)


def _is_answering(url: str) -> bool:
    import httpx  # noqa: PLC0415 - only for this

    try:
        return httpx.get(f"{url}/server_info", timeout=5, trust_env=False).is_success  # it is ours: behind no proxy
    except httpx.HTTPError:  # not yet
        return False


def _stop_group(process: "subprocess.Popen[bytes]") -> None:
    """Stop a process group: SIGINT first, then harder signals."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        if not _is_there(process.pid):
            break
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        until = time.monotonic() + SECONDS_TO_END
        while time.monotonic() < until and _is_there(process.pid):
            process.poll()
            time.sleep(0.1)
    process.wait()


def _is_there(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True
