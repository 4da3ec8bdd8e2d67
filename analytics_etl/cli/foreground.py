"""A server in the foreground: it is told when it answers, and ends with everything it has started when it is told to.

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
"""So long a server may take to end after each signal, before it gets a harder one."""
SECONDS_BETWEEN_LOOKS = 0.3

_MARK = "ui.json"


@dataclass(frozen=True)
class Running:
    """A server that is running."""

    process: int
    url: str


class _ToldToEndError(BaseException):
    """Raised by a signal, wherever the process is."""


def serve(command: Sequence[str], environment: Mapping[str, str], url: str, home: Path) -> int:
    """Run a server until it ends or this process is told to end; returns its exit code, 0 when it was told to.

    SIGINT ends it, too, when it was started in the background, where shells let it be ignored.
    """

    def end(number: int, frame: FrameType | None) -> None:
        del number, frame
        raise _ToldToEndError

    # A signal with a handler of ours is back to its default in the programs that are started.
    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # as nohup wants it
        numbers.append(signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in numbers}
    process = None
    try:
        for number in numbers:
            signal.signal(number, end)
        # A group of its own: Ctrl-C reaches us alone, and we pass it on to all of them.
        process = subprocess.Popen(command, env=dict(environment), start_new_session=True)
        with _marked(home, url):
            _tell_when_it_answers(process, url)
            return process.wait()
    except _ToldToEndError:
        return 0
    finally:
        for number in before:
            signal.signal(number, signal.SIG_IGN)  # it is ending already
        if process is not None:
            _end_group(process)
        for number, handler in before.items():
            signal.signal(number, handler)


def running(home: Path) -> Running | None:
    """The server of a home folder that is running; None without one, also when it was killed."""
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
    """A file that is locked as long as this process lives, and says where the server is."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / _MARK).open("a+", encoding="utf-8") as file:
        with suppress(BlockingIOError):  # another one of the same home, on another port
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            file.truncate(0)
            json.dump({"process": os.getpid(), "url": url}, file)
            file.flush()
        yield


def _tell_when_it_answers(process: "subprocess.Popen[bytes]", url: str) -> None:
    """Look until it answers: no number of tries or seconds ends that, but the end of the process."""
    while process.poll() is None:
        if _is_answering(url):
            out.say(f"Dagster UI: {url}")
            return
        time.sleep(SECONDS_BETWEEN_LOOKS)


def _is_answering(url: str) -> bool:
    import httpx  # noqa: PLC0415 - only for this

    try:
        return httpx.get(f"{url}/server_info", timeout=5, trust_env=False).is_success  # it is ours: behind no proxy
    except httpx.HTTPError:  # not yet
        return False


def _end_group(process: "subprocess.Popen[bytes]") -> None:
    """End a program and all it has started: as Ctrl-C does, then harder."""
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
