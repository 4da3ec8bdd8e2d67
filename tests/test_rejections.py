"""Rejected rows that tell no day are told by the run, by doctor, by the checks and the reports of the days they belong
to; a file most of whose rows are rejected is an error, and there is a way out.
"""

from datetime import date, timedelta
from typing import Any

import pytest
from events import DAY, DOWNLOADS, aggregate, at, declared, download, load, write
from test_cli import call, variables

from analytics_etl import checks
from analytics_etl.config.settings import Settings
from analytics_etl.monitoring.doctor.files import rejected_rows
from analytics_etl.pipeline import rejections
from analytics_etl.pipeline.reports import write_report
from analytics_etl.tables.warehouse import Warehouse

PATH = "download_events/app.ndjson"
REASON = "downloaded_at: expected a timestamp with a time zone"
NEXT = DAY + timedelta(days=1)


def write_file(settings: Settings, valid: int, undated: int, path: str = PATH) -> None:
    """A file of downloads, the last of which do not say in which time zone they were."""
    events = [download(n) for n in range(valid)]
    events += [download(n, downloaded_at=at(n).removesuffix("Z")) for n in range(valid, valid + undated)]
    write(settings, path, events)


def failed(warehouse: Warehouse, day: date = DAY) -> dict[str, str]:
    """{check of the downloads of a day that does not hold: its severity}"""
    target, named = checks.targets(declared())[DOWNLOADS], checks.declared_checks(declared())[DOWNLOADS]
    results = checks.evaluate(warehouse, target, named, {day: day + timedelta(days=1)})
    warehouse.record_checks(results)
    return {result.name: result.severity for result in results if not result.passed}


def report(warehouse: Warehouse, day: date) -> tuple[str, list[str], str, list[Any]]:
    """What a report says of its state, its notices, of what became of the rows, and of the reasons."""
    value = write_report(warehouse, declared(), "registry", "day", day).value
    sections = {section["name"]: section for section in value["sections"]}
    notices = [notice["sentence"] for notice in value["state"]["notices"] if notice["kind"] == "rejected"]
    rows = sections["quality_rows"]["sentence"].replace("\N{NO-BREAK SPACE}", " ")
    return value["state"]["sentence"], notices, rows, sections["quality_reasons"]["rows"]


def test_a_file_most_of_whose_rows_tell_no_day(settings: Settings, warehouse: Warehouse) -> None:
    write_file(settings, 10, 90)
    load(warehouse)
    line, way_out = rejections.since(warehouse, 60)
    assert "analytics-etl forget PATH" in way_out
    assert line.startswith(f"90 of 100 rows of {PATH} were rejected (90 without a day): {REASON}")
    assert line.endswith("; see ops.rejected_rows")
    finding = rejected_rows(warehouse, {})[0]
    assert not finding.is_well
    assert finding.detail.startswith(
        f"1 file with rejected rows that tell no day: 90 of 100 rows of {PATH} were rejected"
    )
    assert f"analytics-etl forget {PATH} --reason" in (finding.advice or "")
    assert failed(warehouse) == {"files_are_mostly_valid": "error", "rejected_rows_are_few": "warn"}
    aggregate(warehouse, DAY, DAY, ("day",), ["registry"])
    state, notices, rows, reasons = report(warehouse, DAY)
    assert "90 rows of its files tell no day and could not be counted." in state
    assert state.endswith("A check or the last run failed for 1 table.")
    assert notices == [f"90 rows without a usable time were rejected, so that no day has them: {DOWNLOADS}."]
    assert rows == (
        "100 rows read from 1 file; 10 loaded (10.0 %); 0 duplicates; 90 rejected, 90 of which tell no day."
    )  # fmt: skip
    assert [(row["table_name"], row["rejected_count"]) for row in reasons] == [(DOWNLOADS, 90)]
    # The way out without a mend: the file is put elsewhere, and forgotten.
    (settings.landing_dir / PATH).rename(settings.home.parent / "kept.ndjson")
    forgotten = warehouse.forget_file(PATH, "somebody", "its times have no zone")
    assert forgotten.days == [DAY]
    load(warehouse)
    assert "files_are_mostly_valid" not in failed(warehouse)
    assert rejected_rows(warehouse, {})[0].is_well
    assert report(warehouse, DAY)[1] == []


def test_a_file_that_tells_no_day_at_all_is_told_with_the_newest_day(settings: Settings, warehouse: Warehouse) -> None:
    write_file(settings, 0, 50)
    write(settings, f"download_events/{DAY}.ndjson", [download(n) for n in range(100, 120)])
    write(settings, f"download_events/{NEXT}.ndjson", [download(n, NEXT) for n in range(200, 220)])
    load(warehouse, DOWNLOADS, DAY, NEXT)
    aggregate(warehouse, DAY, NEXT, ("day",), ["registry"])
    assert failed(warehouse, NEXT) == {"undated_files_are_readable": "warn"}
    assert not rejected_rows(warehouse, {})[0].is_well
    assert report(warehouse, DAY)[1:3] == (
        [],
        "20 rows read from 1 file; 20 loaded (100 %); 0 duplicates; 0 rejected.",
    )
    state, notices, rows, _ = report(warehouse, NEXT)
    assert "50 rows of its files tell no day" in state
    assert len(notices) == 1
    assert "70 rows read from 2 files" in rows
    assert "50 rejected, 50 of which tell no day" in rows


def test_a_file_whose_path_tells_the_day(settings: Settings, warehouse: Warehouse) -> None:
    write_file(settings, 0, 50, f"download_events/{DAY}.ndjson")
    load(warehouse)
    assert failed(warehouse)["files_are_mostly_valid"] == "error"


@pytest.mark.parametrize("valid", [4, 2000])
def test_a_few_rows_stop_nobody(settings: Settings, warehouse: Warehouse, valid: int) -> None:
    """Neither most of a very small file, nor one row of a large one, which is told all the same."""
    write_file(settings, valid, 5 if valid < 5 else 1)
    load(warehouse)
    assert "error" not in failed(warehouse).values()
    finding = rejected_rows(warehouse, {})[0]
    assert finding.is_well == (valid > 5)
    assert PATH in finding.detail
    assert len(rejections.since(warehouse, 60)) == 1


def test_the_command_says_what_its_run_rejected(settings: Settings) -> None:
    write_file(settings, 10, 90)
    result = call(f"run {DAY} --family registry", variables(settings))
    assert result.exit_code == 1
    assert f"! 90 of 100 rows of {PATH} were rejected (90 without a day): {REASON}" in result.stdout
    assert "files_are_mostly_valid" in result.output
    assert "analytics-etl forget" in result.output
