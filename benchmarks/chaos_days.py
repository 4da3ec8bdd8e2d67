"""The days of a simulation: what arrives, what is done in the middle of each run, and how that must have ended."""

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
from benchmarks.chaos_home import Ended, Home, Point, backfill, of
from benchmarks.chaos_news import Expected, Receiver, noted, runs_at_work

FIRST_DAY = date(2025, 2, 10)
LINES_OF_A_FAMILY = 24
"""About as many lines of progress a run prints for each family."""
LINES_AT_FIRST = 30
"""In the first round of faults points come so early that every run reaches them."""
MOST_STATEMENTS = 15
FAULTS = ("kill the run", "kill the server", "end connections", "two runs at once", "fill the disk")
CUTTING_OFF = ("kill the run", "fill the disk")
"""Faults that end a run before its end."""
NOTHING = "nothing"
TABLES = {contract.name: table for table, contract in Catalog().contracts.items()}
"""Folder of the landing zone -> table with its family."""
FULL = ("No space left", "disk full", "disk is full")


def say(text: str) -> None:
    print(text, flush=True)


class Simulation:
    """Days of one seed on one home."""

    def __init__(
        self, home: Home, receiver: Receiver, plan: dict[date, list[Arrival]], seed: int, families: Sequence[str]
    ) -> None:
        self._home, self._receiver, self._plan, self._families = home, receiver, plan, families
        self._chance = random.Random(f"faults {seed}")  # noqa: S311 - a simulation, not a secret
        self._waiting: list[str] = []
        self._rounds = 0
        self._cut: dict[str, Arrival] = {}
        """Compressed files that are there in part, by path: they cannot be read."""
        self.outdated: set[date] = set()
        """Days whose files have changed since the last run that succeeded."""
        self.happened: set[str] = set()
        self.expected = Expected()
        self.complaints: list[str] = []

    def pass_day(self, day: date) -> None:
        """Let arrive what arrives; run it, and again after each fault that cuts a run off, as a person would."""
        self.deliver(day)
        self.outdated.add(day)
        for fault, lines in self._next_faults():
            self._attempt(day, fault, lines)

    def _attempt(self, day: date, fault: str, lines: int) -> None:
        # Every random number is drawn whether it is needed or not: a day's numbers never depend on how a run went.
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
        self._tell(ended.code, notifier_at if is_notifier_killed else None)
        if ended.code != 0 and is_mended:
            self._mend(day)

    def _next_faults(self) -> list[tuple[str, int]]:
        """The faults of a day, up to one that a run survives, each with the line up to which it may happen."""
        faults = [self._next_fault()]
        while faults[-1][0] in CUTTING_OFF:
            faults.append(self._next_fault())
        return faults

    def _next_fault(self) -> tuple[str, int]:
        """A fault, each as often as any other, and the line up to which it may happen."""
        if not self._waiting:
            self._waiting = list(FAULTS)
            self._chance.shuffle(self._waiting)
            self._waiting.insert(self._chance.randrange(len(FAULTS)) if self._rounds else 0, NOTHING)
            self._rounds += 1
        return self._waiting.pop(), LINES_AT_FIRST if self._rounds == 1 else LINES_OF_A_FAMILY * len(self._families)

    def deliver(self, day: date) -> None:
        """Write what arrives on a day."""
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
        """The day's run with its fault; what the exit code of two runs is, is judged for each of them."""
        actions: dict[str, Callable[[BaseProcess], None]] = {
            "kill the run": self._kill,
            "kill the server": lambda _: self._home.kill_server(),
            "end connections": lambda _: self._home.end_connections(),
            "fill the disk": lambda _: self._home.fill_disk(),
        }

        def act(process: BaseProcess) -> None:
            self.happened.add(fault)
            self._note_unnoted()
            actions[fault](process)

        arguments = backfill(first, last, self._families)
        if fault == NOTHING:
            return self._home.run("analytics-etl", *arguments)
        if fault != "two runs at once":
            try:
                return self._home.run("analytics-etl", *arguments, point=point, act=act)
            finally:
                self._home.filler.unlink(missing_ok=True)
                if fault == "fill the disk":  # what was accepted then may not have been noted for want of room
                    self._note_unnoted()
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

    def _note_unnoted(self) -> None:
        """What was received and is not noted as sent, now that something is about to happen, may come again."""
        self.expected.maybe_twice |= {post.body["groupKey"] for post in self._receiver.posts} - noted(self._home.url())

    def _judge(self, ended: Ended, fault: str, first: date, last: date, who: str = "the run") -> None:
        """Hold an exit code and what was said against what is promised."""
        unreadable = {(TABLES[Path(path).parts[0]], cut.day) for path, cut in self._cut.items()}
        unreadable = {(table, day) for table, day in unreadable if first <= day <= last}
        usual = 1 if unreadable else 0
        said = "\n".join(ended.said)
        is_undisturbed = fault in (NOTHING, "two runs at once") or ended.halted_at is None
        if is_undisturbed or fault in ("kill the server", "end connections"):
            is_right = ended.code == usual and ("files_are_readable" in said or not usual)
        elif fault == "kill the run":
            is_right = ended.code == -signal.SIGKILL
        else:
            is_right = ended.code == usual or (ended.code == 1 and any(word in said for word in FULL))
        if is_undisturbed and ended.code == 1:
            self.expected.unreadable |= unreadable
        is_right = is_right and "Traceback (most recent call last)" not in said
        if not is_right:
            self.complaints.append(
                f"{last}: {who} ended with {ended.code} instead of {usual} after: {fault}\n{ended.end}"
            )
            say(self.complaints[-1])

    def _tell(self, code: int, kill_at: Point | None) -> None:
        """What the daemon does every minute: find runs whose process is gone, tell people; killed at times."""
        if code != 0:
            self._must_end_well("sensor")

        def kill(process: BaseProcess) -> None:
            self._note_unnoted()
            process.kill()

        ended = self._home.run("analytics-etl", "notify", point=kill_at, act=kill)
        if ended.halted_at is None and ended.code != (
            1 if self._receiver.refuses and "webhook" in str(ended.said) else 0
        ):
            self.complaints.append(f"notify ended with {ended.code}:\n{ended.end}")
            say(self.complaints[-1])
        elif ended.halted_at is not None:
            say(f"    killed the notifier at {ended.halted_at}")

    def _mend(self, day: date) -> None:
        """What a person types after a run that was cut off, until there is nothing left to do.

        That may take one more: the first one reads the new files, and late rows in them are of other days.
        """
        for _ in range(3):
            days = (str(FIRST_DAY), str(day))
            ended = self._home.run("analytics-etl", "backfill", "--missing", *days, *of(self._families))
            self._judge(ended, NOTHING, FIRST_DAY, day, "backfill --missing")
            say(f"    backfill --missing: exit code {ended.code}: {' '.join(ended.said[-1:])[:100]}")
            if ended.code != 0 or any("nothing to do" in line for line in ended.said):
                return
        self.complaints.append(f"{day}: backfill --missing again and again leaves something to do:\n{ended.end}")
        say(self.complaints[-1])

    def _must_end_well(self, what: str, *arguments: str) -> None:
        ended = self._home.run(what, *arguments)
        if ended.code != 0:
            self.complaints.append(f"{what} {' '.join(arguments)} ended with {ended.code}:\n{ended.end}")
            say(self.complaints[-1])

    def finish(self, last: date) -> None:
        """One ordinary run over what is left, and the last messages."""
        self._receiver.refuses = False
        self.deliver_rest()
        first = min(self.outdated, default=last)
        say(f"the last run: {first} to {last}")
        self._must_end_well("analytics-etl", *backfill(first, last, self._families))
        self._must_end_well("sensor")
        self._must_end_well("later")
