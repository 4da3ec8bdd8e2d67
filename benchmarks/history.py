"""Does the run of the newest day take longer with a longer history? Compares 3 years with 30 days.

    .venv/bin/python -m benchmarks.history                   building takes an hour, measuring 8 minutes; 5 GB of disk
    .venv/bin/python -m benchmarks.history --days 200        a shorter history, built in a few minutes

Two homes get the same sample events of a small registry: one has --days days, the other 38. `analytics-etl backfill`
fills both except for the last 8 days. Then `analytics-etl run DAY` loads these one by one, in both homes by turns. Each
is a new process that runs the newest day with its week, its month, all checks and reports. The result is the median of
the rounds' ratios, and the seconds of each phase.

A home that exists is used again, after its measured days are removed. Retention is off: all raw days stay in the
tables, which is the harder case. With --archive the homes keep the default of 90 days; older ones are archived once.

Target: at most 1.15. The servers are stopped at the end. If this process is killed they keep running; stop them by
analytics-etl stop with their ANALYTICS_HOME.
"""

import argparse
import shutil
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path

import psycopg

from analytics_etl.catalog.calendar import report_path
from analytics_etl.catalog.catalog import Catalog
from analytics_etl.config.settings import CHECKOUT, Settings
from analytics_etl.families.sample import SampleOptions
from analytics_etl.postgres import server as embedded
from benchmarks.jobs import kind_of
from benchmarks.measuring import environment, line, make_sample, ratio_by_round, say, spread

LAST_DAY = date(2025, 3, 31)
HELD_BACK = 8
"""The last days of the landing zone, which are measured and not part of the history."""
SHORT_DAYS = 30 + HELD_BACK
MODULE = [sys.executable, "-W", "ignore", "-m", "analytics_etl.cli"]


@dataclass
class Home:
    """A home with a history of `days`, measured ones included, and the seconds of its runs: in total and by phase."""

    settings: Settings
    days: int
    events: int
    variables: dict[str, str] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)
    phases: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    @property
    def first_day(self) -> date:
        return LAST_DAY - timedelta(days=self.days - 1)

    @property
    def name(self) -> str:
        """The length of the history before the first measured day."""
        return f"{self.days - HELD_BACK:,} days"

    @property
    def environment(self) -> dict[str, str]:
        return environment(self.settings) | {"ANALYTICS_START_DATE": str(self.first_day)} | self.variables

    def call(self, *arguments: str) -> None:
        """Run a command of `analytics-etl` and print its seconds."""
        say(f"{self.settings.home.name}: analytics-etl {' '.join(arguments)}")
        started = time.perf_counter()
        subprocess.run([*MODULE, *arguments], env=self.environment, check=True, cwd=CHECKOUT, stdout=sys.stderr)
        say(f"{self.settings.home.name}: that took {time.perf_counter() - started:.0f} s")

    def build(self) -> None:
        """Make sample events and backfill the history, unless that was done before."""
        options = SampleOptions(LAST_DAY, self.days, self.events, rhythm=False, outage=False)
        marker = self.settings.home / ".built"
        if not marker.exists() or marker.read_text() != repr(options):
            make_sample(self.settings.landing_dir, options)
            self.call("backfill", str(self.first_day), str(LAST_DAY - timedelta(days=HELD_BACK)))
            marker.write_text(repr(options))

    def forget(self, first: date) -> None:
        """Remove the days from `first` on from tables, books and reports, as if they had never been loaded."""
        with psycopg.connect(embedded.ensure_running(self.settings.home), autocommit=True) as connection:
            for contract in Catalog().contracts.values():
                for number in range((LAST_DAY - first).days + 1):
                    leaf = f"{contract.table}_p{first + timedelta(days=number):%Y%m%d}"
                    connection.execute(f"drop table if exists {leaf}".encode())
            for model in Catalog().aggregates.values():
                connection.execute(f"delete from {model.table} where {model.key[0]} >= %s".encode(), [first])
            for table, column in (
                ("partitions", "period_start"), ("check_results", "period_start"), ("check_failures", "period_start"),
                ("changes", "period_start"), ("loaded_days", "day"), ("rejected_rows", "day"),
                ("loaded_files", "first_day"),
            ):  # fmt: skip
                connection.execute(f"delete from ops.{table} where {column} >= %s".encode(), [first])
            connection.execute("vacuum analyze")
        for number in range((LAST_DAY - first).days + 1):
            for ending in ("html", "json"):
                report = report_path("registry", "daily", first + timedelta(days=number), ending)
                (self.settings.reports_dir / report).unlink(missing_ok=True)

    def measure(self, day: date) -> None:
        """Time one daily run, and its phases by its progress lines."""
        catalog = Catalog()
        started = since = time.perf_counter()
        seconds: defaultdict[str, float] = defaultdict(float)
        phase, lines = "starting", []
        command = [*MODULE, "run", str(day)]
        with subprocess.Popen(
            command, env=self.environment, cwd=CHECKOUT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        ) as process:
            assert process.stderr is not None
            for text in process.stderr:
                now = time.perf_counter()
                seconds[phase] += now - since
                since = now
                lines.append(text)
                phase = _phase(catalog, text, phase)
            code = process.wait()
        if code:
            raise RuntimeError(f"the run of {day} in {self.settings.home} failed:\n{''.join(lines[-20:])}")
        ended = time.perf_counter()
        seconds[phase] += ended - since
        self.seconds.append(ended - started)
        for name, value in seconds.items():
            self.phases[name].append(value)


