"""The change record: nothing for first times and same content; figures by hand; final days are not changed unasked."""

import csv
import io
import json
from dataclasses import replace
from datetime import date, timedelta

import dagster as dg
import pytest
from commands import call, variables
from events import DAY, DOWNLOADS, aggregate, ask, at, declared, download, event_id, load, rows_of, write

from analytics_etl.catalog.additive import is_additive
from analytics_etl.catalog.calendar import periods
from analytics_etl.cli.changes import _packed
from analytics_etl.config.settings import Settings
from analytics_etl.monitoring.doctor import examine
from analytics_etl.monitoring.status import matrices
from analytics_etl.ops.changes import ChangeRefusedError
from analytics_etl.orchestration.definitions import build_defs
from analytics_etl.pipeline import publishing
from analytics_etl.pipeline.planning import make_plan
from analytics_etl.postgres.database import Database

FAMILIES_IN_USE = ("registry", "usage")


def recorded(database: Database, table: str = DOWNLOADS) -> list[dict[str, object]]:
    return ask(
        database.settings.database_url,
        "select published, rows_added, rows_removed, rows_changed, measures from ops.changes "
        "where table_name = %s order by change_id",
        [table],
    )


def test_first_and_same_content_leave_no_record_and_a_change_its_figures(database: Database) -> None:
    write(database.settings, "download_events/a.ndjson", [download(n, file_size=100) for n in range(4)])
    load(database, DOWNLOADS, DAY)
    load(database, DOWNLOADS, DAY)
    assert ask(database.settings.database_url, "select * from ops.changes") == []
    # 0 goes, 1 doubles, 2 and 3 stay, 4 and 5 come.
    changed = [download(1, file_size=200), *(download(n, file_size=100) for n in (2, 3, 4, 5))]
    write(database.settings, "download_events/a.ndjson", changed)
    load(database, DOWNLOADS, DAY)
    [record] = recorded(database)
    assert (record["published"], record["rows_added"], record["rows_removed"], record["rows_changed"]) == (
        True, 2, 1, 1,
    )  # fmt: skip
    measures = record["measures"]
    assert isinstance(measures, dict)
    assert measures["file_size"] == {"old": 400.0, "new": 600.0, "percent": 50.0}


def test_a_derived_table_is_compared_by_its_key(database: Database) -> None:
    table = "registry.module_stats_daily"
    write(database.settings, "download_events/a.ndjson", [download(n) for n in range(4)])  # modules 0 to 3
    load(database, DOWNLOADS, DAY)
    for _ in range(2):
        aggregate(database, DAY, DAY, families=["registry"])
    assert recorded(database, table) == []
    more = [download(n) for n in range(6)]  # module 4 is new, module 0 has one more
    write(database.settings, "download_events/a.ndjson", more)
    load(database, DOWNLOADS, DAY)
    aggregate(database, DAY, DAY, families=["registry"])
    [record] = recorded(database, table)
    assert (record["rows_added"], record["rows_removed"], record["rows_changed"]) == (1, 0, 1)


def test_values_that_change_places_between_rows_are_a_change(database: Database) -> None:
    """Every total stays as it is, and so does every sum over the values of one column."""
    sizes = [100, 200, 300, 400]
    write(database.settings, "download_events/a.ndjson", [download(n, file_size=s) for n, s in enumerate(sizes)])
    load(database, DOWNLOADS, DAY)
    rotated = [200, 300, 100, 400]
    write(database.settings, "download_events/a.ndjson", [download(n, file_size=s) for n, s in enumerate(rotated)])
    load(database, DOWNLOADS, DAY)
    [record] = recorded(database)
    assert (record["rows_added"], record["rows_removed"], record["rows_changed"]) == (0, 0, 3)
    measures = record["measures"]
    assert isinstance(measures, dict)
    assert measures["file_size"] == {"old": 1000.0, "new": 1000.0, "percent": 0.0}


def test_rows_that_stay_the_same_are_not_written_again(database: Database) -> None:
    table = "registry.module_stats_daily"
    places = f"select ctid::text, xmin::text, day, module_name from {table} order by 1"
    days = [DAY, DAY + timedelta(days=1)]
    write(database.settings, "download_events/a.ndjson", [download(n, day) for day in days for n in range(4)])
    load(database, DOWNLOADS, *days)
    aggregate(database, DAY, DAY, families=["registry"])
    first = ask(database.settings.database_url, places)
    aggregate(database, DAY, DAY, families=["registry"])
    assert ask(database.settings.database_url, places) == first
    aggregate(database, days[0], days[1], families=["registry"])  # of which one is new
    found = ask(database.settings.database_url, f"select day, count(*)::int as n from {table} group by 1 order by 1")
    assert found == [{"day": day, "n": 4} for day in days]
    assert recorded(database, table) == []


