"""Rubbish in JSON: what cannot be loaded is kept with its line and reason; everything beside it is loaded."""

import json
from datetime import UTC, date, datetime
from typing import Any

from books import assert_books_balance, failing_checks, loaded_ids
from events import (
    DAY,
    DOWNLOADS,
    FILE,
    Event,
    aggregate,
    ask,
    at,
    download,
    event_id,
    ledger,
    load,
    ndjson,
    rejected,
    view,
    write,
)

from analytics_etl.catalog.catalog import Catalog
from analytics_etl.config.settings import Settings
from analytics_etl.postgres.database import Database


def line(**changes: Any) -> bytes:
    """One event as a line of JSON."""
    return ndjson([download(1, **changes)])


def without(name: str) -> bytes:
    return ndjson([{key: value for key, value in download(1).items() if key != name}])


FOUND = datetime(2025, 3, 20, 12, tzinfo=UTC)
"""When the files of the test of single lines were found."""

BAD_LINES: list[tuple[bytes, str, str | None]] = [
    # line, beginning of the reason, day of the rejected row
    (b'{"event_id": "00000000-0000-0000-0000-000000000001", "downloa\n', "the line is no JSON object", None),
    (b"\xff\xfe" + line(), "the line is no valid UTF-8 at byte 0", None),
    (line(module_name="caf\u00e9").replace(b"\\u00e9", b"\xe9"), "the line is no valid UTF-8 at byte ", None),
    (line(module_name="a\0b"), "module_name: holds a NUL byte", "2025-03-10"),
    (line(module_name="ab").replace(b"ab", b"a\0b"), "the line is no JSON object", None),
    (b"[1]\n", "the line is no JSON object", None),
    (b"5\n", "the line is no JSON object", None),
    (b"null\n", "the line is no JSON object", None),
    (b'"text"\n', "the line is no JSON object", None),
    (b"{}\n", "event_id: is missing", None),
    (b"not JSON at all\n", "the line is no JSON object", None),
    (line() .strip() + b" " + line(), "the line is no JSON object", None),
    (without("module_name"), "module_name: is missing", "2025-03-10"),
    (line(module_name=None), "module_name: is missing", "2025-03-10"),
    (line(module_name=""), "module_name_not_empty: expected ", "2025-03-10"),
    (line(module_name={"a": 1}), 'module_name: expected text, got {"a":', "2025-03-10"),
    (line(user_id=["x"]), 'user_id: expected text, got ["x"]', "2025-03-10"),
    (line(event_id="download-1"), "event_id: expected a UUID, got download-1", "2025-03-10"),
    (line(event_id=17), "event_id: expected a UUID, got 17", "2025-03-10"),
    (line(file_size="123"), 'file_size: expected a whole number, got "123"', "2025-03-10"),
    (line(file_size=1.5), "file_size: expected a whole number, got 1.5", "2025-03-10"),
    (line(file_size=True), "file_size: expected a whole number, got true", "2025-03-10"),
    (line(file_size=[1]), "file_size: expected a whole number, got [1]", "2025-03-10"),
    (line(file_size=10**20), "file_size: expected a whole number, got 100000000000000000000", "2025-03-10"),
    (line(file_size=float("nan")), "file_size: expected a whole number, got NaN", "2025-03-10"),
    (line(file_size=-1), "file_size_not_negative: expected file_size >= 0, got file_size = -1", "2025-03-10"),
    (line(duration_ms=-5), "duration_ms_not_negative: expected duration_ms >= 0, got duration_ms = -5", "2025-03-10"),
    (line(success="true"), 'success: expected true or false, got "true"', "2025-03-10"),
    (line(success=1), "success: expected true or false, got 1", "2025-03-10"),
    (line(error_message="no"), "error_message_only_on_failure: expected ", "2025-03-10"),
    (line(downloaded_at="2025-03-10T10:00:00"), "downloaded_at: expected a timestamp with a time zone", None),
    (line(downloaded_at="yesterday"), "downloaded_at: expected a timestamp with a time zone", None),
    (line(downloaded_at=1741600000), "downloaded_at: expected a timestamp with a time zone", None),
    (line(downloaded_at="2025-02-30T10:00:00Z"), "downloaded_at: expected a timestamp with a time zone", None),
    (line(downloaded_at="2025-03-10T25:00:00Z"), "downloaded_at: expected a timestamp with a time zone", None),
    (line(downloaded_at="infinity"), "downloaded_at: expected a timestamp with a time zone", None),
    (line(downloaded_at="0000-01-01T00:00:00Z"), "downloaded_at: 0000-01-01T00:00:00Z is outside the years", None),
    (line(downloaded_at="1969-12-31T23:59:59Z"), "downloaded_at: 1969-12-31T23:59:59Z is outside the years", None),
    (line(downloaded_at="2999-01-01T00:00:00Z"), "downloaded_at: 2999-01-01T00:00:00Z is more than one", None),
    (line(downloaded_at="2025-03-21T12:00:01Z"), "downloaded_at: 2025-03-21T12:00:01Z is more than one", None),
]  # fmt: skip

