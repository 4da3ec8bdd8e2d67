"""A run killed between two steps leaves checks and reports undone: `backfill --missing` finds and does them, and then
all is as if nobody had disturbed the run.

Runs are children of a process that has imported everything: this file, run as a program.
"""

import importlib
import json
import os
import re
import signal
import subprocess
import sys
import warnings
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from conftest import Server, settings_in
from events import DAY, all_tables, ask, compilation, declared, download, read_for_children, view, write

from analytics_etl.config.settings import CHECKOUT, Settings
from analytics_etl.orchestration import runs
from analytics_etl.pipeline.planning import known_days, make_plan
from analytics_etl.postgres.database import Database

FAMILIES_IN_USE = ("registry",)

FAMILY = ("registry",)
MOST_ROUNDS = 3

# The step that is being begun when the run of each day is killed, and what is due of that day then.
KILLS = {
    "registry.overview_daily.checks": {"registry.daily_report"},
    "registry.monthly_report": {"registry.monthly_report"},
}  # fmt: skip


# -- the process whose children are the runs -------------------------------------------------------------------------


def run(settings: Settings, first: date, last: date, kill_in: str) -> None:
    def progress(what: str, done: int, steps: int) -> None:
        del done, steps
        if kill_in and what.endswith(f": {kill_in}"):
            os.kill(os.getpid(), signal.SIGKILL)

    runs.execute(settings, runs.jobs_of(first, last, FAMILY), progress)


def run_missing(settings: Settings, last: date) -> list[list[str]]:
    """What `backfill --missing` does, until it says that there is nothing to do: the reasons of each round."""
    rounds = []
    database = Database(settings)
    for _ in range(MOST_ROUNDS):
        days = known_days(database, last)
        assert days is not None
        plan = make_plan(database, declared(), *days, FAMILY)
        if not plan.jobs:
            break
        rounds.append(plan.reasons())
        runs.execute(settings, plan.jobs, lambda *_: None)
    return rounds


def settings_of(request: dict[str, Any]) -> Settings:
    home, landing, reports, lake = (Path(request[f]) for f in ("home", "landing_dir", "reports_dir", "lake_dir"))
    url = request["database_url"]
    return Settings(
        home=home, landing_dir=landing, reports_dir=reports, lake_dir=lake, database_url=url, families=FAMILIES_IN_USE
    )


def child(settings: Settings, request: dict[str, Any]) -> Any:
    last = date.fromisoformat(request["last"])
    if request["what"] == "missing":
        return run_missing(settings, last)
    return run(settings, date.fromisoformat(request["first"]), last, request["kill_in"])


def serve() -> None:
    """Read a request a line, fork a child for it, answer how it ended."""
    importlib.import_module("great_expectations.expectations")
    for text in sys.stdin:
        request = json.loads(text)
        settings = settings_of(request)
        read_for_children(settings)
        reading, writing = os.pipe()
        with warnings.catch_warnings(action="ignore"):
            pid = os.fork()
        if pid == 0:
            os.close(reading)
            try:
                os.write(writing, json.dumps(child(settings, request)).encode())
            except BaseException as error:  # noqa: BLE001 - told to whoever asked
                os.write(writing, json.dumps(repr(error)).encode())
                os._exit(1)
            os._exit(0)
        os.close(writing)
        with open(reading, encoding="utf-8") as pipe:  # noqa: PTH123 - a file descriptor
            said = pipe.read()
        _, status = os.waitpid(pid, 0)
        answer = {"code": os.waitstatus_to_exitcode(status), "said": json.loads(said or "null")}
        print(json.dumps(answer), flush=True)  # noqa: T201 - the answer


class Runner:
    """Asks that process."""

    def __init__(self) -> None:
        folders = [str(Path(__file__).parent.parent), str(CHECKOUT)]
        self.process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(folders)},
        )  # fmt: skip

    def ask(self, settings: Settings, what: str, first: date, last: date, kill_in: str = "") -> tuple[int, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        folders = {name: str(getattr(settings, name)) for name in ("home", "landing_dir", "reports_dir", "lake_dir")}
        request = {"what": what, "first": str(first), "last": str(last), "kill_in": kill_in}
        print(json.dumps({**folders, **request, "database_url": settings.database_url}), file=self.process.stdin)
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        return answer["code"], answer["said"]


@pytest.fixture
def runner() -> Iterator[Runner]:
    made = Runner()
    yield made
    made.process.communicate(timeout=30)


# -- the test --------------------------------------------------------------------------------------------------------


def write_days(settings: Settings, days: list[date]) -> None:
    for number, day in enumerate(days):
        events = [download(100 * number + n, day) for n in range(5 + number)]
        write(settings, f"download_events/{day}.ndjson", events)
        write(settings, f"module_view_events/{day}.ndjson", [view(100 * number, day)])
        write(settings, f"compilation_events/{day}.ndjson", [compilation(100 * number, day)])


def judged(settings: Settings) -> list[dict[str, Any]]:
    """The results of all checks but those of views, which are about the newest day only."""
    return ask(
        settings.database_url,
        "select table_name, check_name, period_start, passed, severity, description, unexpected_count, code_version "
        "from ops.check_results where period_end > period_start order by 1, 2, 3",
    )


def reports(settings: Settings) -> dict[str, str]:
    """All reports of the family, and the index, but for when they were published and the newest day there was then."""
    paths = [*settings.reports_dir.glob("registry/*/*"), *settings.reports_dir.glob("index.*")]
    moments = r"\d+ \w+ \d{4} at \d\d:\d\d|\d{4}-\d\d-\d\dT[\d:.+]+|\"newest_day\": \S+"
    return {
        str(path.relative_to(settings.reports_dir)): re.sub(moments, "…", path.read_text(encoding="utf-8"))
        for path in paths
    }


def test_what_a_killed_run_left_out_is_found_and_done(
    server: Server, settings: Settings, runner: Runner, tmp_path: Path
) -> None:
    days = [DAY + timedelta(days=n) for n in range(len(KILLS))]
    quiet = settings_in(tmp_path / "quiet", server.clone(), families=FAMILIES_IN_USE)
    for each in (quiet, settings):
        write_days(each, days)
    assert runner.ask(quiet, "run", days[0], days[-1]) == (0, None)
    assert runner.ask(quiet, "missing", days[0], days[-1]) == (0, [])
    for day, (kill_in, due) in zip(days, KILLS.items(), strict=True):
        code, said = runner.ask(settings, "run", day, day, kill_in)
        assert (code, said) == (-signal.SIGKILL, None), said
        code, rounds = runner.ask(settings, "missing", days[0], day)
        assert code == 0, rounds
        # A report that is written beside the checks of a table that is not made again is written once more.
        assert len(rounds) <= 2, (kill_in, rounds)
        late = [reason for later in rounds[1:] for reason in later]
        assert all("daily_report" in reason and "older than the checks" in reason for reason in late), rounds
        assert due <= {reason.partition(":")[0] for said in rounds for reason in said}, (kill_in, rounds)
    assert all_tables(settings) == all_tables(quiet)
    assert judged(settings) == judged(quiet)
    assert reports(settings) == reports(quiet)
    server.drop(quiet.database_url or "")


if __name__ == "__main__":
    serve()
