"""CSV files whose fields are not separated by commas: the header tells."""

import pytest
from events import DOWNLOADS, ask, csv_text, download, load, rejected, write

from analytics_etl.config.settings import Settings
from analytics_etl.postgres.database import Database

COMMAS_INSIDE = {"module_name": "a,b", "user_id": "x;y"}


def separated(delimiter: str) -> bytes:
    """Two downloads with commas and semicolons in quoted fields, written with another delimiter."""
    rows = [["event_id", "downloaded_at", "module_name", "version", "file_size", "success", "user_id"]]
    for number in (1, 2):
        event = {**download(number), **COMMAS_INSIDE}
        rows.append([f'"{event[name]}"' if name != "success" else "true" for name in rows[0]])
    return "\n".join(delimiter.join(row) for row in rows).encode() + b"\n"


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_header_tells_the_delimiter(settings: Settings, database: Database, delimiter: str) -> None:
    write(settings, "download_events/a.csv", separated(delimiter))
    load(database)
    found = ask(settings.database_url, f"select module_name, user_id from {DOWNLOADS}")
    assert found == [COMMAS_INSIDE] * 2


def test_blank_lines_before_the_header_are_counted_and_passed_over(settings: Settings, database: Database) -> None:
    write(settings, "download_events/a.csv", b"\n\n" + csv_text([download(1), download(2, file_size=-1)]))
    load(database)
    assert len(ask(settings.database_url, f"select from {DOWNLOADS}")) == 1
    assert [line for _, line, _, _ in rejected(settings.database_url)] == [5]
