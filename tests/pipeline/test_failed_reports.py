"""After a run that failed, views, `ops/days`, reports and index say so, whoever ran it; and only once."""

import json
from collections.abc import Iterator

import pytest
from commands import call, variables
from conftest import Server
from dagster import AssetKey, RunsFilter
from events import DAY, download, restored_environment, write

from analytics_etl.cli.failure_refresh import refresh_after_failure
from analytics_etl.config.settings import Settings
from analytics_etl.families.sample import SampleOptions, write_sample
from analytics_etl.orchestration import instance as dagster_instance
from analytics_etl.orchestration import runs
from analytics_etl.orchestration.assets.days import DAYS_KEY
from analytics_etl.orchestration.runs import Job
from analytics_etl.pipeline.jobs import VIEWS_JOB
from analytics_etl.postgres.database import Database

FAMILIES_IN_USE = ("registry",)

FAMILY = ("registry",)
PERIODS = (f"daily/{DAY}", "weekly/2025-W11", "monthly/2025-03")
BAD = f"download_events/bad-{DAY}.ndjson.gz"
SAYS = "A check or the last run failed for 1 table."


@pytest.fixture(scope="module")
def done(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A day of one family that is done, and then gets a file that nobody can read."""

    def make(database: Database) -> None:
        settings = database.settings
        write_sample(settings.landing_dir, SampleOptions(last_day=DAY, days=1, events_per_day=200, families=FAMILY))
        with restored_environment():
            run(settings, *runs.jobs_of(DAY, DAY, FAMILY))
        assert [state(settings, period)["is_failed"] for period in PERIODS] == [False] * 3
        write(settings, BAD, []).write_bytes(b"rubbish")

    with server.made_once(tmp_path_factory.mktemp("done"), make, FAMILIES_IN_USE) as made:
        yield made


@pytest.fixture
def day(server: Server, done: Settings, settings: Settings) -> Iterator[Settings]:
    server.copy(done, settings)
    with restored_environment():
        yield settings


def run(settings: Settings, *jobs: Job) -> None:
    runs.execute(settings, jobs, lambda *_: None)


def daily_fails(settings: Settings) -> runs.RunFailedError:
    """A daily run as the daemon has it: nothing follows it in the same process."""
    with pytest.raises(runs.RunFailedError, match="files_are_readable") as failed:
        run(settings, Job("daily", DAY, DAY, FAMILY))
    return failed.value


def state(settings: Settings, period: str) -> dict[str, object]:
    value = json.loads((settings.reports_dir / "registry" / f"{period}.json").read_text(encoding="utf-8"))
    return dict(value["state"])


def listed(settings: Settings) -> set[str]:
    """The reports of which the index says that something failed."""
    entries = json.loads((settings.reports_dir / "index.json").read_text(encoding="utf-8"))["reports"]
    return {entry["links"]["json"] for entry in entries if entry["state"]["is_failed"]}


def written(settings: Settings) -> list[int]:
    return [path.stat().st_ino for path in sorted((settings.reports_dir / "registry").rglob("*.json"))]


def views_runs(settings: Settings) -> int:
    with dagster_instance.instance(settings) as instance:
        return instance.get_runs_count(RunsFilter(job_name=VIEWS_JOB))


def test_the_command_line_brings_all_up_to_date_and_fails(day: Settings) -> None:
    done = call(f"run {DAY} --family registry", variables(day))
    assert done.exit_code == 1
    assert "files_are_readable" in done.stderr
    assert done.stderr.splitlines()[-1].strip().startswith("Brought up to date all the same: the views, the reports")
    for period in PERIODS:
        assert str(state(day, period)["sentence"]).endswith(SAYS)
        html = (day.reports_dir / "registry" / f"{period}.html").read_text(encoding="utf-8")
        assert "a check or run failed" in html
        assert "download_events" in html[html.index("Which checks failed?") :]
    assert listed(day) == {f"registry/{period}.json" for period in PERIODS}
    with dagster_instance.instance(day) as instance:
        shown = instance.get_latest_materialization_event(DAYS_KEY)
        assert shown is not None
        assert shown.asset_materialization is not None
        assert "files_are_readable" in str(shown.asset_materialization.metadata["notes"].value)
        [view] = instance.fetch_materializations(AssetKey(["registry", "top_modules_30d"]), limit=1).records
        assert view.run_id == shown.run_id


def test_the_refresh_after_a_run_of_the_daemon_says_what_failed_once(day: Settings) -> None:
    (day.reports_dir / "registry" / f"{PERIODS[0]}.json").unlink()  # as if the run had not come to it yet
    daily_fails(day)
    assert listed(day) == set()
    run(day, Job(VIEWS_JOB))
    assert listed(day) == {f"registry/{period}.json" for period in PERIODS}
    before = written(day)
    run(day, Job(VIEWS_JOB))
    assert written(day) == before
    write(day, BAD, [download(99_999)])
    run(day, *runs.jobs_of(DAY, DAY, FAMILY))
    assert listed(day) == set()


def test_when_that_fails_too_both_are_told(day: Settings) -> None:
    """And nothing is tried again and again."""
    page = day.reports_dir / "index.html"
    page.unlink()
    (page / "in the way").mkdir(parents=True)
    before = views_runs(day)
    done = call(f"run {DAY} --family registry", variables(day))
    assert done.exit_code == 1
    assert "files_are_readable" in done.stderr
    told = done.stderr[done.stderr.index("Nor could views and reports be brought up to date after it: ") :]
    assert "reports.index: " in told
    assert "Is a directory" in told
    assert views_runs(day) == before + 1
    assert str(state(day, PERIODS[0])["sentence"]).endswith(SAYS), "a page in the way stops no report"


@pytest.mark.parametrize(
    "error",
    [
        runs.RunFailedError("stopped", Job("daily", DAY, DAY), is_interrupted=True),
        runs.RunFailedError("no", Job(VIEWS_JOB)),
    ],
)
def test_who_interrupts_wants_an_end_and_what_failed_is_not_run_again(
    settings: Settings, error: runs.RunFailedError
) -> None:
    with restored_environment():
        before = views_runs(settings)
    told = refresh_after_failure(settings, error, runs.jobs_of(DAY, DAY, FAMILY), lambda *_: None, {})
    assert told == str(error)
    with restored_environment():
        assert views_runs(settings) == before == 0
    assert listed(settings) == set()