def main() -> None:
    arguments = _arguments()
    base = arguments.home.resolve()
    never = {"ANALYTICS_RETENTION_DAYS": "never", "ANALYTICS_PERSONAL_RETENTION_DAYS": "never"}
    homes = []
    for days in (arguments.days, SHORT_DAYS):
        folder = base / f"history_{days}"
        settings = replace(
            Settings(home=folder), landing_dir=folder / "landing", reports_dir=folder / "reports",
        )  # fmt: skip
        homes.append(Home(settings, days, arguments.events, never))
    rounds = range(1, arguments.rounds + 1)
    first = LAST_DAY - timedelta(days=HELD_BACK - 1)
    for home in homes:
        home.build()
        home.forget(first)
        if arguments.archive:
            home.variables = {}
            home.call("archive")
    for number in rounds:
        for home in homes if number % 2 else reversed(homes):
            day = first + timedelta(days=number - 1)
            home.measure(day)
            say(f"round {number} of {len(rounds)}: {day} after {home.name}: {home.seconds[-1]:.2f} s")
    _print_results(*homes)
    for home in homes:
        embedded.stop(home.settings.home)


def _print_results(large: Home, small: Home) -> None:
    print(f"\n{'seconds, medians':<28} {large.name:>12} {small.name:>12} {'more':>8}")
    for name in small.phases:
        one, other = statistics.median(large.phases[name]), statistics.median(small.phases[name])
        print(f"{name:<28} {one:12.2f} {other:12.2f} {one - other:8.2f}")
    for home in (large, small):
        print(f"daily run after {home.name}: {spread(home.seconds)}")
    what = f"daily run after {large.name}, against {small.name}, median of the rounds"
    line(what, ratio_by_round(large.seconds, small.seconds), 1.15)


def _phase(catalog: Catalog, text: str, before: str) -> str:
    """The phase that begins with a progress line like `3/21 daily 2025-03-31: registry.download_events`."""
    job, _, step = text.strip().partition(": ")
    words = job.split()
    if len(words) < 2 or "/" not in words[0] or not step:  # noqa: PLR2004 - the number and the name of the job
        return before
    return f"{words[1]}: {kind_of(catalog, step)}"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.history", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--days", type=int, default=1095, help="days of the long history (1095)")
    parser.add_argument("--events", type=int, default=3000, help="events a day, of the three tables together (3000)")
    parser.add_argument(
        "--rounds", type=int, default=HELD_BACK, choices=range(1, HELD_BACK + 1), help="newest days (8)"
    )
    parser.add_argument("--archive", action="store_true", help="keep raw days for 90 days only, as is the default")
    parser.add_argument("--rebuild", action="store_true", help="remove both homes first")
    parser.add_argument(
        "--home", type=Path, default=Settings.from_environment().home / "benchmarks", help="where both homes are"
    )
    found = parser.parse_args()
    if found.rebuild:
        for days in (found.days, SHORT_DAYS):
            folder = found.home.resolve() / f"history_{days}"
            embedded.stop(folder)
            shutil.rmtree(folder, ignore_errors=True)
    return found


if __name__ == "__main__":
    main()
