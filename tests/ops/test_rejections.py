"""Rejected rows that tell no day are told by the run, by doctor, by the checks and the reports of the days they belong
to; a file most of whose rows are rejected is an error, and there is a way out.
"""

import shlex
from datetime import date, timedelta
from typing import Any

import pytest
from commands import call, variables
from events import DAY, DOWNLOADS, aggregate, ask, at, declared, download, load, write

from analytics_etl import checks
from analytics_etl.checks.evaluation import evaluate
from analytics_etl.config.settings import CHECKOUT, Settings
from analytics_etl.monitoring.doctor.files import rejected_rows
from analytics_etl.pipeline import rejections
from analytics_etl.pipeline.forgetting import forget_file
from analytics_etl.pipeline.publishing import record_checks
from analytics_etl.pipeline.reports import write_report
from analytics_etl.postgres.database import Database

FAMILIES_IN_USE = ("registry",)

PATH = "download_events/app.ndjson"
REASON = "downloaded_at: expected a timestamp with a time zone"
NEXT = DAY + timedelta(days=1)


def write_file(settings: Settings, valid: int, undated: int, path: str = PATH) -> None:
    """A file of downloads, the last of which do not say in which time zone they were."""
    events = [download(n) for n in range(valid)]
    events += [download(n, downloaded_at=at(n).removesuffix("Z")) for n in range(valid, valid + undated)]
    write(settings, path, events)


def failed(database: Database, day: date = DAY) -> dict[str, str]:
    """{check of the downloads of a day that does not hold: its severity}"""
    target, named = checks.targets(declared())[DOWNLOADS], checks.declared_checks(declared())[DOWNLOADS]
    results = evaluate(database, target, named, {day: day + timedelta(days=1)})
    record_checks(database, results)
    return {result.name: result.severity for result in results if not result.passed}


def report(database: Database, day: date) -> tuple[str, list[str], str, list[Any]]:
    """What a report says of its state, its notices, of what became of the rows, and of the reasons."""
    value = write_report(database, declared(), "registry", "day", day).value
    sections = {section["name"]: section for section in value["sections"]}
    notices = [notice["sentence"] for notice in value["state"]["notices"] if notice["kind"] == "rejected"]
    rows = sections["quality_rows"]["sentence"].replace("\N{NO-BREAK SPACE}", " ")
    return value["state"]["sentence"], notices, rows, sections["quality_reasons"]["rows"]


def test_a_file_most_of_whose_rows_tell_no_day(settings: Settings, database: Database) -> None:
    write_file(settings, 10, 90)
    load(database)
    line, see, way_out = rejections.since(database, 60)
    assert "analytics-etl forget PATH" in way_out
    assert line.startswith(f"90 of 100 rows of {PATH} were rejected (90 without a day): {REASON}")
    assert see == f"rejected rows with their lines and reasons: {rejections.SEE_ALL}"
    finding = rejected_rows(database, {})[0]
    assert not finding.is_well
    assert finding.detail.startswith(
        f"1 file with rejected rows that tell no day: 90 of 100 rows of {PATH} were rejected"
    )
    assert f"analytics-etl forget {PATH} --reason" in (finding.advice or "")
    assert failed(database) == {"files_are_mostly_valid": "error", "rejected_rows_are_few": "warn"}
    aggregate(database, DAY, DAY, ("day",), ["registry"])
    state, notices, rows, reasons = report(database, DAY)
    assert "90 rows of its files tell no day and could not be counted." in state
    assert state.endswith("A check or the last run failed for 1 table.")
    assert notices == [f"90 rows without a usable time were rejected, so that no day has them: {DOWNLOADS}."]
    assert rows == (
        "100 rows read from 1 file; 10 loaded (10.0 %); 0 duplicates; 90 rejected, 90 of which tell no day."
    )  # fmt: skip
    assert [(row["table_name"], row["rejected_count"]) for row in reasons] == [(DOWNLOADS, 90)]
    # The way out without a mend: the file is put elsewhere, and forgotten.
    (settings.landing_dir / PATH).rename(settings.home.parent / "kept.ndjson")
    forgotten = forget_file(database, PATH, "somebody", "its times have no zone")
    assert forgotten.days == [DAY]
    load(database)
    assert "files_are_mostly_valid" not in failed(database)
    assert rejected_rows(database, {})[0].is_well
    assert report(database, DAY)[1] == []


