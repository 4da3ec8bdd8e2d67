"""Loading raw days: which files are read, where their rows go, and which days are left alone."""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from analytics_etl.catalog.catalog import Catalog
from analytics_etl.catalog.contracts import Contract
from analytics_etl.catalog.models import Model
from analytics_etl.lake import open_lake
from analytics_etl.lake.days import DayWriter
from analytics_etl.landing import FileReport, LandingFile, checksum_of, hidden_file, list_files
from analytics_etl.landing.faults import UnreadableFilesError
from analytics_etl.landing.reader import LandingReader
from analytics_etl.ops import live
from analytics_etl.ops.archives import archived_days
from analytics_etl.ops.partitions import newest_day
from analytics_etl.ops.records import ledger, partitions
from analytics_etl.pipeline import publishing
from analytics_etl.pipeline.usable_sources import with_usable_sources
from analytics_etl.postgres.database import Database
from analytics_etl.tables.loading import LoadedDay
from analytics_etl.text.english import counted
from analytics_etl.text.visible import visible

DAYS_AT_ONCE = 92
"""Days loaded in one transaction; callers load more in batches of as many."""


def closed_days(contract: Contract, database: Database, days: Sequence[date]) -> set[date]:
    """Those of some days that have a partition and are final: the newest day is past their lateness window."""
    newest = database.run(newest_day, [contract.table])
    if newest is None or not days:
        return set()
    last = newest - timedelta(days=database.settings.lateness_of(contract.table, is_derived=False))
    records = database.run(partitions, min(days), max(days) + timedelta(days=1))
    present = {record["period_start"] for record in records if record["table_name"] == contract.table}
    return {day for day in days if day in present and day <= last}


def scan_files(catalog: Catalog, database: Database, run_id: str | None, log: Callable[[str], object]) -> None:
    """Read new and changed landing files into the ledger without loading a day: their rows wait for runs."""
    catalog = with_usable_sources(catalog)
    for contract in catalog.contracts.values():
        _, reports = load_days(contract, catalog.mappings(contract.family), database, [], run_id, log)
        if reports:
            database.run(live.published, contract.table)
        log(f"{contract.table}: {counted(len(reports), 'file')} read")


def load_days(
    contract: Contract,
    mappings: Mapping[str, Model],
    database: Database,
    days: Sequence[date],
    run_id: str | None = None,
    log: Callable[[str], object] = print,
    *,
    accept_change: bool = False,
    now: datetime | None = None,
) -> tuple[list[LoadedDay], list[FileReport]]:
    """Replace days of a raw table by the rows that the landing files have of them.

    This reads the files that have events of these days according to the ledger, and all new or changed files. Archived
    days are left alone until they are restored: their rows are in the lake, and their files may be gone. `now` is
    recorded as the time when a new file was found; None means the time of the call. If a file makes a statement fail,
    that file is rejected and the others are loaded again from the beginning.
    """
    archived = database.run(archived_days, [contract.table], min(days), max(days) + timedelta(days=1)) if days else {}
    if kept := sorted(set(days) & set(archived.get(contract.table, []))):
        log(f"{contract.table}: {counted(len(kept), 'archived day')} from {kept[0]} on, left alone")
        days = [day for day in days if day not in kept]
        if not days:
            return [], []
    refused: dict[str, str] = {}
    while True:
        try:
            return _loaded(
                contract, mappings, database, days, run_id, log, accept_change, now or datetime.now(UTC), refused
            )
        except UnreadableFilesError as error:
            log(f"{contract.table}: {error}; loading the other files again without it")
            refused |= error.reasons


def _loaded(
    contract: Contract,
    mappings: Mapping[str, Model],
    database: Database,
    days: Sequence[date],
    run_id: str | None,
    log: Callable[[str], object],
    accept_change: bool,  # noqa: FBT001 - it is passed on
    now: datetime,
    refused: Mapping[str, str],
) -> tuple[list[LoadedDay], list[FileReport]]:
    settings = database.settings
    lake = open_lake(settings)
    with (
        LandingReader(contract, mappings, set(days), settings.temporary_dir, settings.loader_memory_mb) as reader,
        DayWriter(lake, contract, days, settings.loader_memory_mb) as writer,
        publishing.loading(database, contract, days, run_id, accept_change=accept_change) as load,
    ):
        # Read the ledger only now: `loading` has waited for other loads of these days to end.
        files, gone = files_to_read(contract, mappings, database, settings.landing_dirs, days)
        found_at = found_times(database.run(ledger, contract.table, days), files, now)
        log_progress = _progress(contract.table, reader, len(files), log)
        for rows in reader.read(files, found_at, refused):
            log_progress()
            for day, batch in rows.valid.items():
                writer.add(day, batch)
            load.reject(rows.rejected)
        duplicate_ids = reader.event_ids.duplicates()
        conflicting_ids = writer.keep(duplicate_ids, load.copy)
        load.drain()
        load.files = list(writer.place(run_id))
        load.mark_gone(gone)
        loaded = load.publish(
            reader.reports,
            reader.event_ids.duplicates_by_file(duplicate_ids),
            reader.event_ids.duplicates_by_file(conflicting_ids),
        )
    return loaded, reader.reports


def found_times(
    ledger: Sequence[Mapping[str, Any]], files: Sequence[LandingFile], now: datetime
) -> dict[str, datetime]:
    """{path: when its content was first seen}: the time in the ledger if the content is the same, else `now`.

    A file is unchanged if size and modification time are those of the ledger. If only the modification time differs, as
    it does for a copy, the checksum decides.
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


def _progress(table: str, reader: LandingReader, files: int, log: Callable[[str], object]) -> Callable[[], None]:
    """A function that logs the current file, at most once a second, since logging is slow."""
    logged, logged_at = 0, -1.0

    def log_progress() -> None:
        nonlocal logged, logged_at
        if len(reader.opened) > logged and time.monotonic() > logged_at + 1:
            logged, logged_at = len(reader.opened), time.monotonic()
            file = reader.opened[-1].file
            log(f"{table}: reading {visible(file.path)} ({logged} of {files}, {file.size_bytes:,} bytes)")

    return log_progress


def files_to_read(
    contract: Contract, mappings: Mapping[str, Model], database: Database, landing: Sequence[Path],
    days: Sequence[date],
) -> tuple[list[LandingFile], list[str]]:  # fmt: skip
    """The files that may have rows of some days, and the paths of files that had events of them and are gone.

    For the files to read, rejected rows count, too: a corrected contract may accept them.
    """
    known = {entry["path"]: entry for entry in database.run(ledger, contract.table, days)}
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
