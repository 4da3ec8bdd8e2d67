"""Raw event tables: landing files -> the day's partition."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.storage.tags import SCHEDULE_NAME_TAG, SENSOR_NAME_TAG

from analytics_etl.catalog.broken import BrokenFile
from analytics_etl.catalog.catalog import Catalog
from analytics_etl.catalog.contracts import Contract
from analytics_etl.catalog.models import Model, ModelError
from analytics_etl.landing import (
    FileReport,
    LandingFile,
    LandingReader,
    UnreadableFilesError,
    check_mappings,
    checksum_of,
    hidden_file,
    list_files,
)
from analytics_etl.orchestration.assets.metadata import (
    FRESHNESS,
    asset_key,
    change_check,
    change_metadata,
    change_results,
    column_schema,
    describe_partitions,
    is_change_accepted,
    landing_key,
    retrying_lost_connections,
)
from analytics_etl.orchestration.partitions import Partitions, chunks, requested_periods
from analytics_etl.pipeline.gaps import FAR_DAYS
from analytics_etl.text.english import counted
from analytics_etl.text.visible import visible
from analytics_etl.warehouse import ChangeRefusedError, LoadedDay, Warehouse

DAYS_AT_ONCE = 92
"""Days loaded in one transaction; more are done one batch after the other."""


def build_landing_asset(table: str) -> dg.AssetSpec:
    """The landing folder of an event table: where lineage begins."""
    family, name = table.split(".")
    return dg.AssetSpec(
        landing_key(table),
        group_name=family,
        description=f"Files below `landing/{name}/`: NDJSON, CSV or Parquet, plain, .gz or .zst.",
        kinds={"file"},
    )


def with_usable_sources(catalog: Catalog) -> Catalog:
    """The catalogue without the event tables of families of which a source mapping cannot work: what its files hold
    cannot be told.
    """
    stopped: dict[str, BrokenFile] = {}
    for family in catalog.families:
        contracts = [contract for contract in catalog.contracts.values() if contract.family == family]
        for name, mapping in catalog.mappings(family).items() if contracts else ():
            try:
                check_mappings(contracts, {name: mapping})
            except ModelError as error:
                stopped |= {contract.table: BrokenFile(mapping.path, str(error)) for contract in contracts}
    return replace(catalog, stopped=stopped) if stopped else catalog


def build_event_asset(contract: Contract, mappings: Mapping[str, Model], partitions: Partitions) -> dg.AssetsDefinition:
    """The asset of one raw event table, one partition a UTC day."""
    small_change = change_check(contract.table, partitions.day)

    @dg.asset(
        key=asset_key(contract.table),
        deps=[landing_key(contract.table)],
        check_specs=[small_change],
        group_name=contract.family,
        description=contract.description,
        partitions_def=partitions.day,
        backfill_policy=dg.BackfillPolicy.single_run(),
        kinds={"postgres", "duckdb", "table"},
        pool=contract.table,
        code_version=contract.code_version,
        freshness_policy=FRESHNESS["day"],
        metadata={
            "dagster/table_name": contract.table,
            "dagster/column_schema": column_schema(
                contract.column_docs, {column.name: column.type for column in contract.columns}
            ),
            "contract": dg.MetadataValue.md(f"```sql\n{contract.ddl}\n```"),
        },
    )
    def events(context: dg.AssetExecutionContext, warehouse: dg.ResourceParam[Warehouse]) -> Iterator[Any]:
        days = list(requested_periods(context, "day"))
        if is_automatic(context.run.tags):
            closed = closed_days(contract, warehouse, days)
            for day in sorted(closed):
                context.log.warning(
                    "%s: %s is final and stays as it is; reopen it to load it again", contract.table, day
                )
            days = [day for day in days if day not in closed]
            newest = warehouse.newest_day([contract.table])
            if newest is not None and days and min(days) > newest + timedelta(days=FAR_DAYS):
                far = counted((min(days) - newest).days, "day")
                context.log.warning(
                    "%s: %s is %s after the newest day, %s; the days between are not due: analytics-etl doctor",
                    contract.table, min(days), far, newest,
                )  # fmt: skip
        with retrying_lost_connections(warehouse):
            for chunk in chunks(days, DAYS_AT_ONCE):
                try:
                    loaded, reports = load_days(
                        contract, mappings, warehouse, chunk, context.run.run_id, context.log.info,
                        accept_change=is_change_accepted(context),
                    )  # fmt: skip
                except ChangeRefusedError as error:
                    yield from change_results(context, small_change, contract.table, warehouse, chunk, error)
                    raise dg.Failure(str(error), allow_retries=False) from error
                changed = change_metadata(contract.table, warehouse, context.run.run_id)
                found = {day: {**of, **changed.get(day, {})} for day, of in _by_partition(loaded, reports).items()}
                others = sum(report.others for report in reports)
                describe_partitions(context, found, {"files_read": len(reports), "rows_not_for_table": others})
        yield dg.MaterializeResult(asset_key=asset_key(contract.table))
        yield from change_results(context, small_change, contract.table, warehouse, days)

    return events


def is_automatic(tags: Mapping[str, str]) -> bool:
    """Whether a sensor or schedule started the run; every other run was asked for by a person."""
    return SENSOR_NAME_TAG in tags or SCHEDULE_NAME_TAG in tags


def closed_days(contract: Contract, warehouse: Warehouse, days: Sequence[date]) -> set[date]:
    """Those of some days that have a partition and are final: the table's newest day is past their lateness window."""
    newest = warehouse.newest_day([contract.table])
    if newest is None or not days:
        return set()
    last = newest - timedelta(days=warehouse.settings.lateness_of(contract.table, is_derived=False))
    records = warehouse.partitions(min(days), max(days) + timedelta(days=1))
    present = {record["period_start"] for record in records if record["table_name"] == contract.table}
    return {day for day in days if day in present and day <= last}


