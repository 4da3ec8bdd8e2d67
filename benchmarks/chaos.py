"""Days of trouble, then a comparison: whatever happened, the tables are those of a run without faults.

    make chaos ARGS="--days 60 --seed 1"
    .venv/bin/python -m benchmarks.chaos --days 6 --seed 7      the same seed gives the same files, faults and points

Each simulated day files arrive (late, twice, truncated, in any order) and `analytics-etl backfill` runs over the days
that are not up to date, as a person would type it. Most days something happens in its middle: the run or the server
is killed, connections are ended, the disk is full, or a second run of the same days is started. A point is a number of
lines of progress and a pause after it. In the end the rest arrives, one ordinary run follows, and every table and the
books (without times and run ids) are compared with those of a second server that got the final files at once.
Exit code 0: all equal. As root the home is a tmpfs of limited size, so that the disk can be filled for real.
"""

import argparse
import contextlib
import errno
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import psutil
import psycopg

from analytics_etl import embedded
from benchmarks.chaos_files import Arrival, arrivals, make_final_files

FIRST_DAY = date(2025, 2, 10)
EVENTS_PER_DAY = 400
DISK_MB = 700
LINES_OF_A_RUN = 85
"""About as many lines of progress a run prints."""
PATIENCE_SECONDS = 300
FAULTS = ("nothing", "kill the run", "kill the server", "end connections", "two runs at once", "fill the disk")

BOOKS = {
    "loaded_files": "table_name, path, size_bytes, checksum, state, reason, first_day, last_day, rows_read, rows_valid,"
    " rows_rejected",
    "loaded_days": "table_name, path, day, rows_read, rows_rejected, rows_loaded, rows_duplicate, rows_conflicting",
    "rejected_rows": "table_name, path, day, line, reason, content",
    "partitions": "table_name, period_start, period_end, rows, code_version",
}


class ChaosError(RuntimeError):
    """The product did not put something right; the message says what and how to see it again."""


@dataclass
class Home:
    """A home with a server of its own, and the commands that run on it."""

    folder: Path
    landing: Path
    is_small: bool = False
    said: list[str] = field(default_factory=list)

    def start(self, first: date, last: date) -> subprocess.Popen[str]:
        environment = {name: text for name, text in os.environ.items() if not name.startswith("ANALYTICS_")}
        environment |= {
            "ANALYTICS_HOME": str(self.folder),
            "ANALYTICS_LANDING_DIR": str(self.landing),
            "ANALYTICS_START_DATE": "2025-01-01",
        }
        return subprocess.Popen(
            # Final days change here as they must not in life: by much, and unasked.
            [sys.executable, "-m", "analytics_etl.cli", "backfill", str(first), str(last),
             "--accept-change", "--reason", "chaos"],
            env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace",
        )  # fmt: skip

    def run(self, first: date, last: date, act: Callable[[int, subprocess.Popen[str]], None] | None = None) -> int:
        """Run a backfill to its end, calling `act` with the number of each line of progress; returns the exit code."""
        with self.start(first, last) as process:
            watch = threading.Timer(PATIENCE_SECONDS, process.kill)
            watch.daemon = True
            watch.start()
            assert process.stderr is not None
            self.said = []
            try:
                for number, text in enumerate(process.stderr, 1):
                    self.said.append(text.rstrip())
                    if act is not None:
                        act(number, process)
                code = process.wait()
                is_over_time = not watch.is_alive()
            finally:  # also when we are told to stop
                watch.cancel()
                process.kill()
        if is_over_time:
            raise ChaosError(f"the run {first} to {last} did not end within {PATIENCE_SECONDS} seconds")
        return code

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
        """Write until nothing fits any more."""
        with self.filler.open("wb", buffering=0) as filler:
            size = 2**20
            while size:
                try:
                    filler.write(bytes(size))
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise
                    size //= 16


def tables_of(url: str) -> dict[str, list[str]]:
    """Every row as text of the registry's tables and views, and what the books say but for times and run ids."""
    with psycopg.connect(url, options="-c timezone=UTC") as connection:
        names = connection.execute(
            "select relname from pg_class where relnamespace = 'registry'::regnamespace "
            "and relkind in ('r', 'p', 'm') and not relispartition order by 1"
        ).fetchall()
        statements = {f"registry.{name}": f"select t::text from registry.{name} as t order by 1" for (name,) in names}
        statements |= {f"ops.{name}": f"select ({c})::text from ops.{name} order by 1" for name, c in BOOKS.items()}
        return {
            name: [row[0] for row in connection.execute(text.encode()).fetchall()] for name, text in statements.items()
        }


def differences(found: dict[str, list[str]], right: dict[str, list[str]]) -> list[str]:
    """What is different, a few rows of each table."""
    said = []
    for table in sorted(set(found) | set(right)):
        rows, wanted = found.get(table, []), right.get(table, [])
        if rows != wanted:
            said.append(f"{table}: {len(rows)} rows instead of {len(wanted)}")
            said += [f"    too much: {row[:300]}" for row in sorted(set(rows) - set(wanted))[:5]]
            said += [f"    missing:  {row[:300]}" for row in sorted(set(wanted) - set(rows))[:5]]
    return said


