"""Many days in one range, day by day, backwards, twice: every table holds the same rows."""

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import dagster as dg
import pytest
from conftest import Server, settings_in
from events import (
    DOWNLOADS,
    Event,
    all_tables,
    days_of,
    download,
    load_and_aggregate,
    rare,
    restored_environment,
    view,
    without_rows,
    write,
)

from analytics_etl.catalog.catalog import Catalog
from analytics_etl.config.settings import Settings
from analytics_etl.families.sample import FAMILIES, SampleOptions, write_sample
from analytics_etl.orchestration import runs
from analytics_etl.orchestration.definitions import build_defs
from analytics_etl.postgres.database import Database

FIRST, LAST = date(2025, 3, 28), date(2025, 4, 3)
DAYS = days_of(FIRST, LAST)
SHORT = days_of(date(2025, 3, 30), date(2025, 4, 1))  # two weeks, two months

Tables = dict[str, list[str]]


@pytest.fixture(scope="module")
def landing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seven days of events: a file a day, and files that hold several days, with copies of events of others."""
    folder = tmp_path_factory.mktemp("landing")
    write_sample(folder, SampleOptions(last_day=LAST, days=len(DAYS), events_per_day=300, families=tuple(FAMILIES)))
    settings = Settings(landing_dir=folder)
    late: list[Event] = [download(n, DAYS[n % len(DAYS)]) for n in range(50)]
    write(settings, "download_events/late.ndjson.gz", late)
    write(
        settings, "download_events/later.ndjson", [*late[::3], download(7, DAYS[0], file_size=1), download(9, DAYS[4])]
    )
    write(settings, "module_view_events/late.ndjson", [view(n, DAYS[n % 3]) for n in range(30)])
    return folder


@pytest.fixture
def fresh(server: Server, tmp_path: Path, landing: Path) -> Iterator[Callable[[], Settings]]:
    """Makes settings with an empty database of their own, on the same landing folder."""
    urls: list[str] = []

    def make() -> Settings:
        urls.append(server.clone())
        made = settings_in(tmp_path / str(len(urls)), urls[-1])
        return Settings(**{**vars(made), "landing_dir": landing})

    with restored_environment():
        yield make
    for url in urls:
        server.drop(url)


def assert_equal(one: Tables, other: Tables) -> None:
    assert one.keys() == other.keys()
    for table, rows in one.items():
        assert other[table] == rows, table


def test_range_days_backwards_and_twice_are_the_same(fresh: Callable[[], Settings], catalog: Catalog) -> None:
    once, backwards = fresh(), fresh()
    load_and_aggregate(Database(once), SHORT[0], SHORT[-1])
    expected = all_tables(once)
    assert set(expected) == {*catalog.contracts, *catalog.derived}
    assert set(without_rows(expected)) <= rare()
    assert len(expected[DOWNLOADS]) > 500
    for day in SHORT:
        load_and_aggregate(Database(once), day, day)
    assert_equal(all_tables(once), expected)
    for day in reversed(SHORT):
        load_and_aggregate(Database(backwards), day, day)
    assert_equal(all_tables(backwards), expected)


def materialize(settings: Settings, jobs: list[runs.Job]) -> None:
    """Run jobs through Dagster without their checks and reports, on an instance in memory."""
    definitions = build_defs(settings)
    without_checks = dg.Definitions(assets=definitions.assets, resources=definitions.resources)
    with dg.DagsterInstance.ephemeral() as instance:
        for job in jobs:
            resolved = definitions.resolve_job_def(job.name)
            keys = [
                key
                for key in resolved.asset_layer.executable_asset_keys
                if key.path[0] in job.families and "report" not in key.path[-1]
            ]
            result = without_checks.resolve_implicit_global_asset_job_def().execute_in_process(
                asset_selection=keys,
                partition_key=job.first.isoformat() if job.first is not None else None,
                instance=instance,
                run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            )
            assert result.success


def test_a_range_through_dagster_is_the_same_as_day_by_day(fresh: Callable[[], Settings]) -> None:
    as_range, by_day, plain = fresh(), fresh(), fresh()
    families = ("registry", "schedules")  # that have weeks and months, and days that look ahead
    jobs = runs.jobs_of(SHORT[0], SHORT[-1], families)
    runs.execute(as_range, jobs[:1], lambda *_: None)
    materialize(as_range, [runs.Job(job.name, job.first, families=families) for job in jobs[1:]])
    materialize(as_range, [runs.Job(job.name, job.last, families=families) for job in jobs[1:3]])
    expected = all_tables(as_range)
    load_and_aggregate(Database(plain), SHORT[0], SHORT[-1], families)
    assert_equal(all_tables(plain), expected)
    for day in [SHORT[1], SHORT[2], SHORT[0]]:
        materialize(by_day, runs.jobs_of(day, day, families))
    assert_equal(all_tables(by_day), expected)
    reports = as_range.reports_dir / "registry"
    assert sorted(path.stem for path in reports.glob("daily/*.html")) == [day.isoformat() for day in SHORT]


def test_a_long_run_says_what_it_prepares_and_how_far_it_is(
    fresh: Callable[[], Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dagster writes down each partition of each table and report before the first step."""
    monkeypatch.setattr(runs, "LONG_PREPARATION", 10)
    monkeypatch.setattr(runs, "PROGRESS_EACH", 5)
    said: list[tuple[str, int, int]] = []
    weeks = runs.Job("weekly", date(2025, 3, 3), date(2025, 3, 17))
    with pytest.raises(runs.RunFailedError, match="does not exist"):  # which is not looked at here
        runs.execute(fresh(), [weeks], lambda *told: said.append(told))
    # One table by week, module_stats_weekly, and the weekly reports of the families.
    parts = 1 + len(FAMILIES)
    [first, *rest] = [(what, done, of) for what, done, of in said if "repar" in what]
    assert first == (
        (
            f"{weeks}: preparing 3 partitions of {parts} tables and reports; this can take minutes, then the first "
            "table begins"
        ),
        *(0, said[-1][2]),
    )
    counts = range(5, 3 * parts + 1, 5)
    assert rest == [(f"{weeks}: prepared {count} of {3 * parts} partitions", count, 3 * parts) for count in counts]
    assert said.index(rest[-1]) < next(n for n, told in enumerate(said) if "module_stats_weekly" in told[0])


def test_a_short_run_says_nothing_of_its_preparation(fresh: Callable[[], Settings]) -> None:
    said: list[str] = []
    week = runs.Job("weekly", date(2025, 3, 3), date(2025, 3, 3))
    with pytest.raises(runs.RunFailedError, match="does not exist"):
        runs.execute(fresh(), [week], lambda what, *_: said.append(what))
    assert said
    assert [what for what in said if "repar" in what] == []
