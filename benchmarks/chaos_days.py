"""The days of a simulation: files that arrive, runs with a fault in their middle, and the judgement of their ends."""

import random
import signal
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from multiprocessing.process import BaseProcess
from pathlib import Path

from analytics_etl.catalog.catalog import Catalog
from benchmarks.chaos_files import Arrival
from benchmarks.chaos_home import Ended, Home, Point, backfill, family_options
from benchmarks.chaos_news import Expected, Receiver, recorded_as_sent, runs_at_work

FIRST_DAY = date(2025, 2, 10)
LINES_OF_A_FAMILY = 24
"""About as many progress lines as a run prints for each family."""
LINES_AT_FIRST = 30
"""Last line of a fault in the first round: so early that every run reaches it."""
MOST_STATEMENTS = 15
"""After its line, the last statement at which a fault happens."""
FAULTS = ("kill the run", "kill the server", "end connections", "two runs at once", "fill the disk")
ENDING = ("kill the run", "fill the disk")
"""Faults that end a run early."""
NOTHING = "nothing"
TABLES = {contract.name: table for table, contract in Catalog().contracts.items()}
"""Folder of the landing zone -> table with its schema."""
FULL = ("No space left", "disk full", "disk is full")
"""Texts of errors about a full disk."""


def say(text: str) -> None:
    print(text, flush=True)