GOOD_LINES: list[tuple[Event, dict[str, Any]]] = [
    # event, what must stand in the table
    (download(101, file_size=123.0), {"file_size": 123}),
    (download(102, module_name="<script>alert(1)</script>"), {"module_name": "<script>alert(1)</script>"}),
    (download(103, module_name="'; drop table registry.download_events; --"),
     {"module_name": "'; drop table registry.download_events; --"}),
    (download(104, module_name="%s %(x)s {x} $1 \\"), {"module_name": "%s %(x)s {x} $1 \\"}),
    (download(105, module_name="\U0001f600 \u00e9 \u2028 \x7f"), {"module_name": "\U0001f600 \u00e9 \u2028 \x7f"}),
    (download(106, module_name="[1]"), {"module_name": "[1]"}),
    (download(107, module_name="{}"), {"module_name": "{}"}),
    (download(108, module_name="null"), {"module_name": "null"}),
    (download(109, module_name=" NA\t"), {"module_name": " NA\t"}),
    (download(110, version=1.5), {"version": "1.5"}),
    (download(111, user_id=None, cache_hit=True), {"user_id": None, "cache_hit": True}),
    (download(112, downloaded_at="2025-03-10T01:30:00+02:00"),
     {"downloaded_at": datetime(2025, 3, 9, 23, 30, tzinfo=UTC)}),
    (download(113, downloaded_at="2025-03-10 10:00:00.123456z"),
     {"downloaded_at": datetime(2025, 3, 10, 10, 0, 0, 123456, tzinfo=UTC)}),
    (download(114, downloaded_at="2025-03-21T12:00:00Z"), {"downloaded_at": datetime(2025, 3, 21, 12, tzinfo=UTC)}),
    (download(115, revision=2**63 - 1), {"revision": 2**63 - 1}),
    (download(116, colour="blue", nested={"a": [1]}), {"file_size": 216}),
    (download(117, module_name="\\u0000 is no NUL"), {"module_name": "\\u0000 is no NUL"}),
    (download(118, event_id=event_id(118).upper()), {"file_size": 218}),
]  # fmt: skip


def test_lines_of_json(settings: Settings, database: Database, catalog: Catalog) -> None:
    lines = [bad for bad, _, _ in BAD_LINES]
    assert all((bad.endswith(b"\n") and bad.count(b"\n") == 1) or b"\n" in bad[:-1] for bad in lines)
    lines = [bad.replace(b"\n", b" ").rstrip() + b"\n" for bad in lines]
    good = [json.dumps(event).encode() + b"\n" for event, _ in GOOD_LINES]
    # Good ones between bad ones, with blank lines and a carriage return here and there.
    content = b"\n".join([*good[:2], b"\r\n", *lines, b" \n", *(text[:-1] + b"\r\n" for text in good[2:])])
    write(settings, FILE, content)
    load(database, DOWNLOADS, DAY, date(2025, 3, 9), date(2025, 3, 21), now=FOUND)

    where = {text.strip(): number for number, text in enumerate(content.split(b"\n"), 1)}
    found = {number: (reason, content) for _, number, reason, content in rejected(settings.database_url)}
    assert found.keys() == {where[text.strip()] for text in lines}
    for text, reason, _ in zip(lines, *zip(*[(r, d) for _, r, d in BAD_LINES], strict=True), strict=True):
        assert found[where[text.strip()]][0].startswith(reason), (text, found[where[text.strip()]])
        shown = text.decode("utf-8", errors="replace").replace("\0", "\ufffd").strip("\n")
        assert found[where[text.strip()]][1] == shown
    days = {
        row["line"]: row["day"] and row["day"].isoformat()
        for row in ask(settings.database_url, "select line, day from ops.rejected_rows")
    }
    for text, (_, reason, day) in zip(lines, BAD_LINES, strict=True):
        assert days[where[text.strip()]] == day, reason

    rows = {row["event_id"].int: row for row in ask(settings.database_url, f"select * from {DOWNLOADS}")}
    assert rows.keys() == {int(event["event_id"].replace("-", ""), 16) for event, _ in GOOD_LINES}
    for event, expected in GOOD_LINES:
        row = rows[int(event["event_id"].replace("-", ""), 16)]
        assert {name: row[name] for name in expected} == expected
    file = ledger(settings.database_url)[FILE]
    assert (file["state"], file["rows_read"], file["rows_rejected"]) == ("read", len(lines) + len(good), len(lines))
    assert_books_balance(settings)
    assert failing_checks(database, catalog) == {"rejected_rows_are_few", "files_are_mostly_valid"}