def scan_files(catalog: Catalog, warehouse: Warehouse, run_id: str | None, tell: Callable[[str], object]) -> None:
    """Read new and changed landing files into the ledger, and load no day: their rows wait for runs of their days."""
    catalog = with_usable_sources(catalog)
    for contract in catalog.contracts.values():
        _, reports = load_days(contract, catalog.mappings(contract.family), warehouse, [], run_id, tell)
        tell(f"{contract.table}: {counted(len(reports), 'file')} read")


def load_days(
    contract: Contract,
    mappings: Mapping[str, Model],
    warehouse: Warehouse,
    days: Sequence[date],
    run_id: str | None = None,
    tell: Callable[[str], object] = print,
    *,
    accept_change: bool = False,
    now: datetime | None = None,
) -> tuple[list[LoadedDay], list[FileReport]]:
    """Replace days of a raw table by what the landing files hold of them.

    Reads the files the ledger knows to hold events of these days, and those it does not know (as they are now). An
    archived day is left out: its rows are the archived ones, whatever has become of its files, until it is restored.
    A file that is new was found `now`, which is the time of the call unless told otherwise. A file that stops a
    statement half way is rejected as a file, and the others are loaded again from the beginning.
    """
    archived = warehouse.archived_days([contract.table], min(days), max(days) + timedelta(days=1)) if days else {}
    if kept := sorted(set(days) & set(archived.get(contract.table, []))):
        tell(f"{contract.table}: {counted(len(kept), 'archived day')} from {kept[0]} on, left alone")
        days = [day for day in days if day not in kept]
        if not days:
            return [], []
    refused: dict[str, str] = {}
    while True:
        try:
            return _loaded(
                contract, mappings, warehouse, days, run_id, tell, accept_change, now or datetime.now(UTC), refused
            )
        except UnreadableFilesError as error:
            tell(f"{contract.table}: {error}; loading the other files again without it")
            refused |= error.reasons


