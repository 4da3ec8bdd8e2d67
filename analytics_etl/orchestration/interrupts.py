"""Ctrl-C during runs in this process, remembered whoever handled it.

An exception that a signal handler raises is lost when Python happens to be in a destructor or in a callback of a weak
reference: it is printed and ignored. And Dagster, which handles the signal while a run is on, forgets at the run's end
what came after its last step. Python itself writes each signal into a file descriptor, whatever the handler does.
"""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Interrupts:
    """Whether SIGINT came since the runs began."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def raise_if_any(self) -> None:
        """Raise KeyboardInterrupt if SIGINT came and the exception it raised did not arrive here."""
        try:
            signals = os.read(self._descriptor, 4096)
        except BlockingIOError:
            return
        if signal.SIGINT in signals:
            raise KeyboardInterrupt


@contextmanager
def remembered_interrupts() -> Iterator[Interrupts]:
    """Remember SIGINT as long as the block lasts; Python allows it in the main thread, which is where it arrives."""
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