def test_a_final_day_is_not_changed_much_unless_accepted(database: Database) -> None:
    late: date = DAY + timedelta(days=7)
    write(database.settings, "download_events/a.ndjson", [download(n, file_size=100) for n in range(20)])
    write(database.settings, "download_events/b.ndjson", [download(900, late)])
    load(database, DOWNLOADS, DAY, late)
    before = rows_of(database.settings.database_url)
    write(database.settings, "download_events/a.ndjson", [download(n, file_size=100) for n in range(22)])
    with pytest.raises(ChangeRefusedError, match=r"rows 20 to 22 \(\+10.00 %\).*--accept-change"):
        load(database, DOWNLOADS, DAY, accept_change=False)
    assert rows_of(database.settings.database_url) == before
    assert [(r["published"], r["rows_added"]) for r in recorded(database)] == [(False, 2)]
    lenient = Database(replace(database.settings, change_limit_percent=10))
    load(lenient, DOWNLOADS, DAY, accept_change=False)
    assert len(rows_of(database.settings.database_url)) == len(before) + 2
    assert [(r["published"], r["rows_added"]) for r in recorded(database)] == [(False, 2), (True, 2)]


def test_a_refused_change_is_a_failed_check_until_something_is_published(database: Database) -> None:
    days = [DAY + timedelta(days=n) for n in range(4)]
    newest = days[-1] + timedelta(days=7)
    url = database.settings.database_url

    def write_days(counts: list[int]) -> None:
        for day, count in zip(days, counts, strict=True):
            events = [download(n, day, file_size=100) for n in range(count)]
            write(database.settings, f"download_events/{day}.ndjson", events)

    def states() -> list[str]:
        found = next(m for m in matrices(database, declared(), days[0], days[-1]) if m.cadence == "day")
        return [cell.state for cell in found.cells[DOWNLOADS]]

    def results() -> list[tuple[date, bool]]:
        found = ask(url, "select period_start, passed from ops.check_results where check_name = 'change_is_small' "
                    "and period_start < %s order by 1", [newest])  # fmt: skip
        return [(row["period_start"], row["passed"]) for row in found]

    write_days([20, 20, 20, 20])
    write(database.settings, "download_events/newest.ndjson", [download(900, newest)])
    load(database, DOWNLOADS, *days, newest)
    assert results() == [(day, True) for day in days]
    write_days([20, 22, 21, 18])  # the third stays within the limit, which is 5 %
    with pytest.raises(ChangeRefusedError) as refused:
        load(database, DOWNLOADS, *days, accept_change=False)
    said = str(refused.value)
    assert (
        f"{DOWNLOADS}: 2 final days would change by more than 5 %: {days[1]}, {days[3]}. The old rows stay, also those "
        "of the table's other days in the same transaction. "
    ) in said
    assert f"{days[3]}: rows 20 to 18 (-10.00 %)" in said
    assert f"backfill {days[1]} {days[3]} --accept-change" in said
    assert results() == list(zip(days, [True, False, True, False], strict=True))
    assert states() == ["final", "failed", "final", "failed"]
    [found] = ask(url, "select * from ops.check_results where not passed and period_start = %s", [days[3]])
    assert (found["severity"], found["unexpected_count"]) == ("error", 2)
    assert found["sample"][0] == {"what": "rows", "old": 20, "new": 18, "change": "-10.00 %"}
    finding = next(f for f in examine(database.settings, declared(), newest) if f.subject == "changes")
    assert f"{DOWNLOADS} {days[1]}, {DOWNLOADS} {days[3]}" in finding.detail
    plan = make_plan(database, declared(), days[1], days[1])
    assert (plan.refused, [item for item in plan.partitions if item.start == days[1] and item.end == days[2]]) == (
        [days[1]],
        [],
    )
    load(database, DOWNLOADS, days[1])  # accepted
    write_days([20, 22, 21, 20])  # mended
    load(database, DOWNLOADS, days[3], accept_change=False)
    assert results() == [(day, True) for day in days]