def _loaded(
    contract: Contract,
    mappings: Mapping[str, Model],
    warehouse: Warehouse,
    days: Sequence[date],
    run_id: str | None,
    tell: Callable[[str], object],
    accept_change: bool,  # noqa: FBT001 - it is passed on
    now: datetime,
    refused: Mapping[str, str],
) -> tuple[list[LoadedDay], list[FileReport]]:
    settings = warehouse.settings
    with (
        LandingReader(contract, mappings, set(days), settings.temporary_dir, settings.loader_memory_mb) as reader,
        warehouse.load(contract, days, run_id, accept_change=accept_change) as load,
    ):
        # After load() has waited for other loads of these days: the ledger is as they left it.
        files, gone = files_to_read(contract, mappings, warehouse, settings.landing_dirs, days)
        found_at = found_times(warehouse.ledger(contract.table, days), files, now)
        tell_progress = _progress(contract.table, reader, len(files), tell)
        for rows in reader.read(files, found_at, refused):
            tell_progress()
            for day, batch in rows.valid.items():
                load.copy(day, batch)
            load.reject(rows.rejected)
        load.drain()
        duplicate_ids = reader.duplicates()
        conflicting_ids = load.remove_duplicates(duplicate_ids)
        load.mark_gone(gone)
        loaded = load.publish(
            reader.reports, reader.duplicates_by_file(duplicate_ids), reader.duplicates_by_file(conflicting_ids)
        )
    return loaded, reader.reports


def found_times(
    ledger: Sequence[Mapping[str, Any]], files: Sequence[LandingFile], now: datetime
) -> dict[str, datetime]:
    """{path: when its content was first seen}: what the ledger says as long as the content is the same, else `now`.

    A file with the size and modification time of the ledger is taken for unchanged, as everywhere; one with another
    modification time only, as a copy has it, by its checksum.
    """
    known = {entry["path"]: entry for entry in ledger}

    def found(file: LandingFile) -> datetime:
        entry = known.get(file.path)
        if entry is None or entry["size_bytes"] != file.size_bytes:
            return now
        is_same = entry["modified_at"] == file.modified_at or entry["checksum"] == checksum_of(file)
        first: datetime = entry["found_at"]
        return first if is_same else now

    return {file.path: found(file) for file in files}


def _progress(table: str, reader: LandingReader, files: int, tell: Callable[[str], object]) -> Callable[[], None]:
    """Something to call now and then, which tells the file at hand at most once a second: telling is slow."""
    told, told_at = 0, -1.0

    def tell_progress() -> None:
        nonlocal told, told_at
        if len(reader.opened) > told and time.monotonic() > told_at + 1:
            told, told_at = len(reader.opened), time.monotonic()
            file = reader.opened[-1].file
            tell(f"{table}: reading {visible(file.path)} ({told} of {files}, {file.size_bytes:,} bytes)")

    return tell_progress


def files_to_read(
    contract: Contract, mappings: Mapping[str, Model], warehouse: Warehouse, landing: Sequence[Path],
    days: Sequence[date],
) -> tuple[list[LandingFile], list[str]]:  # fmt: skip
    """The files that may have rows of some days, and the paths of those that held events of them and are gone.

    Rejected rows count for the first: a mend of the contract may make events of them.
    """
    known = {entry["path"]: entry for entry in warehouse.ledger(contract.table, days)}
    present = list_files(landing, contract.name, frozenset(mappings))

    def must_be_read(file: LandingFile) -> bool:
        entry = known.get(file.path)
        if entry is None or entry["state"] in ("gone", "rejected"):
            return True
        is_same = (entry["size_bytes"], entry["modified_at"]) == (file.size_bytes, file.modified_at)
        return not is_same or entry["has_rows_of_days"]

    gone = set(known) - {file.path for file in present}
    closed = [file for file in present if file.is_closed_folder]
    hidden = [hidden_file(closed, path) for path in sorted(gone) if known[path]["has_rows_of_days"]] if closed else []
    unreadable = [file for file in hidden if file is not None]
    gone -= {file.path for file in unreadable}
    return [*filter(must_be_read, present), *unreadable], sorted(
        path for path in gone if known[path]["state"] == "gone" or known[path]["has_events_of_days"]
    )


def _by_partition(loaded: Sequence[LoadedDay], reports: Sequence[FileReport]) -> dict[str, dict[str, Any]]:
    rejected: Counter[date | None] = Counter()
    for report in reports:
        rejected.update(report.rejected)
    return {
        day.day.isoformat(): {
            "dagster/partition_row_count": day.rows,
            "rows_duplicate": day.duplicates,
            "rows_conflicting": day.conflicting,
            "rows_rejected": rejected[day.day],
            "rows_rejected_without_a_day": rejected[None],
        }
        for day in loaded
    }
