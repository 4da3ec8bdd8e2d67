"""Reports of days around those of a run are written again with them when the run changed what they show."""

import json
from collections.abc import Iterator
from datetime import date, timedelta

import dagster as dg
import pytest
from conftest import Server
from events import DAY, DOWNLOADS, SCHEDULE_EVENTS, aggregate, ask, declared, download, load, record, write

from analytics_etl.catalog.calendar import Cadence
from analytics_etl.config.settings import Settings
from analytics_etl.orchestration.assets.reports import build_report_asset, report_key
from analytics_etl.orchestration.partitions import Partitions
from analytics_etl.postgres.database import Database

FAMILIES_IN_USE = ("registry",)

DAYS = [DAY + timedelta(days=n) for n in range(-2, 3)]  # a Saturday to a Wednesday
SUNDAY, MONDAY, WEDNESDAY = DAYS[1], DAYS[2], DAYS[4]


def report(database: Database, family: str, cadence: Cadence, first: date, last: date | None = None) -> None:
    """Materialize the reports of a range as a run does."""
    asset = build_report_asset(declared(), family, cadence, Partitions.since(database.settings.start_date))
    sources = [dg.AssetSpec(dep.asset_key) for dep in asset.specs_by_key[report_key(family, cadence)].deps]
    only = {"partition_key": first.isoformat()} if last is None else {}
    names = {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
    tags = {} if last is None else {name: str(day) for name, day in names.items()}
    assert dg.materialize([*sources, asset], resources={"database": database}, tags=tags, **only).success  # type: ignore[arg-type]


def versions(settings: Settings, family: str, cadence: str) -> dict[str, tuple[int, int]]:
    """{period: what tells one writing of its report from the next}"""
    paths = (settings.reports_dir / family / cadence).glob("*.json")
    return {path.stem: (path.stat().st_mtime_ns, path.stat().st_ino) for path in paths}


def kpis(settings: Settings, period: str) -> dict[str, float | None]:
    value = json.loads((settings.reports_dir / "schedules" / period).with_suffix(".json").read_text(encoding="utf-8"))
    return {kpi["name"]: kpi["value"] for kpi in value["kpis"]}


@pytest.fixture(scope="module")
def reported(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """An execution that began on Sunday and was lost, and one on each of the other days; all reports are written."""
    with server.made_once(tmp_path_factory.mktemp("reported"), execute_and_report, FAMILIES_IN_USE) as made:
        yield made


@pytest.fixture
def executed(server: Server, reported: Settings, settings: Settings) -> Database:
    server.copy(reported, settings)
    return Database(settings)


def execute_and_report(database: Database) -> None:
    events = [record(1, "mongo", SUNDAY), record(2, "clickhouse", SUNDAY)]
    others = [record(10 + n, "mongo", day, execution_id=f"x{n}") for n, day in enumerate(DAYS) if day != SUNDAY]
    write(database.settings, "schedule_events/a.ndjson", [*events, *others])
    load(database, SCHEDULE_EVENTS, *DAYS)
    aggregate(database, DAYS[0], DAYS[-1], ("day",), ["schedules"])
    report(database, "schedules", "day", DAYS[0], DAYS[-1])
    report(database, "schedules", "week", MONDAY - timedelta(days=7), MONDAY)


def test_a_late_tier_re_opens_the_reports_of_the_day_its_execution_began_on(executed: Database) -> None:
    settings = executed.settings
    before, weeks = versions(settings, "schedules", "daily"), versions(settings, "schedules", "weekly")
    assert kpis(settings, f"daily/{SUNDAY}")["completed_ratio"] == 0
    write(settings, "schedule_events/late.ndjson", [record(3, "redis", MONDAY)])
    load(executed, SCHEDULE_EVENTS, MONDAY)
    aggregate(executed, MONDAY, MONDAY, ("day",), ["schedules"])
    report(executed, "schedules", "day", MONDAY)
    after = versions(settings, "schedules", "daily")
    # The days after have more in the 28 days that the schedule is compared with; Saturday has nothing to do with it.
    assert {day for day in after if after[day] == before[day]} == {DAYS[0].isoformat()}
    assert kpis(settings, f"daily/{SUNDAY}")["completed_ratio"] == 1
    report(executed, "schedules", "week", MONDAY)
    assert {week for week, of in versions(settings, "schedules", "weekly").items() if of != weeks[week]} == set(weeks)
    last = f"weekly/{next(path.stem for path in (settings.reports_dir / 'schedules/weekly').glob('*W10.json'))}"
    assert kpis(settings, last)["completed_ratio"] == 0.5  # of Saturday's and Sunday's execution


def test_reports_are_written_again_once(executed: Database) -> None:
    settings = executed.settings
    write(settings, "schedule_events/late.ndjson", [record(3, "redis", MONDAY)])
    load(executed, SCHEDULE_EVENTS, MONDAY)
    aggregate(executed, MONDAY, MONDAY, ("day",), ["schedules"])
    report(executed, "schedules", "day", MONDAY)
    before = versions(settings, "schedules", "daily")
    report(executed, "schedules", "day", MONDAY)
    aggregate(executed, WEDNESDAY, WEDNESDAY, ("day",), ["schedules"])  # changes nothing
    report(executed, "schedules", "day", WEDNESDAY)
    after = versions(settings, "schedules", "daily")
    assert {day for day in after if after[day] != before[day]} == {MONDAY.isoformat(), WEDNESDAY.isoformat()}


def test_tables_that_look_back_take_the_reports_of_later_days_along(settings: Settings, database: Database) -> None:
    """The overview counts the downloads of 30 days."""
    far = DAY + timedelta(days=40)
    write(settings, "download_events/a.ndjson", [download(n, day) for n, day in enumerate([*DAYS, far])])
    for first, last in ((DAYS[0], DAYS[-1]), (far, far)):
        load(database, DOWNLOADS, first, *DAYS[1:] if first == DAYS[0] else [])
        aggregate(database, first, last, ("day",), ["registry"])
        report(database, "registry", "day", first, last)
    before = versions(settings, "registry", "daily")
    write(settings, "download_events/late.ndjson", [download(100, DAYS[3])])
    load(database, DOWNLOADS, DAYS[3])
    aggregate(database, DAYS[3], DAYS[3], ("day",), ["registry"])
    report(database, "registry", "day", DAYS[3])
    after = versions(settings, "registry", "daily")
    # Those of the days before have become final since they were written; the one 40 days later stays.
    assert {day for day in after if after[day] != before[day]} == {day.isoformat() for day in DAYS}


def test_a_report_turns_final_with_its_day(settings: Settings, database: Database) -> None:
    def is_final() -> bool:
        path = settings.reports_dir / "registry/daily" / f"{DAY}.json"
        return bool(json.loads(path.read_text(encoding="utf-8"))["state"]["is_final"])

    later = [DAY + timedelta(days=n) for n in range(1, 8)]
    write(settings, "download_events/a.ndjson", [download(n, day) for n, day in enumerate([DAY, *later])])
    said = []
    for day in (DAY, *later):
        load(database, DOWNLOADS, day)
        aggregate(database, day, day, ("day",), ["registry"])
        report(database, "registry", "day", day)
        said.append(is_final())
    assert said == [False] * 7 + [True]


def published(settings: Settings, cadence: str) -> list[date]:
    """The first days of the reports of schedules that are published."""
    statement = "select period_start from ops.reports where family = 'schedules' and cadence = %s order by 1"
    return [row["period_start"] for row in ask(settings.database_url, statement, [cadence])]


def notices(settings: Settings, period: str) -> set[str]:
    value = json.loads((settings.reports_dir / "schedules" / period).with_suffix(".json").read_text(encoding="utf-8"))
    return {notice["kind"] for notice in value["state"]["notices"]}


def test_a_report_is_published_when_the_days_its_tables_look_ahead_to_are_loaded(
    settings: Settings, database: Database
) -> None:
    """An execution is followed for two days: one that began on Sunday and was processed on Monday is no correction."""
    days = [SUNDAY + timedelta(days=n) for n in range(4)]
    events = [record(1, "mongo", SUNDAY), record(2, "clickhouse", SUNDAY), record(3, "redis", MONDAY)]
    events += [record(10 + n, "mongo", day, execution_id=f"x{n}") for n, day in enumerate(days)]
    write(settings, "schedule_events/a.ndjson", events)
    seen = []
    for day in days:
        load(database, SCHEDULE_EVENTS, day)
        aggregate(database, day, day, ("day",), ["schedules"])
        report(database, "schedules", "day", day)
        seen.append((kpis(settings, f"daily/{SUNDAY}")["completed_ratio"], published(settings, "daily")))
        assert "changed" not in notices(settings, f"daily/{SUNDAY}")
    # The two executions of Sunday: one is completed on Monday, and Tuesday could still complete the other.
    assert seen == [(0, []), (0.5, []), (0.5, [SUNDAY]), (0.5, [SUNDAY, MONDAY])]


def test_a_week_waits_for_the_days_after_it(settings: Settings, database: Database) -> None:
    week = [SUNDAY - timedelta(days=6 - n) for n in range(7)]
    after = [MONDAY, MONDAY + timedelta(days=1)]
    events = [record(n, "mongo", day, execution_id=f"x{n}") for n, day in enumerate([*week, *after])]
    write(settings, "schedule_events/a.ndjson", events)
    load(database, SCHEDULE_EVENTS, *week)
    aggregate(database, week[0], SUNDAY, ("day",), ["schedules"])
    report(database, "schedules", "week", week[0])
    seen = [published(settings, "weekly")]
    for day in after:
        load(database, SCHEDULE_EVENTS, day)
        aggregate(database, day, day, ("day",), ["schedules"])
        report(database, "schedules", "week", MONDAY)
        seen.append(published(settings, "weekly"))
    assert seen == [[], [], [week[0]]]
