"""The verification passes on a right database, finds a changed cell in every table, and reads no other days."""

from collections.abc import Callable
from datetime import date, timedelta
from functools import partial
from typing import Any

import dagster as dg
import pytest
from conftest import Server, settings_in
from events import (
    DAY,
    ask,
    compilation,
    declared,
    download,
    edit_lake,
    execute,
    load_and_aggregate,
    published,
    view,
    write,
)

from analytics_etl.catalog.catalog import Catalog
from analytics_etl.config.settings import Settings
from analytics_etl.families.sample import FAMILIES, SampleOptions, write_sample
from analytics_etl.orchestration.definitions import build_defs
from analytics_etl.pipeline import recomputation, verification
from analytics_etl.pipeline.sampling import Sample
from analytics_etl.postgres.columns import column_types
from analytics_etl.postgres.database import Database
from analytics_etl.tables.partition_rows import event_rows

DAYS = [DAY, DAY + timedelta(days=1)]
VERIFIED = {table: model for table, model in declared().aggregates.items() if model.function is None}
"""The tables that have a second engine."""


@pytest.fixture(scope="module")
def filled(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    settings = settings_in(tmp_path_factory.mktemp("watchdog"), server.clone(), start_date=DAY)
    for day in DAYS:
        for folder, event in (
            ("download_events", download), ("module_view_events", view), ("compilation_events", compilation),
        ):  # fmt: skip
            write(settings, f"{folder}/{day}.ndjson", [event(n, day) for n in range(40)])
    others = tuple(family for family in FAMILIES if family != "registry")
    write_sample(settings.landing_dir, SampleOptions(DAYS[-1], len(DAYS), 60, rhythm=False, families=others))
    load_and_aggregate(Database(settings), DAYS[0], DAYS[-1])
    return settings


def count_of(settings: Settings, finding: verification.Finding) -> int:
    """Rows of the partition that was looked at."""
    return sum(row.startswith(f"({finding.start},") for row in published(settings, finding.table))


def results(settings: Settings) -> dict[str, bool]:
    found = ask(settings.database_url, "select table_name, passed from ops.check_results where check_name = %s",
                [verification.CHECK])  # fmt: skip
    return {row["table_name"]: row["passed"] for row in found}


def test_a_right_database_passes(filled: Settings) -> None:
    execute(filled.database_url, "delete from ops.check_results")
    for seed in range(2):
        findings = verification.watch(Database(filled), declared(), 1000, seed)
        assert {finding.table for finding in findings} == set(VERIFIED)
        assert [finding.differences for finding in findings] == [[]] * len(findings)
        assert all((finding.keys > 0) == (count_of(filled, finding) > 0) for finding in findings)
        assert sum(finding.keys > 0 for finding in findings) > len(findings) / 2
    assert results(filled) == dict.fromkeys(VERIFIED, True)


def test_a_changed_cell_is_found_in_every_table(filled: Settings) -> None:
    database = Database(filled)
    execute(filled.database_url, "delete from ops.check_results")  # there may be some of another day
    starts = {finding.table: finding.start for finding in verification.watch(database, declared(), 10**6, 1)}
    changed, undo = set(), list[Callable[[], object]]()
    for table, model in VERIFIED.items():
        types = database.run(column_types, [table])[table]
        numbers = [name for name in model.columns if name not in model.key and types[name] == "bigint"]
        if model.is_in_lake_only:
            first = f"rowid = (select min(rowid) from rows where {model.key[0]} = date '{starts[table]}')"
            edit_lake(filled, table, f"update rows set {numbers[0]} = {numbers[0]} + 1 where {first}")
            back = f"update rows set {numbers[0]} = {numbers[0]} - 1 where {first}"
            undo.append(partial(edit_lake, filled, table, back))
            changed.add((table, starts[table], numbers[0]))
            continue
        key = f"({', '.join(model.key)})::text"
        found = ask(
            filled.database_url,
            f"select {key} as key from {table} where {model.key[0]} = %s order by 1 limit 1",
            [starts[table]],
        )
        if not found or not numbers:  # too little to tell, for the settings; or no number that could be another
            continue
        [row], column = found, numbers[0]
        execute(filled.database_url, f"update {table} set {column} = {column} + 1 where {key} = '{row['key']}'")
        back = f"update {table} set {column} = {column} - 1 where {key} = '{row['key']}'"
        undo.append(partial(execute, filled.database_url, back))
        changed.add((table, starts[table], column))
    findings = verification.watch(database, declared(), 10**6, 1)
    differences = [difference for finding in findings for difference in finding.differences]
    assert {(d.table, d.day, d.column) for d in differences} == changed
    assert len(differences) == len(changed) > len(starts) / 2
    assert all(d.stored == d.derived + 1 for d in differences)
    wrong = {table for table, _, _ in changed}
    assert results(filled) == {table: table not in wrong for table in VERIFIED}
    for put_back in undo:
        put_back()


def with_few(*tables: str) -> Catalog:
    """A catalog of some aggregates only: the others take their time."""
    catalog = Catalog()
    vars(catalog).update(aggregates={name: declared().aggregates[name] for name in tables}, views={})
    return catalog


def test_what_was_mended_becomes_well_whatever_is_drawn(filled: Settings) -> None:
    """The cells that differed are compared again, also when another partition and other keys are drawn."""
    database, table = Database(filled), "registry.module_stats_daily"
    catalog = with_few(table, "registry.module_activity_daily")
    execute(filled.database_url, "delete from ops.check_results")
    first, second = DAYS
    seeds: dict[date, int] = {}
    while len(seeds) < len(DAYS):
        seed = len(seeds) if not seeds else max(seeds.values()) + 1
        [finding] = [f for f in verification.watch(database, catalog, 1, seed) if f.table == table]
        seeds[finding.start] = seed
    execute(filled.database_url, "delete from ops.check_results")
    change = (
        f"update {table} set download_count = download_count {{}} where module_name = 'module-1' and day = '{first}'"
    )
    execute(filled.database_url, change.format("+ 1"))

    def watched(cells: int, day: date) -> list[tuple[date, int, bool]]:
        found = [f for f in verification.watch(database, catalog, cells, seeds[day]) if f.table == table]
        return [(f.start, f.keys, not f.differences) for f in found]

    assert watched(10**6, first) == [(first, 5, False)]
    assert watched(1, second) == [(first, 1, False), (second, 1, True)]
    execute(filled.database_url, change.format("- 1"))
    assert watched(1, second) == [(first, 1, True), (second, 1, True)]
    assert watched(1, second) == [(second, 1, True)]
    assert results(filled)[table]


def test_a_row_that_one_side_lacks_is_found(filled: Settings) -> None:
    """Both sides draw the same keys, without knowing those of the other."""
    database, table = Database(filled), "registry.module_activity_daily"
    model, day = declared().aggregates[table], f"day = date '{DAYS[0]}'"
    whole = published(filled, table)
    of_day = [row for row in whole if row.startswith(f"({DAYS[0]},")]
    third = Sample(len(of_day) // 3, "a")

    def compared(draw: Sample) -> verification.Finding:
        return verification._compare(database, declared(), model, DAYS[0], DAYS[1], draw)

    assert (compared(third).keys, compared(third).differences) == (third.count, [])
    [kept] = ask(filled.database_url, f"select path from ops.current_lake_files where table_name = '{table}' and {day}")
    edit_lake(filled, table, f"delete from rows where {day}")
    found = compared(third)
    lost = f"from read_parquet('{filled.lake_dir / kept['path']}', hive_partitioning = false)"
    edit_lake(filled, table, f"insert into rows {lost} where not exists (from rows)")  # the other day has its rows
    assert found.keys == len({d.key for d in found.differences}) == third.count
    assert {d.stored for d in found.differences} == {None}
    assert sorted(published(filled, table)) == whole
    edit_lake(filled, table, f"update rows set user_id = 'nobody' where {day} and user_id = 'user-1'")
    found = compared(Sample(10**6, "a"))
    edit_lake(filled, table, "update rows set user_id = 'user-1' where user_id = 'nobody'")
    users = [row for row in of_day if ",user-1," in row]
    assert found.keys == len(of_day) + len(users)
    assert len({d.key for d in found.differences}) == 2 * len(users) > 0


def test_a_partition_of_too_many_rows_is_not_sampled(filled: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verification, "MOST_ROWS", 3 * 40)  # one day, not two
    found = {f.table: f.start for f in verification.watch(Database(filled), declared(), 10, 1)}
    assert "registry.module_stats_daily" in found
    assert not {"registry.module_stats_weekly", "registry.module_stats_monthly"} & set(found)
    assert found["registry.overview_daily"] == DAYS[0]  # the second day looks back on the first


def test_only_the_days_of_the_partition_are_read(filled: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[tuple[Any, ...]] = []

    def noted(settings: Settings, *arguments: Any) -> Any:
        reads.append(arguments)
        return event_rows(settings, *arguments)

    monkeypatch.setattr(recomputation, "event_rows", noted)
    model = declared().aggregates["registry.language_stats_daily"]
    rows = recomputation.derive(Database(filled), declared(), model, DAYS[1], DAYS[1] + timedelta(days=1))
    assert [row["day"] for row in rows] == [DAYS[1]]
    [(contract, columns, start, end)] = reads
    assert (contract.table, start, end) == ("registry.compilation_events", DAYS[1], DAYS[1] + timedelta(days=1))
    assert "duration_ms" in columns
    assert "ip_address" not in columns


def test_the_same_seed_draws_the_same(filled: Settings) -> None:
    execute(filled.database_url, "delete from ops.check_results")
    catalog = with_few(*(table for table in declared().aggregates if table.startswith("registry.")))

    def drawn(seed: int | None) -> list[tuple[str, date]]:
        return [(f.table, f.start) for f in verification.watch(Database(filled), catalog, 10, seed)]

    assert drawn(None) == drawn(None) == drawn(date(2025, 3, 10).toordinal())
    assert len({tuple(drawn(seed)) for seed in range(2)}) > 1


def test_the_asset_tells_dagster(filled: Settings) -> None:
    job = build_defs(filled).resolve_job_def("watchdog")
    with dg.DagsterInstance.ephemeral() as instance:
        result = job.execute_in_process(instance=instance)
    assert result.success
    [evaluation] = result.get_asset_check_evaluations()
    assert (evaluation.check_name, evaluation.passed) == (verification.CHECK, True)