def test_unknown_enum_values_and_rules_over_columns(settings: Settings, database: Database) -> None:
    table = "registry.module_view_events"
    write(settings, "module_view_events/a.ndjson", [
        view(1), view(2, source="fax"), view(3, page_type="popup"), view(4, module_name=None),
        view(5, page_type="list", module_name=None), view(6, source="WEB"),
    ])  # fmt: skip
    write(settings, "compilation_events/a.ndjson", [
        {"event_id": event_id(1), "started_at": at(10), "completed_at": at(9), "module_name": "m", "version": "1",
         "language": "go", "success": True},
    ])  # fmt: skip
    load(database, table)
    load(database, "registry.compilation_events")
    assert [(number, reason.split(":")[0]) for _, number, reason, _ in rejected(settings.database_url)] == [
        (1, "completed_after_start"), (2, "source_known"), (3, "page_type_known"), (4, "detail_page_names_module"),
        (6, "source_known"),
    ]  # fmt: skip
    assert "source = fax" in rejected(settings.database_url)[1][2]
    assert loaded_ids(settings, table) == [1, 5]
    assert_books_balance(settings)


def test_a_leap_second_is_rejected_or_becomes_the_next_second(settings: Settings, database: Database) -> None:
    write(settings, FILE, [download(1, downloaded_at="2016-12-31T23:59:60Z"), download(2)])
    load(database, DOWNLOADS, DAY, date(2016, 12, 31), date(2017, 1, 1))
    [(_, number, reason, _)] = rejected(settings.database_url)
    assert number == 1
    assert reason.startswith("downloaded_at: expected a timestamp with a time zone")
    assert loaded_ids(settings) == [2]


def test_a_very_long_line(settings: Settings, database: Database) -> None:
    long = line(module_name="x" * 10_000_000)
    write(settings, FILE, ndjson([download(2)]) + long + ndjson([download(3), download(4, file_size=-1)]) + long[:-1])
    load(database)
    reasons = [(number, reason[:50]) for _, number, reason, _ in rejected(settings.database_url)]
    assert reasons == [
        (2, "the line is longer than 1,048,576 bytes"),
        (4, "file_size_not_negative: expected file_size >= 0, g"),
        (5, "the line is longer than 1,048,576 bytes"),
    ]
    assert {len(content or "") for _, number, _, content in rejected(settings.database_url) if number != 4} == {10_000}
    assert loaded_ids(settings) == [2, 3]
    assert_books_balance(settings)


def test_hostile_names_pass_through_aggregates_unharmed(settings: Settings, database: Database) -> None:
    names = ["<script>alert(1)</script>", "'; drop table registry.download_events; --", "a'b\"c", "%s", "\\", "\u202e"]
    write(
        settings,
        FILE,
        [download(n, module_name=name, user_id=name, organization_id=name) for n, name in enumerate(names)],
    )
    for table in ("compilation_events", "download_events", "module_view_events"):
        load(database, f"registry.{table}")
    aggregate(database, DAY, DAY, families=["registry"])
    found = ask(settings.database_url, "select module_name, download_count from registry.module_stats_daily")
    assert {row["module_name"]: row["download_count"] for row in found} == dict.fromkeys(names, 1)
