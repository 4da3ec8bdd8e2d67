"""Handing versions to processes that read them: several at once, each version within its limits (`worker`)."""

import os
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import Self

from analytics_etl.schemas.changes import Comparison
from analytics_etl.schemas.limits import Limits, faults_of_files
from analytics_etl.schemas.memory import Memory
from analytics_etl.schemas.messages import (
    CATALOGUE,
    COMPARISON,
    LIMITS,
    QUESTION,
    READY,
    Question,
    read_message,
    write_message,
)
from analytics_etl.schemas.values import Catalogue, Fault, Version

_PACKAGES = Path(__file__).resolve().parents[2]
"""The folder that the package is imported from."""


_MEMORY_BYTES = 64 << 20
_NOT_READ, _NOT_COMPARED = "it could not be read", "the versions could not be compared"
"""What is said when a limit stopped the process, which may be otherwise next time."""


class ParserError(RuntimeError):
    """The processes that read schemas cannot be started. No schema caused it."""


@dataclass(frozen=True)
class Examination:
    """What is in a version, and what it changes in the one before, if that was asked."""

    catalogue: Catalogue
    comparison: Comparison | None = None


_MEMORY = Memory[Examination](_MEMORY_BYTES)


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
        return self.examine(version).catalogue

    def examine(self, new: Version, old: Version | None = None) -> Examination:
        """The catalogue of a version, and what it changes in the one before."""
        if faults := tuple(faults_of_files(new, self._limits)):
            return _unread(new, old, faults)
        if old is not None and (faults := tuple(faults_of_files(old, self._limits))):
            return Examination(self.parse(new), Comparison(obstacle=f"the old version: {faults[0]}"))
        question = QUESTION.dump_json(Question(new, old))
        if (known := _MEMORY.find(question)) is not None:
            return known
        process = self._idle.get()
        try:
            found = process.examine(new, old, question)
        finally:
            self._idle.put(process)
        if _is_certain(found):
            _MEMORY.keep(question, found)
        return found

    def parse_all(self, versions: Iterable[Version]) -> Iterator[Catalogue]:
        """The catalogues of many versions in their order; few of them are in memory at once."""
        return (found.catalogue for found in self.examine_all((version, None) for version in versions))

    def examine_all(self, pairs: Iterable[tuple[Version, Version | None]]) -> Iterator[Examination]:
        """The same as `examine` for many (new, old), in their order; few of them are in memory at once."""
        waiting: deque[Future[Examination]] = deque()
        for new, old in pairs:
            waiting.append(self._threads.submit(self.examine, new, old))
            if len(waiting) > 2 * self._number:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


class _Process:
    """A worker; it is started when it is needed, and again after it was killed."""

    def __init__(self, limits: Limits, folder: Path) -> None:
        self._limits, self._folder = limits, folder
        self._running: subprocess.Popen[bytes] | None = None

    def examine(self, new: Version, old: Version | None, question: bytes) -> Examination:
        """The catalogue and the comparison; if the worker dies over it, a fault says so."""
        running = self._running or self._start()
        assert running.stdin is not None and running.stdout is not None  # noqa: PT018 - both are pipes
        try:
            write_message(running.stdin, question)
            written, stop = read_message(running.stdout), read_message(running.stdout)
        except BrokenPipeError:
            written = stop = None
        if written is None or stop is None:
            self.stop()
            written, stop = b"", b"the process that reads it was killed"
        answers, reason = BytesIO(written), stop.decode()
        catalogue, comparison = read_message(answers), read_message(answers)
        if catalogue is None:
            return _unread(new, old, (Fault(f"{_NOT_READ}: {reason}"),))
        if comparison is not None:
            return Examination(CATALOGUE.validate_json(catalogue), COMPARISON.validate_json(comparison))
        obstacle = None if old is None else Comparison(obstacle=f"{_NOT_COMPARED}: {reason}")
        return Examination(CATALOGUE.validate_json(catalogue), obstacle)

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


def _is_certain(found: Examination) -> bool:
    """Whether the same versions give the same again, since no limit stopped them."""
    obstacle = found.comparison.obstacle if found.comparison else None
    said = [*(fault.message for fault in found.catalogue.faults), obstacle or ""]
    return not any(_NOT_READ in text or _NOT_COMPARED in text for text in said)


def _unread(new: Version, old: Version | None, faults: tuple[Fault, ...]) -> Examination:
    obstacle = None if old is None else Comparison(obstacle=f"the new version: {faults[0]}")
    return Examination(Catalogue(new.format, faults=faults), obstacle)