def test_a_file_that_tells_no_day_at_all_is_told_with_the_newest_day(settings: Settings, database: Database) -> None:
    write_file(settings, 0, 50)
    write(settings, f"download_events/{DAY}.ndjson", [download(n) for n in range(100, 120)])
    write(settings, f"download_events/{NEXT}.ndjson", [download(n, NEXT) for n in range(200, 220)])
    load(database, DOWNLOADS, DAY, NEXT)
    aggregate(database, DAY, NEXT, ("day",), ["registry"])
    assert failed(database, NEXT) == {"undated_files_are_readable": "warn"}
    assert not rejected_rows(database, {})[0].is_well
    assert report(database, DAY)[1:3] == (
        [],
        "20 rows read from 1 file; 20 loaded (100 %); 0 duplicates; 0 rejected.",
    )
    state, notices, rows, _ = report(database, NEXT)
    assert "50 rows of its files tell no day" in state
    assert len(notices) == 1
    assert "70 rows read from 2 files" in rows
    assert "50 rejected, 50 of which tell no day" in rows


def test_a_file_whose_path_tells_the_day(settings: Settings, database: Database) -> None:
    write_file(settings, 0, 50, f"download_events/{DAY}.ndjson")
    load(database)
    assert failed(database)["files_are_mostly_valid"] == "error"


@pytest.mark.parametrize("valid", [4, 2000])
def test_a_few_rows_stop_nobody(settings: Settings, database: Database, valid: int) -> None:
    """Neither most of a very small file, nor one row of a large one, which is told all the same."""
    write_file(settings, valid, 5 if valid < 5 else 1)
    load(database)
    assert "error" not in failed(database).values()
    finding = rejected_rows(database, {})[0]
    assert finding.is_well == (valid > 5)
    assert PATH in finding.detail
    assert len(rejections.since(database, 60)) == 2, "the file, and how to see its rows"


def test_the_command_says_what_its_run_rejected(settings: Settings) -> None:
    write_file(settings, 10, 90)
    result = call(f"run {DAY} --family registry", variables(settings))
    assert result.exit_code == 1
    assert f"! 90 of 100 rows of {PATH} were rejected (90 without a day): {REASON}" in result.stdout
    assert "files_are_mostly_valid" in result.output
    assert "analytics-etl forget" in result.output


def test_rejected_rows_of_days_are_told_whether_or_not_they_are_many(settings: Settings, database: Database) -> None:
    """1 of 3 rows, as the README has it; a file with several faults; a mended one, of which nothing is left to tell."""
    write(settings, PATH, [download(1), download(2), download(3, file_size=-1)])
    load(database)
    [row] = rejections.of_days(database, DAY, NEXT)
    said = f"1 row of {DOWNLOADS} of {DAY} was rejected ({PATH}): file_size_not_negative: "
    assert str(row).startswith(said)
    finding = rejected_rows(database, {})[0]
    assert (finding.is_well, finding.detail) == (True, str(row))
    assert (finding.advice or "").splitlines() == [
        f"to see them: {rejections.SEE_ALL}",
        "to load them, mend the file under its name, then: analytics-etl backfill --missing",
    ]
    shown = call("status", variables(settings)).stdout
    assert f"  {said}" in shown
    assert "rejected" not in call(f"status --from {NEXT} --to {NEXT}", variables(settings)).stdout
    assert "download_events" not in call("status --family usage", variables(settings)).stdout
    faults: list[dict[str, object]] = [
        {"file_size": -1},
        {"success": "maybe"},
        {"event_id": "x"},
        {"module_name": None},
    ]
    write(settings, "download_events/b.ndjson", [download(10 + n, NEXT, **fault) for n, fault in enumerate(faults)])
    load(database, DOWNLOADS, NEXT)
    assert str(rejections.of_days(database, DAY, NEXT + timedelta(days=1))[0]).startswith(
        f"5 rows of {DOWNLOADS} of {DAY} to {NEXT} were rejected ({PATH}, download_events/b.ndjson): e.g. "
    )
    (line, *_) = rejections.since(database, 60)
    assert line.startswith("4 of 4 rows of download_events/b.ndjson were rejected: e.g. ")
    write(settings, PATH, [download(n) for n in range(3)])
    write(settings, "download_events/b.ndjson", [download(10, NEXT)])
    load(database, DOWNLOADS, DAY, NEXT)
    finding = rejected_rows(database, {})[0]
    assert (finding.is_well, finding.advice) == (True, None)
    assert finding.detail == f"there are none since {NEXT - timedelta(days=31)}"
    assert "rejected" not in call("status", variables(settings)).stdout


def test_what_shows_rejected_rows_can_be_typed_and_is_in_the_docs(settings: Settings, database: Database) -> None:
    assert rejections.SEE_ALL in (CHECKOUT / "docs" / "operations.md").read_text(encoding="utf-8")
    write_file(settings, 1, 1)
    load(database)
    words = shlex.split(rejections.SEE_ALL)
    assert words[:3] == ["psql", "$(analytics-etl db-url)", "-c"]
    [row] = ask(settings.database_url, words[3])
    assert (row["path"], row["line"]) == (PATH, 2)
    assert row["reason"].startswith(REASON)