class Simulation:
    """The simulated days of one seed, on one home."""

    def __init__(
        self, home: Home, receiver: Receiver, plan: dict[date, list[Arrival]], seed: int, families: Sequence[str]
    ) -> None:
        self._home, self._receiver, self._plan, self._families = home, receiver, plan, families
        self._chance = random.Random(f"faults {seed}")  # noqa: S311 - a simulation, not a secret
        self._waiting: list[str] = []
        self._rounds = 0
        self._cut: dict[str, Arrival] = {}
        """Truncated compressed files, by path: they cannot be read."""
        self.outdated: set[date] = set()
        """Days whose files have changed since the last run that succeeded."""
        self.happened: set[str] = set()
        self.expected = Expected()
        self.complaints: list[str] = []

    def pass_day(self, day: date) -> None:
        """Deliver the files of a day and run it; run it again after each fault that ends a run early."""
        self.deliver(day)
        self.outdated.add(day)
        for fault, lines in self._next_faults():
            self._attempt(day, fault, lines)

    def _attempt(self, day: date, fault: str, lines: int) -> None:
        # Draw every random number, needed or not: the numbers of a day must not depend on how a run went.
        point = Point(self._chance.randint(1, lines), self._chance.randint(0, MOST_STATEMENTS))
        refuses, notifier_at = self._chance.random() < 1 / 4, Point(0, self._chance.randint(1, 4 * MOST_STATEMENTS))
        is_notifier_killed, is_mended = self._chance.random() < 1 / 3, self._chance.random() < 1 / 3
        if fault == "fill the disk" and not self._home.is_small:
            say(f"{day}: the disk cannot be filled: only root on Linux may mount a small tmpfs, and not everywhere")
            fault = NOTHING
        self._receiver.refuses = refuses
        first, started = min(self.outdated, default=day), time.monotonic()
        ended = self._run(first, day, fault, point)
        seconds = time.monotonic() - started
        what = (
            f"{fault} at {point} ({ended.halted_at})" if ended.halted_at else fault if fault == NOTHING else "too late"
        )
        say(f"{day}: ran {first} to {day} in {seconds:.0f} s: {what}: exit code {ended.code}")
        self._judge(ended, fault, first, day)
        if ended.code == 0:
            self.outdated.clear()
        self._notify(ended.code, notifier_at if is_notifier_killed else None)
        if ended.code != 0 and is_mended:
            self._mend(day)

    def _next_faults(self) -> list[tuple[str, int]]:
        """The faults of a day, up to the first that a run survives, each with the last line at which it may happen."""
        faults = [self._next_fault()]
        while faults[-1][0] in ENDING:
            faults.append(self._next_fault())
        return faults

    def _next_fault(self) -> tuple[str, int]:
        """A fault, and the last line at which it may happen. All faults come equally often."""
        if not self._waiting:
            self._waiting = list(FAULTS)
            self._chance.shuffle(self._waiting)
            self._waiting.insert(self._chance.randrange(len(FAULTS)) if self._rounds else 0, NOTHING)
            self._rounds += 1
        return self._waiting.pop(), LINES_AT_FIRST if self._rounds == 1 else LINES_OF_A_FAMILY * len(self._families)

    def deliver(self, day: date) -> None:
        """Write the files that arrive on a day."""
        for arrival in self._plan.pop(day, []):
            path = self._home.landing / arrival.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(arrival.content)
            self.outdated.add(arrival.day)
            if arrival.what == "truncated" and path.suffix == ".gz":
                self._cut[arrival.path] = arrival
            else:
                self._cut.pop(arrival.path, None)

    def deliver_rest(self) -> None:
        for day in sorted(self._plan):
            self.deliver(day)

    def _run(self, first: date, last: date, fault: str, point: Point) -> Ended:
        """The run of a day with its fault. A second run that is the fault is judged here."""
        actions: dict[str, Callable[[BaseProcess], None]] = {
            "kill the run": self._kill,
            "kill the server": lambda _: self._home.kill_server(),
            "end connections": lambda _: self._home.end_connections(),
            "fill the disk": lambda _: self._home.fill_disk(),
        }

        def act(process: BaseProcess) -> None:
            self.happened.add(fault)
            self._allow_repeated()
            actions[fault](process)

        arguments = backfill(first, last, self._families)
        if fault == NOTHING:
            return self._home.run("analytics-etl", *arguments)
        if fault != "two runs at once":
            try:
                return self._home.run("analytics-etl", *arguments, point=point, act=act)
            finally:
                self._home.filler.unlink(missing_ok=True)
                if fault == "fill the disk":  # the notifier may have had no space to record what was accepted
                    self._allow_repeated()
        with ThreadPoolExecutor(1) as other:
            begun = []
            actions[fault] = lambda _: begun.append(other.submit(self._home.start("analytics-etl", *arguments).finish))
            ended = self._home.run("analytics-etl", *arguments, point=point, act=act)
            for second in begun:
                self._judge(second.result(), NOTHING, first, last, "the other run")
        return ended

    def _kill(self, process: BaseProcess) -> None:
        self.expected.killed |= runs_at_work(self._home.url())
        process.kill()

    def _allow_repeated(self) -> None:
        """Allow messages to come twice that were received and are not yet recorded as sent: a fault comes now."""
        received = {post.body["groupKey"] for post in self._receiver.posts}
        self.expected.maybe_twice |= received - recorded_as_sent(self._home.url())

    def _judge(self, ended: Ended, fault: str, first: date, last: date, who: str = "the run") -> None:
        """Compare the exit code and the output of a command with what is documented; add a complaint if they differ."""
        unreadable = {(TABLES[Path(path).parts[0]], cut.day) for path, cut in self._cut.items()}
        unreadable = {(table, day) for table, day in unreadable if first <= day <= last}
        expected = 1 if unreadable else 0
        output = "\n".join(ended.lines)
        is_undisturbed = fault in (NOTHING, "two runs at once") or ended.halted_at is None
        if is_undisturbed or fault in ("kill the server", "end connections"):
            is_right = ended.code == expected and ("files_are_readable" in output or not expected)
        elif fault == "kill the run":
            is_right = ended.code == -signal.SIGKILL
        else:
            is_right = ended.code == expected or (ended.code == 1 and any(text in output for text in FULL))
        if is_undisturbed and ended.code == 1:
            self.expected.unreadable |= unreadable
        is_right = is_right and "Traceback (most recent call last)" not in output
        if not is_right:
            self.complaints.append(
                f"{last}: {who} ended with {ended.code} instead of {expected} after: {fault}\n{ended.end}"
            )
            say(self.complaints[-1])

    def _notify(self, code: int, kill_at: Point | None) -> None:
        """Do what the daemon does every minute: fail runs whose process is gone, and notify; kill that at `kill_at`."""
        if code != 0:
            self._must_end_well("sensor")

        def kill(process: BaseProcess) -> None:
            self._allow_repeated()
            process.kill()

        ended = self._home.run("analytics-etl", "notify", point=kill_at, act=kill)
        if ended.halted_at is None and ended.code != (
            1 if self._receiver.refuses and "webhook" in str(ended.lines) else 0
        ):
            self.complaints.append(f"notify ended with {ended.code}:\n{ended.end}")
            say(self.complaints[-1])
        elif ended.halted_at is not None:
            say(f"    killed the notifier at {ended.halted_at}")

    def _mend(self, day: date) -> None:
        """Run `backfill --missing` after a run that ended early, until there is nothing left to do.

        That may take more than one: the first reads the new files, and finds late rows of other days in them.
        """
        for _ in range(3):
            days = (str(FIRST_DAY), str(day))
            ended = self._home.run("analytics-etl", "backfill", "--missing", *days, *family_options(self._families))
            self._judge(ended, NOTHING, FIRST_DAY, day, "backfill --missing")
            say(f"    backfill --missing: exit code {ended.code}: {' '.join(ended.lines[-1:])[:100]}")
            if ended.code != 0 or any("nothing to do" in line for line in ended.lines):
                return
        self.complaints.append(f"{day}: backfill --missing again and again leaves something to do:\n{ended.end}")
        say(self.complaints[-1])

    def _must_end_well(self, what: str, *arguments: str) -> None:
        ended = self._home.run(what, *arguments)
        if ended.code != 0:
            self.complaints.append(f"{what} {' '.join(arguments)} ended with {ended.code}:\n{ended.end}")
            say(self.complaints[-1])

    def finish(self, last: date) -> None:
        """Deliver the remaining files, run all days that are not up to date, and send the last notifications."""
        self._receiver.refuses = False
        self.deliver_rest()
        first = min(self.outdated, default=last)
        say(f"the last run: {first} to {last}")
        self._must_end_well("analytics-etl", *backfill(first, last, self._families))
        self._must_end_well("sensor")
        self._must_end_well("later")
