"""Ctrl-C during runs in this process: no SIGINT is lost, whichever handler receives it.

Two things lose it. Python prints and ignores the exception of a signal handler that runs in a destructor or in a
callback of a weak reference. Dagster handles SIGINT during a run and forgets one that comes after the last step. But
Python writes each signal into its wakeup file descriptor, whatever the handler does; this module reads it from there.
"""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Interrupts:
    """Whether SIGINT came since the block began."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def raise_if_any(self) -> None:
        """Raise KeyboardInterrupt if SIGINT came since the last call."""
        try:
            signals = os.read(self._descriptor, 4096)
        except BlockingIOError:
            return
        if signal.SIGINT in signals:
            raise KeyboardInterrupt


@contextmanager
def remembered_interrupts() -> Iterator[Interrupts]:
    """Remember SIGINT during the block; in the main thread only, since Python allows it nowhere else."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    os.set_blocking(writing, False)
    is_main = threading.current_thread() is threading.main_thread()
    before = signal.set_wakeup_fd(writing, warn_on_full_buffer=False) if is_main else -1
    try:
        yield Interrupts(reading)
    finally:
        if is_main:
            signal.set_wakeup_fd(before)
        os.close(reading)
        os.close(writing)
