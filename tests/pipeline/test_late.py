"""Late data: one scan for all new files, then exactly the provisional days, once; closed days stay as they are."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta

import dagster as dg
import pytest
from events import DOWNLOADS, declared, download, load, rows_of, write

from analytics_etl.catalog.calendar import stretches
from analytics_etl.config.settings import PerTable, Settings
from analytics_etl.orchestration.assets.events import build_event_asset
from analytics_etl.orchestration.definitions import build_defs
from analytics_etl.orchestration.late import SCAN_JOB, days_of_run
from analytics_etl.orchestration.partitions import Partitions
from analytics_etl.pipeline.late import late_days
from analytics_etl.postgres.database import Database

FIRST = date(2025, 3, 3)
WEEK = [FIRST + timedelta(days=n) for n in range(7)]


@dataclass(frozen=True)
class World:
    """What a daemon would see."""

    defs: dg.Definitions
    instance: dg.DagsterInstance
    database: Database

    def tick(self) -> list[tuple[str | None, tuple[date, date] | None]]:
        """The runs the sensor asks for: job and days."""
        repository = self.defs.get_repository_def()
        sensor = repository.get_sensor_def("late_data")
        context = dg.build_sensor_context(
            self.instance, repository_def=repository, resources={"database": self.database}
        )
        return [(r.job_name, days_of_run(tags_of(r))) for r in sensor.evaluate_tick(context).run_requests or ()]

    def scan(self) -> None:
        assert self.defs.resolve_job_def(SCAN_JOB).execute_in_process(instance=self.instance).success


def tags_of(request: dg.RunRequest) -> dict[str, str]:
    return {**request.tags, **({"dagster/partition": request.partition_key} if request.partition_key else {})}


@pytest.fixture
def world(settings: Settings, database: Database) -> Iterator[World]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield World(build_defs(settings), instance, database)


def test_days_that_follow_one_another_are_one_stretch() -> None:
    days = [date(2025, 3, day) for day in (9, 3, 4, 7)]
    assert list(stretches(days)) == [(days[1], days[2]), (days[3], days[3]), (days[0], days[0])]
    assert list(stretches([])) == []


def test_many_new_files_are_one_scan_then_their_days_once(settings: Settings, world: World) -> None:
    write(settings, "download_events/week.ndjson", [download(n, day) for n, day in enumerate(WEEK)])
    load(world.database, DOWNLOADS, *WEEK)
    assert world.tick() == []
    for n in range(40):
        write(settings, f"download_events/late-{n}.ndjson", [download(1000 + n, WEEK[(3, 4, 6)[n % 3]])])
    assert world.tick() == [(SCAN_JOB, None)]
    world.scan()
    wanted = [("daily", (WEEK[3], WEEK[4])), ("daily", (WEEK[6], WEEK[6]))]
    assert world.tick() == wanted
    run = dg.DagsterRun("daily", status=dg.DagsterRunStatus.STARTED, tags={"dagster/partition": WEEK[6].isoformat()})
    world.instance.add_run(run)
    assert world.tick() == wanted[:1]  # not while a run of the day is under way
    load(world.database, DOWNLOADS, WEEK[3], WEEK[4], WEEK[6])
    assert world.tick() == []
    assert len(rows_of(settings.database_url)) == 7 + 40


def test_a_failed_scan_is_not_asked_for_at_once(settings: Settings, world: World) -> None:
    write(settings, "download_events/a.ndjson", [download(1, FIRST)])
    world.instance.add_run(dg.DagsterRun(SCAN_JOB, status=dg.DagsterRunStatus.FAILURE))
    assert world.tick() == []


def test_only_days_within_the_window_are_late_days(settings: Settings, world: World) -> None:
    write(settings, "download_events/week.ndjson", [download(n, day) for n, day in enumerate(WEEK)])
    load(world.database, DOWNLOADS, WEEK[6])  # the others wait
    found = [
        late_days(Database(replace(settings, lateness=PerTable(days))), declared(), yesterday)
        for days, yesterday in ((2, WEEK[6]), (7, WEEK[3]), (0, WEEK[6]))
    ]
    assert found == [{WEEK[5]}, {WEEK[0], WEEK[1], WEEK[2], WEEK[3]}, set()]


def test_a_sensor_leaves_a_closed_day_and_a_person_loads_it(settings: Settings, database: Database) -> None:
    contract = declared().contracts[DOWNLOADS]
    strict = Database(replace(settings, lateness=PerTable(6)))
    asset = build_event_asset(contract, declared().mappings("registry"), Partitions.since(settings.start_date))
    write(settings, "download_events/week.ndjson", [download(n, day) for n, day in enumerate(WEEK)])
    load(database, DOWNLOADS, *WEEK)
    write(settings, "download_events/late.ndjson", [download(500, WEEK[0]), download(501, WEEK[1])])

    def run(day: date, **tags: str) -> int:
        named = {f"dagster/{name}": value for name, value in tags.items()}
        assert dg.materialize(
            [asset], partition_key=day.isoformat(), resources={"database": strict}, tags=named
        ).success
        return len(rows_of(settings.database_url))

    assert run(WEEK[0], sensor_name="late_data") == 7
    assert run(WEEK[0], schedule_name="daily_schedule") == 7
    assert run(WEEK[1], sensor_name="late_data") == 8  # provisional still
    accepted = dg.materialize(
        [asset], partition_key=WEEK[0].isoformat(), resources={"database": strict},
        tags={"analytics_etl/by": "reopen", "analytics_etl/accept_change": "true"},
    )  # fmt: skip
    assert accepted.success
    assert len(rows_of(settings.database_url)) == 9
