"""Files that lie where nobody reads them are named, with what moves them to where they are read."""

import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from commands import call, variables
from events import DAY, download, ledger, load, write

from analytics_etl.catalog.catalog import Catalog
from analytics_etl.config.settings import Settings
from analytics_etl.landing import strays as looking
from analytics_etl.landing.strays import Stray, strays
from analytics_etl.monitoring.doctor.finding import Finding
from analytics_etl.monitoring.doctor.surroundings import landing_folder
from analytics_etl.postgres.database import Database

TABLES = {"download_events", "schema_usage_events", "schedule_events"}


def put(landing: Path, *paths: str) -> None:
    for path in paths:
        (landing / path).parent.mkdir(parents=True, exist_ok=True)
        (landing / path).write_bytes(b"")


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("download_event/w.ndjson", ("download_event", True, "download_events")),
        ("Download-Events/w.ndjson", ("Download-Events", True, "download_events")),
        ("registry.download_events/w.ndjson", ("registry.download_events", True, "download_events")),
        ("registry.download_event/2025/w.ndjson", ("registry.download_event", True, "download_events")),
        ("usage/schema_usage_events/x.ndjson", ("usage/schema_usage_events", True, "schema_usage_events")),
        ("schedules/schedule_events/x.ndjson", ("schedules/schedule_events", True, "schedule_events")),
        ("usage/schema_usage_event/x.ndjson", ("usage/schema_usage_event", True, "schema_usage_events")),
        ("usage/2025/x.ndjson", ("usage", True, None)),
        ("root.ndjson", ("root.ndjson", False, None)),
        ("download_events.ndjson.gz", ("download_events.ndjson.gz", False, "download_events")),
    ],
)
def test_what_belongs_to_no_table(tmp_path: Path, path: str, found: tuple[str, bool, str | None]) -> None:
    put(tmp_path, path)
    assert strays(tmp_path, TABLES) == [Stray(*found)]


def test_what_is_where_it_belongs_or_is_no_events(tmp_path: Path) -> None:
    assert strays(tmp_path / "not_there", TABLES) == []
    put(tmp_path, "download_events/deep/er/a.ndjson", ".demo/x/a.ndjson", "_work/a.ndjson", "a.ndjson.part", ".hidden")
    (tmp_path / "empty").mkdir()
    (tmp_path / "lost+found").mkdir()
    put(tmp_path, "lost+found/#1", "moved_away/.keep")
    assert strays(tmp_path, TABLES) == []


def test_not_all_of_very_many_files_are_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looking, "MOST_LOOKED_AT", 5)
    put(tmp_path, *(f"{n}.ndjson" for n in range(20)), *(f"other/{n}.ndjson" for n in range(20)))
    assert 4 <= len(strays(tmp_path, TABLES)) <= 5


def look(settings: Settings, catalog: Catalog) -> Finding:
    [finding] = landing_folder(settings, catalog)
    return finding


def test_what_doctor_says_can_be_typed(settings: Settings, catalog: Catalog, database: Database) -> None:
    """Files in four wrong places; the commands move them, and then they are read, but for the one of no known table."""
    settings.landing_dir.mkdir()
    assert look(settings, catalog).is_well
    for number, path in enumerate(
        ("download_event/a b.ndjson", "registry.download_events/w.ndjson", "usage/schema_usage_events/x.ndjson")
    ):
        write(settings, path, [download(number)])
    write(settings, "root.ndjson", [download(9)])
    finding = look(settings, catalog)
    assert not finding.is_well
    assert finding.detail == (
        "4 files or folders belong to no table and are not read: landing/download_event/ (did you mean "
        "landing/download_events/?), landing/registry.download_events/ (did you mean landing/download_events/?), "
        "landing/root.ndjson, landing/usage/schema_usage_events/ (did you mean landing/schema_usage_events/?)"
    )
    *moves, then = (finding.advice or "").splitlines()
    assert then == "then: analytics-etl backfill --missing"
    assert moves.pop(2).startswith(f"mv {settings.landing_dir}/root.ndjson into the folder of its table below ")
    for command in moves:
        subprocess.run(["/bin/sh", "-ec", command], check=True)
    finding = look(settings, catalog)
    assert finding.detail == "1 file or folder belongs to no table and is not read: landing/root.ndjson"
    assert (settings.landing_dir / "schema_usage_events" / "x.ndjson").is_file()
    load(database)
    assert set(ledger(settings.database_url)) == {"download_events/a b.ndjson", "download_events/w.ndjson"}


def test_the_end_of_a_run_says_it(settings: Settings) -> None:
    write(settings, "download_event/w.ndjson", [download(1)])
    said = (
        "! 1 file or folder belongs to no table and is not read: landing/download_event/ (did you mean "
        "landing/download_events/?); what to type: analytics-etl doctor"
    )
    for command in ("backfill --missing", "backfill --missing --dry-run", f"run {DAY} --family registry"):
        assert call(command, variables(settings)).stdout.splitlines()[-1] == said
    wrong = call(f"run {DAY - timedelta(days=1000)}", variables(settings))
    assert (wrong.exit_code, "belongs to no table" in wrong.output) == (2, False)
