"""Dagster's capture of what steps print, by threads instead of helper processes.

Dagster's own class starts `tail` and a Python process for each stream of each run, which cost more than a second of a
small day, and which a Ctrl-C at a terminal reaches, too.
"""

import fcntl
import os
import select
import sys
import termios
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from dagster import StringSource

from analytics_etl.orchestration.dagster_private import (
    IO_TYPE_EXTENSION,
    CapturedLogContext,
    ComputeIOType,
    ConfigurableClassData,
    LocalComputeLogManager,
)

_PATIENCE_SECONDS = 10
"""How long to wait for a terminal or a log that takes no more."""


class ThreadedComputeLogManager(LocalComputeLogManager):
    """Dagster's manager of compute logs: the same files in the same place, written by threads of this process."""

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        return {"home": StringSource}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> "ThreadedComputeLogManager":
        """Keep the files where Dagster does by default, below its home."""
        return cls(base_dir=str(Path(config_value["home"]) / "storage"), inst_data=inst_data)

    @contextmanager
    def capture_logs(self, log_key: Sequence[str]) -> Iterator[CapturedLogContext]:
        """Copy what is printed during the block into the files of the key."""
        out, err = (
            Path(self.get_captured_local_path(log_key, IO_TYPE_EXTENSION[kind]))
            for kind in (ComputeIOType.STDOUT, ComputeIOType.STDERR)
        )
        with _copied(sys.stdout, out), _copied(sys.stderr, err):
            yield CapturedLogContext(log_key)
        Path(self.complete_artifact_path(log_key)).touch()  # type: ignore[no-untyped-call]


@contextmanager
def _copied(stream: IO[str], path: Path) -> Iterator[None]:
    """Copy what goes to the descriptor of a stream into a file, whoever writes it: Python, a library, a program."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    try:
        descriptor = stream.fileno()
    except OSError:  # a stream without one, as in a test
        yield
        return
    stream.flush()
    original = os.dup(descriptor)
    reading, writing = os.pipe()
    os.dup2(writing, descriptor)
    os.close(writing)
    turn = threading.Lock()
    copying = threading.Thread(target=_copy, args=(reading, original, path, turn), name=f"copy to {path}", daemon=True)
    copying.start()
    try:
        yield
    finally:
        stream.flush()
        os.dup2(original, descriptor)
        _wait_until_empty(reading, copying, turn)


def _copy(reading: int, original: int, path: Path, turn: threading.Lock) -> None:
    """Copy all there is to read, both to a descriptor and to a file. A reader that has gone ends nothing."""
    poll = select.poll()
    poll.register(reading, select.POLLIN)
    with (
        os.fdopen(reading, "rb", buffering=0) as source,
        os.fdopen(original, "wb", buffering=0) as mirror,
        path.open("ab") as file,
    ):
        while poll.poll():
            with turn:
                chunk = source.read(1 << 16)
                if not chunk:
                    return
                file.write(chunk)
                file.flush()
                with suppress(OSError):
                    rest = memoryview(chunk)
                    while rest:
                        rest = rest[mirror.write(rest) or 0 :]


def _wait_until_empty(reading: int, copying: threading.Thread, turn: threading.Lock) -> None:
    """Wait until all is copied that was written so far. The end of the stream may never come: a program that a step
    started, or a library in this process (Deno, which draws charts), may keep it open.
    """
    until = time.monotonic() + _PATIENCE_SECONDS
    while copying.is_alive() and time.monotonic() < until:
        with turn, suppress(OSError):  # closed at the end of the stream
            if int.from_bytes(fcntl.ioctl(reading, termios.FIONREAD, bytes(4)), sys.byteorder) == 0:
                return
        time.sleep(0.001)
