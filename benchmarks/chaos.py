"""Simulates days with faults, then compares: the tables must be the same as after a run without faults.

    make chaos ARGS="--days 60 --seed 1"
    .venv/bin/python -m benchmarks.chaos --days 3 --seed 7

On each simulated day files arrive: late, twice, truncated, in any order. Then `analytics-etl backfill --notify` runs
over the days that are not up to date, and again when a fault ended it early. Most runs have a fault in their middle:
the run or the server is killed, connections are ended, the disk is full, or a second run of the same days starts. The
exit code of each run must be the documented one. Next come the sensor that finds killed runs, and `analytics-etl
notify`, which is also killed at times; on some days the receiver refuses everything.

At the end the remaining files arrive and one ordinary run follows. Then every table and the books (without times and
run ids) must equal those of a second server that got the final files at once. Every notification must have been
received exactly once, by its Idempotency-Key, and say what happened. It may come twice only if the receiver had
accepted it and a fault came before the notifier recorded that. After some days the upkeep of the lake is killed, too
(`chaos_upkeep`). The exit code is 0 if all of this holds. For root the
home is a tmpfs of limited size, so that the disk is really full.

The same seed repeats: the files and their days of arrival, the faults of each day, and the point of each fault, which
is a progress line and a number of statements after it. Outside of checks that is the same statement each time. A seed
does not repeat: the order in which Great Expectations queries within a check, how far the other of two runs has come,
and what PostgreSQL had written when it was killed.
"""

import argparse
import random
import shutil
import signal
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

from analytics_etl.families.sample import FAMILIES
from benchmarks.chaos_books import differences, lake_of, tables_of
from benchmarks.chaos_days import FIRST_DAY, TABLES, Simulation, say
from benchmarks.chaos_files import arrivals, make_final_files
from benchmarks.chaos_home import ChaosError, Home, backfill
from benchmarks.chaos_news import Receiver, complaints
from benchmarks.chaos_upkeep import Upkeep

EVENTS_PER_DAY = 400
"""Events of the family registry; each other family has at least half as many."""
DAYS_TO_UPKEEP = 2
"""Days from one upkeep of the lake to the next."""


def simulate(folder: Path, days: int, seed: int, families: tuple[str, ...], *, is_verbose: bool = False) -> set[str]:
    """Run the simulation below a folder; returns the faults that happened. Raises ChaosError if anything is wrong."""
    last = FIRST_DAY + timedelta(days=days - 1)
    receiver = Receiver()
    with receiver.listening():
        right = Home(folder / "right", folder / "final")
        home = Home(folder / "chaos", folder / "landing", receiver.url, is_verbose)
        for made in (right, home):
            made.folder.mkdir()
        home.make_small(days, len(families))
        try:
            final = make_final_files(right.landing, last, days, EVENTS_PER_DAY, seed, families)
            home.keep_log_small()
            with ThreadPoolExecutor(1) as beside:
                without_faults = beside.submit(right.run, "analytics-etl", *backfill(FIRST_DAY, last, families))
                simulation = Simulation(home, receiver, arrivals(right.landing, final, seed), seed, families)
                upkeep = Upkeep(home, seed, [table for table in TABLES.values() if table.split(".")[0] in families])
                for number in range(days):
                    simulation.pass_day(FIRST_DAY + timedelta(days=number))
                    if number % DAYS_TO_UPKEEP == 0:
                        upkeep.pass_day(FIRST_DAY + timedelta(days=number))
                simulation.finish(last)
                ended = without_faults.result()
            if ended.code != 0:
                raise ChaosError(f"the run without faults failed:\n{ended.end}")
            simulation.complaints += upkeep.complaints
            _compare(simulation, home, right, receiver)
            return simulation.happened | upkeep.happened
        finally:
            for made in (right, home):
                made.close()


def _compare(simulation: Simulation, home: Home, right: Home, receiver: Receiver) -> None:
    """Raise ChaosError with all differences of tables, and complaints about notifications and commands."""
    news = complaints(home.url(), receiver, simulation.expected)
    tables = differences(tables_of(home.url(), home.folder / "lake"), tables_of(right.url(), right.folder / "lake"))
    lake = lake_of(home.url(), home.folder / "lake")
    keys = {post.body["groupKey"] for post in receiver.posts}
    say(
        f"{len(keys)} messages were received, {len(receiver.posts) - len(keys)} of them twice, "
        f"{receiver.refused} refused at first; {len(simulation.expected.killed)} runs were killed"
    )
    wrong = [
        *(["the tables differ from those of a run without faults:", *tables] if tables else []),
        *(["the lake:", *lake] if lake else []),
        *(["notifications:", *news] if news else []),
        *(["commands:", *simulation.complaints] if simulation.complaints else []),
    ]
    if wrong:
        raise ChaosError("\n".join(wrong))


def main() -> None:
    parser = argparse.ArgumentParser(prog="chaos", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--days", type=int, default=60)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--families", nargs="+", choices=tuple(FAMILIES), default=tuple(FAMILIES), help="which events")
    parser.add_argument("--verbose", action="store_true", help="print what the commands say")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))  # so that `finally` cleans up
    chosen = f"--days {arguments.days} --seed {arguments.seed} --families {' '.join(arguments.families)}"
    say(f"to see it again: .venv/bin/python -m benchmarks.chaos {chosen}")
    folder, started = Path(tempfile.mkdtemp(prefix="analytics_etl_chaos_")), time.monotonic()
    folder.chmod(0o755)
    try:
        families = tuple(arguments.families)
        happened = simulate(folder, arguments.days, arguments.seed, families, is_verbose=arguments.verbose)
    except ChaosError as error:
        sys.exit(f"seed {arguments.seed}: {error}")
    finally:
        shutil.rmtree(folder)
    say(f"equal after {time.monotonic() - started:.0f} s and: {', '.join(sorted(happened)) or 'nothing happened'}")


if __name__ == "__main__":
    main()