def test_the_command_says_what_changed(database: Database) -> None:
    late = DAY + timedelta(days=7)
    write(database.settings, "download_events/b.ndjson", [download(900, late)])
    for events in (
        [download(n, file_size=100) for n in range(20)],  # first published
        [download(n, file_size=0 if n == 19 else 100) for n in range(20)],  # then accepted
        [download(n, file_size=100) for n in range(25)],  # then refused
    ):
        write(database.settings, "download_events/a.ndjson", events)
        if len(events) == 20:
            load(database, DOWNLOADS, DAY, late)
            continue
        with pytest.raises(ChangeRefusedError):
            load(database, DOWNLOADS, DAY, accept_change=False)
    environment = variables(database.settings)

    def said(arguments: str) -> str:
        result = call(f"changes {arguments}", environment)
        assert result.exit_code == 0, result.output
        return result.stdout

    lines = [line if line.startswith(" ") else line.split("  ", maxsplit=1)[1] for line in said("").splitlines()]
    assert lines == [
        f"{DOWNLOADS}  {DAY}  REFUSED, the old rows stay",
        "    new data: rows 20 → 25, 5 added, 1 changed",
        "    file_size 1,900 → 2,500 (+31.58 %); duration_ms 200 → 250 (+25.00 %)",
        f"{DOWNLOADS}  {DAY}  published",
        "    new data: rows 20 → 20, 1 changed",
        "    file_size 2,000 → 1,900 (-5.00 %)",
    ]
    assert "REFUSED" not in said(f"--limit 1 {DAY} --table registry.module_view_events")
    assert said(f"{late} {late}").strip() == "nothing has changed since it was first published"
    first, second = json.loads(said(f"{DAY} --table download_events --format json"))
    assert (first["outcome"], first["rows_added"], second["outcome"]) == ("refused", 5, "published")
    assert second["measures"]["file_size"] == {"old": 2000.0, "new": 1900.0, "percent": -5.0}
    records = list(csv.DictReader(io.StringIO(said("--format csv"))))
    assert [(line["outcome"], line["measure"], line["new"]) for line in records] == [
        ("refused", "file_size", "2500.0"), ("refused", "duration_ms", "250.0"), ("published", "file_size", "1900.0"),
    ]  # fmt: skip
    assert "expected one of platform." in call("changes --table x", environment).output


def test_status_says_how_to_publish_a_refused_change(database: Database) -> None:
    late = DAY + timedelta(days=7)
    write(database.settings, "download_events/a.ndjson", [download(n) for n in range(20)])
    write(database.settings, "download_events/b.ndjson", [download(900, late)])
    load(database, DOWNLOADS, DAY, late)
    write(database.settings, "download_events/a.ndjson", [download(n) for n in range(22)])
    with pytest.raises(ChangeRefusedError):
        load(database, DOWNLOADS, DAY, accept_change=False)

    def said() -> str:
        return call(f"status --family registry --to {DAY}", variables(database.settings)).stdout

    assert (
        f"  {DOWNLOADS} {DAY} keeps its old rows, since a change of final data was refused; to publish it: "
        f'analytics-etl run {DAY} --accept-change --reason "why"\n'
    ) in said()
    load(database, DOWNLOADS, DAY)  # accepted
    assert "was refused" not in said()


def test_many_totals_are_on_lines_that_a_terminal_holds() -> None:
    parts = [f"measure_{n} 1 → 2 (+100.00 %)" for n in range(8)]
    lines = list(_packed(parts))
    assert max(map(len, lines)) <= 96
    assert "; ".join(parts) == " ".join(lines)
    assert len(lines) == 3  # three of 28 characters fit, and what stands between them
    longest = max([*declared().contracts, *declared().aggregates], key=len)
    assert len(f"2025-03-31 12:00  {longest}  2025-03-31  REFUSED, the old rows stay") <= 100


def test_an_old_week_is_completed_day_by_day(database: Database) -> None:
    model = declared().aggregates["registry.module_stats_weekly"]
    week = periods("week", DAY, DAY)
    days = [DAY, DAY + timedelta(days=1)]
    write(database.settings, "download_events/a.ndjson", [download(n, day) for n, day in enumerate(days)])
    write(database.settings, "download_events/b.ndjson", [download(900, DAY + timedelta(days=30))])
    load(database, DOWNLOADS, DAY + timedelta(days=30))  # the week is long final
    for day in days:
        load(database, DOWNLOADS, day, accept_change=False)
        for table in ("module_activity_daily", "module_stats_daily"):
            publishing.replace(database, declared().aggregates[f"registry.{table}"], periods("day", day, day))
        publishing.replace(database, model, week)
    counts = ask(
        database.settings.database_url, "select sum(download_count)::int as n from registry.module_stats_weekly"
    )
    assert counts == [{"n": 2}]
    assert [r["published"] for r in recorded(database, model.table)] == [True]


