"""Handing versions to processes that read them: several at once, each version within its limits (`worker`)."""

import os
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import Self

from analytics_etl.schemas.limits import Limits, faults_of_files
from analytics_etl.schemas.messages import ANSWER, CATALOGUE, LIMITS, READY, VERSION, read_message, write_message
from analytics_etl.schemas.values import Catalogue, Fault, Version

_PACKAGES = Path(__file__).resolve().parents[2]
"""The folder that the package is imported from."""


class ParserError(RuntimeError):
    """The processes that read schemas cannot be started. No schema caused it."""


class Parser:
    """A few processes that read versions; `with` stops them. A schema never raises: its catalogue has the faults."""

    def __init__(self, processes: int | None = None, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._number = processes or os.cpu_count() or 1
        self._folder = tempfile.TemporaryDirectory(prefix="schemas-")
        self._threads = ThreadPoolExecutor(self._number)
        self._idle: SimpleQueue[_Process] = SimpleQueue()
        for _ in range(self._number):
            self._idle.put(_Process(self._limits, Path(self._folder.name)))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the processes and remove their temporary files."""
        self._threads.shutdown(cancel_futures=True)
        while not self._idle.empty():
            self._idle.get().stop()
        self._folder.cleanup()

    def parse(self, version: Version) -> Catalogue:
        """The catalogue of a version."""
        if faults := tuple(faults_of_files(version.files, self._limits)):
            return Catalogue(version.format, faults=faults)
        process = self._idle.get()
        try:
            return process.parse(version)
        finally:
            self._idle.put(process)

    def parse_all(self, versions: Iterable[Version]) -> Iterator[Catalogue]:
        """The catalogues of many versions in their order; few of them are in memory at once."""
        waiting: deque[Future[Catalogue]] = deque()
        for version in versions:
            waiting.append(self._threads.submit(self.parse, version))
            if len(waiting) > 2 * self._number:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


class _Process:
    """A worker; it is started when it is needed, and again after it was killed."""

    def __init__(self, limits: Limits, folder: Path) -> None:
        self._limits, self._folder = limits, folder
        self._running: subprocess.Popen[bytes] | None = None

    def parse(self, version: Version) -> Catalogue:
        """The catalogue of a version; if the worker dies over it, a fault says so."""
        running = self._running or self._start()
        assert running.stdin is not None and running.stdout is not None  # noqa: PT018 - both are pipes
        try:
            write_message(running.stdin, VERSION.dump_json(version))
            answer = read_message(running.stdout)
        except BrokenPipeError:
            answer = None
        if answer is None:
            self.stop()
            return _unread(version, "the process that reads it was killed")
        if answer.startswith(ANSWER):
            return CATALOGUE.validate_json(answer[1:])
        return _unread(version, answer[1:].decode())

    def stop(self) -> None:
        """End the worker and wait for its end."""
        if self._running is not None:
            self._running.communicate()  # closes its input, at whose end it ends
            self._running = None

    def _start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "analytics_etl.schemas.worker", LIMITS.dump_json(self._limits).decode()]
        self._running = running = subprocess.Popen(
            [*command, str(self._folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=_PACKAGES,
            env={"LC_ALL": "C.UTF-8"},  # no secrets
            start_new_session=True,  # ^C is for the other side, which then closes the input
        )
        assert running.stdout is not None
        if read_message(running.stdout) != READY:
            raise ParserError(f"{' '.join(command[:3])} ended with code {running.wait()}; it said why above")
        return running


def _unread(version: Version, reason: str) -> Catalogue:
    return Catalogue(version.format, faults=(Fault(f"it could not be read: {reason}"),))
