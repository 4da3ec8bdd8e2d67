"""A home with a server of its own, commands that run on it, and the faults that can be done to it."""

import contextlib
import errno
import multiprocessing
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import psutil
import psycopg

from analytics_etl.families.sample import FAMILIES
from analytics_etl.postgres import server as embedded

DISK_MB = 600
"""Size of the small disk, without what each day needs."""
DISK_MB_A_DAY = 5
"""For each day and family, with Dagster's records of all runs."""
PATIENCE_SECONDS = 900
MOST_WORDS = 8
"""Words of a statement in the output."""

Act = Callable[[BaseProcess], None]


class ChaosError(RuntimeError):
    """The product failed the simulation; the message says how."""


@dataclass(frozen=True)
class Point:
    """A number of statements after a progress line; or the next line, if it comes first."""

    line: int
    statements: int

    def __str__(self) -> str:
        return f"line {self.line} + {self.statements}"


def children() -> "multiprocessing.context.ForkServerContext":
    """The context in which commands start: children of a process that has imported everything once, in ten seconds."""
    os.environ |= {"OPENBLAS_NUM_THREADS": "1", "PYTHONHASHSEED": "0", "TERM": "dumb"}
    os.environ["PYTHONWARNINGS"] = "ignore:resource_tracker"  # about what killed children leave behind
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["benchmarks.chaos_child"])
    return context


@dataclass
class Ended:
    """The end of a command: its exit code and its output."""

    code: int
    lines: list[str]
    halted_at: str | None = None
    """The progress line and statement at which it was halted; None if it ended before."""

    @property
    def end(self) -> str:
        return "    " + "\n    ".join(line[:300] for line in self.lines[-8:])


class Command:
    """One command under way."""

    def __init__(self, process: BaseProcess, channel: Connection, *, is_verbose: bool) -> None:
        self._process, self._channel, self._is_verbose = process, channel, is_verbose

    def finish(self, act: Act | None = None) -> Ended:
        """Wait for its end, and call `act` when it halts at its point."""
        watch = threading.Timer(PATIENCE_SECONDS, self._process.kill)
        watch.daemon = True
        watch.start()
        ended = Ended(0, [])
        try:
            with contextlib.suppress(EOFError, ConnectionResetError):
                while True:
                    self._receive(ended, act)
            self._process.join()
            is_over_time = not watch.is_alive()
        finally:  # also when this process is stopped
            watch.cancel()
            self._process.kill()
            self._process.join()
        if is_over_time:
            raise ChaosError(f"a command did not end within {PATIENCE_SECONDS} seconds:\n{ended.end}")
        assert self._process.exitcode is not None
        ended.code = self._process.exitcode
        return ended

    def _receive(self, ended: Ended, act: Act | None) -> None:
        what, text = self._channel.recv()
        if what == "line":
            ended.lines.append(text)
            if self._is_verbose:
                print(f"        {time.monotonic() % 1000:7.2f} {self._process.pid} {text[:200]}", flush=True)
            return
        places = [*ended.lines[-1:], " ".join(text.split()[:MOST_WORDS])]
        ended.halted_at = " | ".join(places if [text] != ended.lines[-1:] else places[:1])
        if act is not None:
            act(self._process)
        with contextlib.suppress(BrokenPipeError):  # it was killed
            self._channel.send("go on")


@dataclass
class Home:
    """A home with a server of its own."""

    folder: Path
    landing: Path
    webhook: str | None = None
    is_verbose: bool = False
    is_small: bool = False
    _context: "multiprocessing.context.ForkServerContext" = field(default_factory=children)

    def start(self, what: str, *arguments: str, point: Point | None = None) -> Command:
        """Start a command, or a function of `chaos_child` by its name."""
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=_in_child, args=(what, arguments, self._environment(), theirs, point))
        process.start()
        theirs.close()
        return Command(process, ours, is_verbose=self.is_verbose)

    def run(self, what: str, *arguments: str, point: Point | None = None, act: Act | None = None) -> Ended:
        """Run a command to its end, calling `act` when it halts at the point."""
        return self.start(what, *arguments, point=point).finish(act)

    def _environment(self) -> dict[str, str]:
        kept = {
            name: text for name, text in os.environ.items()
            if not name.startswith("ANALYTICS_") and not name.lower().endswith("_proxy")
        }  # fmt: skip
        return kept | {
            "ANALYTICS_HOME": str(self.folder),
            "ANALYTICS_LANDING_DIR": str(self.landing),
            "ANALYTICS_START_DATE": "2025-01-01",
            **({"ANALYTICS_NOTIFY_WEBHOOK": self.webhook} if self.webhook else {}),
        }

    def url(self) -> str:
        return embedded.ensure_running(self.folder)

    def kill_server(self) -> None:
        pid_file = self.folder / "postgres" / "data" / "postmaster.pid"
        with contextlib.suppress(psutil.NoSuchProcess, FileNotFoundError, IndexError):
            process = psutil.Process(int(pid_file.read_text().split()[0]))
            process.kill()
            psutil.wait_procs([process], timeout=10)

    def end_connections(self) -> None:
        statement = b"select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid()"
        with psycopg.connect(self.url()) as connection:
            connection.execute(statement + b" and backend_type = 'client backend'")

    @property
    def filler(self) -> Path:
        return self.folder / "filler"

    def fill_disk(self) -> None:
        """Write a file until the disk is full."""
        with self.filler.open("wb", buffering=0) as filler:
            size = 2**20
            while size:
                try:
                    filler.write(bytes(size))
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise
                    size //= 16

    def make_small(self, days: int, families: int) -> None:
        """Mount a tmpfs of limited size on the folder, where that is allowed."""
        if os.geteuid() != 0 or not sys.platform.startswith("linux"):
            return
        options = ["-t", "tmpfs", "-o", f"size={DISK_MB + DISK_MB_A_DAY * days * families}m,mode=755", "tmpfs"]
        done = subprocess.run(["mount", *options, str(self.folder)], capture_output=True, check=False)
        self.is_small = done.returncode == 0

    def keep_log_small(self) -> None:
        """Limit the server's write-ahead log, so that it fits on the small disk."""
        self.url()
        with (self.folder / "postgres" / "data" / "postgresql.conf").open("a", encoding="utf-8") as configuration:
            configuration.write("max_wal_size = '128MB'\nmin_wal_size = '32MB'\n")
        embedded.stop(self.folder)

    def close(self) -> None:
        embedded.stop(self.folder)
        if self.is_small:
            subprocess.run(["umount", "-l", str(self.folder)], check=True)


def _in_child(*arguments: Any) -> None:
    from benchmarks import chaos_child  # noqa: PLC0415 - only in the parent of the children: it is slow

    chaos_child.run(*arguments)


def backfill(first: date, last: date, families: Sequence[str]) -> Sequence[str]:
    """The arguments of a backfill. It accepts changes: here final days change by much."""
    options = ("--accept-change", "--reason", "chaos", "--notify", *family_options(families))
    return ("backfill", str(first), str(last), *options)


def family_options(families: Sequence[str]) -> list[str]:
    """The arguments that limit a command to some families."""
    return [] if set(families) == set(FAMILIES) else [f"--family={family}" for family in families]
