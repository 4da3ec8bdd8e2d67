"""Days of trouble, then a comparison: whatever happened, the tables are those of a run without faults.

    make chaos ARGS="--days 60 --seed 1"
    .venv/bin/python -m benchmarks.chaos --days 6 --seed 7

Each simulated day files arrive (late, twice, truncated, in any order) and `analytics-etl backfill --notify` runs over
the days that are not up to date, as a person would type it. Most days something happens in its middle: the run or the
server is killed, connections are ended, the disk is full, or a second run of the same days is started. Its exit code
must be the promised one. Then the sensor that finds killed runs and `analytics-etl notify` run, which is killed at
times, too; the receiver refuses everything on some days. In the end the rest arrives, one ordinary run follows, and
every table and the books (without times and run ids) are compared with those of a second server that got the final
files at once. Every notification must have been received exactly once, by its Idempotency-Key, and say what happened;
twice only what the receiver had accepted and the notifier not yet noted when something was done to it. Exit code 0: all
of it is so. As root the home is a tmpfs of limited size, so that the disk can be filled for real.

What the same seed gives again: the files, what arrives when, each day's fault, the line of progress it happens at, and
how many statements later, where the command is halted while something is done to it; outside of checks it is the same
statement again. What it does not: the order in which Great Expectations asks its questions within a check, what the
other of two runs has done by then, and how far PostgreSQL had come with its own writing when it was killed.
"""

import argparse
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path

from benchmarks.chaos_books import differences, tables_of
from benchmarks.chaos_files import Arrival, arrivals, make_final_files
from benchmarks.chaos_home import ChaosError, Ended, Home, Point, backfill
from benchmarks.chaos_news import Expected, Receiver, complaints, noted, runs_at_work

FIRST_DAY = date(2025, 2, 10)
EVENTS_PER_DAY = 400
LINES_OF_A_RUN = 70
"""About as many lines of progress a run prints."""
LINES_AT_FIRST = 30
"""In the first round of faults points come so early that every run reaches them."""
MOST_STATEMENTS = 15
FAULTS = ("kill the run", "kill the server", "end connections", "two runs at once", "fill the disk")
NOTHING = "nothing"
FULL = ("No space left", "disk full", "disk is full")


class Simulation:
    """Days of one seed on one home."""

    def __init__(self, home: Home, receiver: Receiver, plan: dict[date, list[Arrival]], seed: int) -> None:
        self._home, self._receiver, self._plan = home, receiver, plan
        self._chance = random.Random(f"faults {seed}")  # noqa: S311 - a simulation, not a secret
        self._waiting: list[str] = []
        self._cut: dict[str, Arrival] = {}
        """Compressed files that are there in part, by path: they cannot be read."""
        self.outdated: set[date] = set()
        """Days whose files have changed since the last run that succeeded."""
        self.happened: set[str] = set()
        self.expected = Expected()
        self.complaints: list[str] = []

    def pass_day(self, day: date) -> None:
        self.deliver(day)
        self.outdated.add(day)
        # Every random number is drawn whether it is needed or not: a day's numbers never depend on how a run went.
        fault, lines = self._next_fault()
        point = Point(self._chance.randint(1, lines), self._chance.randint(0, MOST_STATEMENTS))
        refuses, notifier_at = self._chance.random() < 1 / 4, Point(0, self._chance.randint(1, 4 * MOST_STATEMENTS))
        is_notifier_killed, is_mended = self._chance.random() < 1 / 3, self._chance.random() < 1 / 3
        if fault == "fill the disk" and not self._home.is_small:
            say(f"{day}: the disk cannot be filled: a tmpfs of limited size can only be made by root on Linux")
            fault = NOTHING
        self._receiver.refuses = refuses
        first, started = min(self.outdated), time.monotonic()
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

    def _next_fault(self) -> tuple[str, int]:
        """A fault, each as often as any other, and the line up to which it may happen."""
        if not self._waiting:
            self._waiting = list(FAULTS)
            self._chance.shuffle(self._waiting)
            self._waiting.insert(self._chance.randrange(len(FAULTS)) if self.happened else 0, NOTHING)
        return self._waiting.pop(), LINES_OF_A_RUN if len(self.happened) == len(FAULTS) else LINES_AT_FIRST

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

        arguments = backfill(first, last)
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
        unreadable = {(f"registry.{Path(path).parts[0]}", cut.day) for path, cut in self._cut.items()}
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
            ended = self._home.run("analytics-etl", "backfill", "--missing", str(FIRST_DAY), str(day))
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
        self._must_end_well("analytics-etl", *backfill(first, last))
        self._must_end_well("sensor")
        self._must_end_well("later")


def simulate(folder: Path, days: int, seed: int, *, is_verbose: bool = False) -> set[str]:
    """All of it below a folder; returns the faults that happened, or raises ChaosError with what is wrong."""
    last = FIRST_DAY + timedelta(days=days - 1)
    receiver = Receiver()
    with receiver.listening():
        right = Home(folder / "right", folder / "final")
        home = Home(folder / "chaos", folder / "landing", receiver.url, is_verbose)
        for made in (right, home):
            made.folder.mkdir()
        home.make_small()
        try:
            final = make_final_files(right.landing, last, days, EVENTS_PER_DAY, seed)
            home.keep_log_small()
            simulation = Simulation(home, receiver, arrivals(right.landing, final, seed), seed)
            for number in range(days):
                simulation.pass_day(FIRST_DAY + timedelta(days=number))
            simulation.finish(last)
            say("a run without faults, to compare with")
            ended = right.run("analytics-etl", *backfill(FIRST_DAY, last))
            if ended.code != 0:
                raise ChaosError(f"the run without faults failed:\n{ended.end}")
            _compare(simulation, home, right, receiver)
            return simulation.happened
        finally:
            for made in (right, home):
                made.close()


def _compare(simulation: Simulation, home: Home, right: Home, receiver: Receiver) -> None:
    """Raise ChaosError with all that is not as it should be."""
    news = complaints(home.url(), receiver, simulation.expected)
    tables = differences(tables_of(home.url()), tables_of(right.url()))
    keys = {post.body["groupKey"] for post in receiver.posts}
    say(
        f"{len(keys)} messages were received, {len(receiver.posts) - len(keys)} of them twice, "
        f"{receiver.refused} refused at first; {len(simulation.expected.killed)} runs were killed"
    )
    wrong = [
        *(["the tables differ from those of a run without faults:", *tables] if tables else []),
        *(["notifications:", *news] if news else []),
        *(["commands:", *simulation.complaints] if simulation.complaints else []),
    ]
    if wrong:
        raise ChaosError("\n".join(wrong))


def say(text: str) -> None:
    print(text, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="chaos", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--days", type=int, default=60)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--verbose", action="store_true", help="print what the commands say")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))  # servers and the small disk are taken away
    say(f"to see it again: .venv/bin/python -m benchmarks.chaos --days {arguments.days} --seed {arguments.seed}")
    folder, started = Path(tempfile.mkdtemp(prefix="analytics_etl_chaos_")), time.monotonic()
    folder.chmod(0o755)
    try:
        happened = simulate(folder, arguments.days, arguments.seed, is_verbose=arguments.verbose)
    except ChaosError as error:
        sys.exit(f"seed {arguments.seed}: {error}")
    finally:
        shutil.rmtree(folder)
    say(f"equal after {time.monotonic() - started:.0f} s and: {', '.join(sorted(happened)) or 'nothing happened'}")


if __name__ == "__main__":
    main()