def test_the_check_fails_before_publishing_and_the_tag_accepts(settings: Settings) -> None:
    late = DAY + timedelta(days=7)
    write(settings, "download_events/a.ndjson", [download(n) for n in range(20)])
    write(settings, "download_events/b.ndjson", [download(900, late)])
    database = Database(settings)
    load(database, DOWNLOADS, DAY, late)
    before = rows_of(settings.database_url)
    write(settings, "download_events/a.ndjson", [download(n) for n in range(22)])
    asset = dg.AssetKey(["registry", "download_events"])
    definitions = build_defs(settings)
    job = dg.define_asset_job("only", selection=[asset])
    resolved = dg.Definitions(assets=definitions.assets, jobs=[job], resources=definitions.resources)
    with dg.DagsterInstance.ephemeral() as instance:

        def run(tags: dict[str, str]) -> dg.ExecuteInProcessResult:
            return resolved.resolve_job_def("only").execute_in_process(
                instance=instance, partition_key=DAY.isoformat(), tags=tags, raise_on_error=False
            )

        refused = run({})
        assert not refused.success
        [result] = refused.get_asset_check_evaluations()
        assert (result.check_name, result.passed) == ("change_is_small", False)
        assert "--accept-change" in str(result.metadata["refused"].value)
        assert rows_of(settings.database_url) == before
        told = "select count(*) filter (where passed_at is null) as count from ops.check_failures where run_id = %s"
        assert ask(settings.database_url, told, [refused.run_id]) == [{"count": 1}]
        accepted = run({"analytics_etl/accept_change": "true"})
        assert accepted.success
        assert [r.passed for r in accepted.get_asset_check_evaluations()] == [True]
        [event] = accepted.asset_materializations_for_node("registry__download_events")
        assert event.metadata["rows_added"].value == 2
        assert ask(settings.database_url, told, [refused.run_id]) == [{"count": 0}]
    assert len(rows_of(settings.database_url)) == len(before) + 2


USAGE, HOURS = "usage.schema_usage_events", "usage.schema_usage_1h"


def usage(number: int, **changes: object) -> dict[str, object]:
    """An operation of one of two schemas."""
    return {
        "event_id": event_id(number), "occurred_at": at(number), "schema_id": event_id(1 + number % 2),
        "operation": "read", "service": "api", "region": "eu", "latency_ms": 100, "success": True, **changes,
    }  # fmt: skip


def test_totals_are_of_what_adds_up_and_count_each_event_once(database: Database) -> None:
    """The hour has four rows: two of a schema and region, which those of each schema repeat, and one of all of them."""

    def hour(*events: dict[str, object]) -> None:
        write(database.settings, "schema_usage_events/a.ndjson", list(events))
        load(database, USAGE)
        aggregate(database, DAY, DAY, ("day",), ["usage"])

    hour(usage(1), usage(2))
    hour(usage(1), usage(2, success=False), usage(3, latency_ms=400))
    [record] = recorded(database, HOURS)
    assert record["measures"] == {
        "operation_count": {"old": 2, "new": 3, "percent": 50},
        "success_count": {"old": 2, "new": 2, "percent": 0},
        "error_count": {"old": 0, "new": 1, "percent": None},
        "total_latency_ms": {"old": 200, "new": 600, "percent": 200},
    }


def test_a_final_day_of_which_rates_alone_change_is_refused(database: Database) -> None:
    """Latencies of one schema move apart: all totals and the medians stay."""
    late, table = DAY + timedelta(days=7), "usage.schema_usage_1d"
    write(database.settings, "schema_usage_events/b.ndjson", [usage(900, occurred_at=at(0, late))])

    def day(*latencies: int) -> None:
        events = [usage(n, latency_ms=latency) for n, latency in enumerate(latencies)]
        write(database.settings, "schema_usage_events/a.ndjson", events)
        load(database, USAGE, DAY, late)

    model = declared().aggregates[table]
    day(100, 100, 100, 100)  # two of each schema, in rows of it and its region, of it, and of all
    publishing.replace(database, model, {DAY: DAY + timedelta(days=1), late: late + timedelta(days=1)})
    day(10, 100, 190, 100)
    said = r"2025-03-10: sum of p95_latency_ms 500.0 to 738.5 \(\+47.70 %\)"
    with pytest.raises(ChangeRefusedError, match=said):
        publishing.replace(database, model, {DAY: DAY + timedelta(days=1)})
    [record] = recorded(database, table)
    measures = record["measures"]
    assert isinstance(measures, dict)
    assert measures["total_latency_ms"] == {"old": 400, "new": 400, "percent": 0}
    assert {name for name, of in measures.items() if of["percent"] != 0} == {
        "sum of p95_latency_ms", "sum of p99_latency_ms",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("column", "type_name", "adds_up"),
    [
        ("download_count", "bigint", True), ("downloads", "bigint", True), ("total_latency_ms", "bigint", True),
        ("amount", "numeric", True), ("total_hours", "double precision", True), ("file_size", "bigint", True),
        ("success_rate", "double precision", False), ("p95_latency_ms", "bigint", False),
        ("max_latency_ms", "bigint", False), ("unique_users", "bigint", False), ("active_users_7d", "bigint", False),
        ("downloads_30d", "bigint", False), ("rules_version", "bigint", False), ("days_since_use", "integer", False),
        ("modules_seen", "bigint", False), ("hours", "double precision", False),
    ],
)  # fmt: skip
def test_what_adds_up(column: str, type_name: str, adds_up: bool) -> None:  # noqa: FBT001 - a parameter of the test
    assert is_additive(column, type_name) == adds_up