class Simulation:
    """Days of one seed on one home."""

    def __init__(self, home: Home, plan: dict[date, list[Arrival]], seed: int) -> None:
        self._home, self._plan = home, plan
        self._chance = random.Random(f"faults {seed}")  # noqa: S311 - a simulation, not a secret
        self._waiting: list[str] = []
        self.outdated: set[date] = set()
        """Days whose files have changed since the last run that succeeded."""
        self.happened: set[str] = set()

    def pass_day(self, day: date) -> None:
        self.deliver(day)
        self.outdated.add(day)
        # Every random number is drawn whether it is needed or not: a day's numbers never depend on how a run went.
        if not self._waiting:
            self._waiting = list(FAULTS)
            self._chance.shuffle(self._waiting)
        fault, at, pause = self._waiting.pop(), self._chance.randint(1, LINES_OF_A_RUN), self._chance.uniform(0, 0.3)
        if fault == "fill the disk" and not self._home.is_small:
            say(f"{day}: the disk cannot be filled: a tmpfs of limited size can only be made by root on Linux")
            fault = "nothing"
        first = min(self.outdated)
        code = self._run(first, day, fault, at, pause)
        say(f"{day}: ran {first} to {day}; {fault} at line {at} + {pause:.2f} s: exit code {code}")
        if code == 0:
            self.outdated.clear()
        elif fault in ("nothing", "two runs at once"):
            say("    " + "\n    ".join(self._home.said[-6:]))

    def deliver(self, day: date) -> None:
        """Write what arrives on a day."""
        for arrival in self._plan.pop(day, []):
            path = self._home.landing / arrival.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(arrival.content)
            self.outdated.add(arrival.day)

    def deliver_rest(self) -> None:
        for day in sorted(self._plan):
            self.deliver(day)

    def _run(self, first: date, last: date, fault: str, at: int, pause: float) -> int:
        actions: dict[str, Callable[[subprocess.Popen[str]], None]] = {
            "kill the run": lambda process: process.kill(),
            "kill the server": lambda _: self._home.kill_server(),
            "end connections": lambda _: self._home.end_connections(),
            "fill the disk": lambda _: self._home.fill_disk(),
        }

        def act(number: int, process: subprocess.Popen[str]) -> None:
            if number == at and fault in actions:
                time.sleep(pause)
                actions[fault](process)
                self.happened.add(fault)

        if fault != "two runs at once":
            try:
                return self._home.run(first, last, act)
            finally:
                self._home.filler.unlink(missing_ok=True)
        with self._home.start(first, last) as other:
            self.happened.add(fault)
            code = self._home.run(first, last)
            _, said = other.communicate(timeout=PATIENCE_SECONDS)
            if other.returncode != 0:
                say("    the other run: " + said[-500:])
        return code or other.returncode


def simulate(folder: Path, days: int, seed: int) -> set[str]:
    """All of it below a folder; returns the faults that happened, or raises ChaosError with what differs."""
    last = FIRST_DAY + timedelta(days=days - 1)
    right, home = Home(folder / "right", folder / "final"), Home(folder / "chaos", folder / "landing")
    for made in (right, home):
        made.folder.mkdir()
    home.is_small = mount_small(home.folder)
    try:
        final = make_final_files(right.landing, last, days, EVENTS_PER_DAY, seed)
        keep_log_small(home)
        simulation = Simulation(home, arrivals(right.landing, final, seed), seed)
        for number in range(days):
            simulation.pass_day(FIRST_DAY + timedelta(days=number))
        simulation.deliver_rest()
        first = min(simulation.outdated, default=last)
        for made, start in ((home, first), (right, FIRST_DAY)):
            if made.run(start, last) != 0:
                raise ChaosError("the last, ordinary run failed:\n" + "\n".join(made.said[-15:]))
        say(f"the last run: {first} to {last}; comparing")
        if said := differences(tables_of(home.url()), tables_of(right.url())):
            raise ChaosError("the tables differ from those of a run without faults:\n" + "\n".join(said))
        return simulation.happened
    finally:
        for made in (right, home):
            embedded.stop(made.folder)
        if home.is_small:
            subprocess.run(["umount", "-l", str(home.folder)], check=True)


def mount_small(folder: Path) -> bool:
    """Make a folder a disk of limited size, in memory; False where that is not allowed."""
    if os.geteuid() != 0 or not sys.platform.startswith("linux"):
        return False
    options = ["-t", "tmpfs", "-o", f"size={DISK_MB}m,mode=755", "tmpfs"]
    return subprocess.run(["mount", *options, str(folder)], capture_output=True, check=False).returncode == 0


def keep_log_small(home: Home) -> None:
    """Let the server's write-ahead log fit on the small disk."""
    home.url()
    with (home.folder / "postgres" / "data" / "postgresql.conf").open("a", encoding="utf-8") as configuration:
        configuration.write("max_wal_size = '128MB'\nmin_wal_size = '32MB'\n")
    embedded.stop(home.folder)


def say(text: str) -> None:
    print(text, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="chaos", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--days", type=int, default=60)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))  # servers and the small disk are taken away
    say(f"to see it again: .venv/bin/python -m benchmarks.chaos --days {arguments.days} --seed {arguments.seed}")
    folder = Path(tempfile.mkdtemp(prefix="analytics_etl_chaos_"))
    folder.chmod(0o755)
    try:
        happened = simulate(folder, arguments.days, arguments.seed)
    except ChaosError as error:
        sys.exit(f"seed {arguments.seed}: {error}")
    finally:
        shutil.rmtree(folder)
    say(f"equal after: {', '.join(sorted(happened)) or 'nothing happened'}")


if __name__ == "__main__":
    main()
