"""The watchdog passes on a right warehouse, finds a changed cell in every table, and reads no other days."""

from datetime import date, timedelta
from typing import Any

import dagster as dg
import pytest
from conftest import Server, settings_in
from events import DAY, ask, compilation, declared, download, execute, load_and_aggregate, view, write

from analytics_etl import watchdog
from analytics_etl.definitions import build_defs
from analytics_etl.sample import FAMILIES, SampleOptions, write_sample
from analytics_etl.settings import Settings
from analytics_etl.warehouse import Warehouse

DAYS = [DAY, DAY + timedelta(days=1)]


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
    load_and_aggregate(Warehouse(settings), DAYS[0], DAYS[-1])
    return settings


def count_of(settings: Settings, finding: watchdog.Finding) -> int:
    """Rows of the partition that was looked at."""
    period = declared().aggregates[finding.table].key[0]
    [row] = ask(
        settings.database_url, f"select count(*) as n from {finding.table} where {period} = %s", [finding.start]
    )
    return int(row["n"])


def results(settings: Settings) -> dict[str, bool]:
    found = ask(settings.database_url, "select table_name, passed from ops.check_results where check_name = %s",
                [watchdog.CHECK])  # fmt: skip
    return {row["table_name"]: row["passed"] for row in found}


def test_a_right_warehouse_passes(filled: Settings) -> None:
    execute(filled.database_url, "delete from ops.check_results")
    for seed in range(2):
        findings = watchdog.watch(Warehouse(filled), declared(), 1000, seed)
        assert {finding.table for finding in findings} == set(declared().aggregates)
        assert [finding.differences for finding in findings] == [[]] * len(findings)
        assert all((finding.keys > 0) == (count_of(filled, finding) > 0) for finding in findings)
        assert sum(finding.keys > 0 for finding in findings) > len(findings) / 2
    assert results(filled) == dict.fromkeys(declared().aggregates, True)


def test_a_changed_cell_is_found_in_every_table(filled: Settings) -> None:
    warehouse = Warehouse(filled)
    starts = {finding.table: finding.start for finding in watchdog.watch(warehouse, declared(), 10**6, 1)}
    changed, undo = set(), []
    for table, model in declared().aggregates.items():
        types = warehouse.table_schema([table])[table]
        column = next(name for name in model.columns if name not in model.key and types[name] == "bigint")
        key = f"({', '.join(model.key)})::text"
        found = ask(
            filled.database_url,
            f"select {key} as key from {table} where {model.key[0]} = %s order by 1 limit 1",
            [starts[table]],
        )
        if not found:  # too little to tell, for the settings
            continue
        [row] = found
        execute(filled.database_url, f"update {table} set {column} = {column} + 1 where {key} = '{row['key']}'")
        undo.append(f"update {table} set {column} = {column} - 1 where {key} = '{row['key']}'")
        changed.add((table, starts[table], column))
    findings = watchdog.watch(warehouse, declared(), 10**6, 1)
    differences = [difference for finding in findings for difference in finding.differences]
    assert {(d.table, d.day, d.column) for d in differences} == changed
    assert len(differences) == len(changed) > len(starts) / 2
    assert all(d.stored == d.derived + 1 for d in differences)
    wrong = {table for table, _, _ in changed}
    assert results(filled) == {table: table not in wrong for table in declared().aggregates}
    for statement in undo:
        execute(filled.database_url, statement)


def test_only_the_days_of_the_partition_are_read(filled: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    statements: list[str] = []
    query = Warehouse.query

    def noted(self: Warehouse, statement: str, *arguments: Any) -> Any:
        statements.append(statement)
        return query(self, statement, *arguments)

    monkeypatch.setattr(Warehouse, "query", noted)
    model = declared().aggregates["registry.language_stats_daily"]
    rows = watchdog.derive(Warehouse(filled), declared(), model, DAYS[1], DAYS[1] + timedelta(days=1))
    assert [row["day"] for row in rows] == [DAYS[1]]
    assert len(statements) == 1
    assert f">= '{DAYS[1]} 00:00:00+00'" in statements[0]
    assert f"< '{DAYS[1] + timedelta(days=1)} 00:00:00+00'" in statements[0]
    assert "ip_address" not in statements[0]


def test_the_same_seed_draws_the_same(filled: Settings) -> None:
    def drawn(seed: int | None) -> list[tuple[str, date]]:
        return [(f.table, f.start) for f in watchdog.watch(Warehouse(filled), declared(), 10, seed)]

    assert drawn(None) == drawn(None) == drawn(date(2025, 3, 10).toordinal())
    assert len({tuple(drawn(seed)) for seed in range(2)}) > 1


def test_the_asset_tells_dagster(filled: Settings) -> None:
    job = build_defs(filled).resolve_job_def("watchdog")
    with dg.DagsterInstance.ephemeral() as instance:
        result = job.execute_in_process(instance=instance)
    assert result.success
    [evaluation] = result.get_asset_check_evaluations()
    assert (evaluation.check_name, evaluation.passed) == (watchdog.CHECK, True)
