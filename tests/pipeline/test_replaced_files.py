"""Late files without a valid row, and files replaced under their name: the days they are or were about are run once."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta

import dagster as dg
import pytest
from books import assert_books_balance, failing_checks, loaded_ids
from commands import call, variables
from events import DOWNLOADS, booked, declared, download, load, rejected, write
from test_late import FIRST, WEEK, World

from analytics_etl.config.settings import PerTable, Settings
from analytics_etl.monitoring import doctor
from analytics_etl.monitoring.status import notes
from analytics_etl.ops.days import frozen_days
from analytics_etl.orchestration.definitions import build_defs
from analytics_etl.orchestration.late import SCAN_JOB
from analytics_etl.pipeline import retention
from analytics_etl.pipeline.planning import make_plan
from analytics_etl.postgres.database import Database

FAMILIES_IN_USE = ("registry",)

LATE = "download_events/late.ndjson"


@pytest.fixture
def world(settings: Settings, database: Database) -> Iterator[World]:
    """A week that is loaded, one row a day."""
    write(settings, "download_events/week.ndjson", [download(n, day) for n, day in enumerate(WEEK)])
    load(database, DOWNLOADS, *WEEK)
    with dg.DagsterInstance.ephemeral() as instance:
        yield World(build_defs(settings), instance, database)


def asked_for(world: World) -> list[date]:
    """The days the sensor asks for after a scan, which are then loaded, if any."""
    assert world.tick() == [(SCAN_JOB, None)]
    world.scan()
    asked = [days for name, days in world.tick() if name == "daily" and days is not None]
    wanted = [first + timedelta(days=n) for first, last in asked for n in range((last - first).days + 1)]
    if wanted:
        load(world.database, DOWNLOADS, *wanted)
    assert world.tick() == [], "once, not again"
    assert_books_balance(world.database.settings)
    return wanted


def test_rejected_rows_alone_start_their_day_once(settings: Settings, world: World) -> None:
    write(settings, LATE, [download(100, WEEK[2], file_size=-1), download(101, WEEK[4], file_size=-1)])
    assert asked_for(world) == [WEEK[2], WEEK[4]]
    assert failing_checks(world.database, declared(), WEEK[2]) == {"rejected_rows_are_few"}
    write(settings, "download_events/other.ndjson", [download(102, WEEK[5])])
    assert asked_for(world) == [WEEK[5]]


@pytest.mark.parametrize(
    ("path", "content", "check"),
    [
        (
            f"download_events/x/{WEEK[3]}.ndjson",
            [download(n, downloaded_at="yesterday") for n in range(3)],
            "rejected_rows_are_few",
        ),
        (f"download_events/{WEEK[3]:%Y%m%d}-1.csv", b"no header of ours\n", "files_are_readable"),
    ],
)
def test_a_file_that_tells_no_day_starts_the_one_in_its_path_once(
    settings: Settings, world: World, path: str, content: bytes, check: str
) -> None:
    write(settings, path, content)
    assert asked_for(world) == [WEEK[3]]
    assert failing_checks(world.database, declared(), WEEK[3]) == {check}
    load(world.database, DOWNLOADS, WEEK[4])  # reads again what could not be read
    assert world.tick() == []


def test_rows_of_no_possible_day_and_files_without_a_date_start_nothing(settings: Settings, world: World) -> None:
    far = [download(n, day, file_size=-1) for n, day in enumerate((date(1975, 3, 3), date(2099, 3, 3)), 200)]
    write(settings, LATE, [*far, download(202, downloaded_at="yesterday")])
    write(settings, "download_events/20251345.csv", b"no header of ours\n")
    write(settings, f"download_events/{WEEK[2]}.ndjson", b"")
    assert asked_for(world) == []
    assert len(rejected(settings.database_url)) == 4
    [note] = notes(world.database, date(1970, 1, 1), date(2100, 1, 1))
    assert note.startswith(f"1 row of {DOWNLOADS} of 1975-03-03 was rejected ({LATE}): ")
    assert "none are waiting" in [finding.detail for finding in doctor.examine(settings, declared(), WEEK[6])]


def test_the_day_a_replaced_file_no_longer_holds_is_run_once(settings: Settings, world: World) -> None:
    write(settings, LATE, [download(100, WEEK[2]), download(101, WEEK[4])])
    assert asked_for(world) == [WEEK[2], WEEK[4]]
    write(settings, LATE, [download(101, WEEK[4]), download(102, WEEK[4])])
    assert asked_for(world) == [WEEK[2], WEEK[4]]
    assert loaded_ids(settings) == [0, 1, 2, 3, 4, 5, 6, 101, 102]
    assert list(booked(settings.database_url)[LATE]) == [WEEK[4].isoformat()]
    assert failing_checks(world.database, declared(), WEEK[2]) == set()


def test_a_file_replaced_twice_before_its_day_was_run_is_not_forgotten(settings: Settings, world: World) -> None:
    write(settings, LATE, [download(100, WEEK[2])])
    assert asked_for(world) == [WEEK[2]]
    for content in ([download(100, WEEK[2]), download(103, WEEK[2])], [download(104, WEEK[5])]):
        write(settings, LATE, content)
        world.scan()
    assert [days for _, days in world.tick()] == [(WEEK[2], WEEK[2]), (WEEK[5], WEEK[5])]
    write(settings, LATE, [download(100, WEEK[2])])  # as it was when it was loaded
    assert asked_for(world) == [WEEK[2]]
    assert loaded_ids(settings) == [0, 1, 2, 3, 4, 5, 6, 100]


def test_late_rows_that_were_taken_back_before_they_were_loaded_ask_for_nothing(
    settings: Settings, world: World
) -> None:
    write(settings, LATE, [download(100, WEEK[2])])
    world.scan()
    write(settings, LATE, [download(101, WEEK[4])])
    assert asked_for(world) == [WEEK[4]]


def test_a_file_that_was_replaced_by_rejected_rows_takes_its_rows_back(settings: Settings, world: World) -> None:
    write(settings, LATE, [download(100, WEEK[2])])
    asked_for(world)
    write(settings, LATE, b"\x00\x01\n")
    assert asked_for(world) == [WEEK[2]]
    assert loaded_ids(settings) == list(range(7))


def test_a_file_that_can_no_longer_be_read_fails_the_days_it_held(settings: Settings, world: World) -> None:
    name = "download_events/late.ndjson.gz"
    whole = write(settings, name, [download(100, WEEK[2]), download(101, WEEK[4])])
    assert asked_for(world) == [WEEK[2], WEEK[4]]
    whole.write_bytes(b"no gzip at all")
    assert asked_for(world) == [WEEK[2], WEEK[4]]
    for day in (WEEK[2], WEEK[4]):
        assert "files_are_readable" in failing_checks(world.database, declared(), day)
    assert failing_checks(world.database, declared(), WEEK[3]) == {"undated_files_are_readable"}  # a warning
    write(settings, name, [download(101, WEEK[4])])
    assert asked_for(world) == [WEEK[2], WEEK[4]]
    for day in (WEEK[2], WEEK[4]):
        assert failing_checks(world.database, declared(), day) == set()


def test_a_final_day_keeps_what_it_was_made_of_and_says_so(settings: Settings, world: World) -> None:
    write(settings, LATE, [download(100, WEEK[0]), download(101, WEEK[5])])
    asked_for(world)
    strict = Database(replace(settings, lateness=PerTable(6)))  # the newest day is FIRST + 6
    environment = {**variables(settings), "ANALYTICS_LATENESS_DAYS": "6"}
    write(settings, LATE, [download(101, WEEK[5])])
    load(strict, DOWNLOADS)  # of another day; reads the file
    plan = make_plan(strict, declared(), FIRST, WEEK[6])
    assert plan.frozen == [FIRST]
    assert [item.start for item in plan.partitions if item.table == DOWNLOADS] == [WEEK[5]]
    assert strict.run(frozen_days) == {(DOWNLOADS, FIRST)}
    assert (
        f"{DOWNLOADS} {FIRST} is final and keeps what it was made of; 1 file replaced since, or late without a valid "
        f'row; to make it anew: analytics-etl reopen {FIRST} --reason "why"'
    ) in call(f"status --from {FIRST} --to {WEEK[6]}", environment).stdout
    [finding] = [f for f in doctor.examine(strict.settings, declared(), WEEK[6]) if f.subject == "late rows"]
    assert "files of 1 day were replaced since, or came late without a valid row" in finding.detail
    assert (finding.advice or "").splitlines() == [
        "analytics-etl backfill --missing",  # the provisional day
        f'analytics-etl reopen {FIRST} --reason "why"',
    ]
    assert 100 in loaded_ids(settings)
    load(strict, DOWNLOADS, FIRST, WEEK[5])
    assert 100 not in loaded_ids(settings)
    assert strict.run(frozen_days) == set()


def test_what_is_missing_counts_a_day_of_a_replaced_file(settings: Settings, world: World) -> None:
    write(settings, LATE, [download(100, WEEK[2])])
    asked_for(world)
    write(settings, LATE, [download(100, WEEK[3], file_size=-1)])
    world.scan()
    gaps = make_plan(world.database, declared(), FIRST, WEEK[6]).partitions
    assert [(item.start, item.why) for item in gaps if item.table == DOWNLOADS] == [
        (day, "a file was replaced, or came late without a valid row") for day in (WEEK[2], WEEK[3])
    ]


def test_an_archived_day_keeps_what_the_books_say_of_a_file_that_no_longer_holds_it(settings: Settings) -> None:
    database = Database(replace(settings, hot_days=PerTable(30), personal_retention=PerTable(None)))
    newest = FIRST + timedelta(days=30)
    write(settings, LATE, [download(1, FIRST), download(2, newest)])
    load(database, DOWNLOADS, FIRST, newest)
    assert retention.run(database, declared(), "test", lambda *_: None).days == 1
    before = booked(settings.database_url)[LATE][FIRST.isoformat()]
    write(settings, LATE, [download(2, newest), download(3, newest)])
    load(database, DOWNLOADS, newest)
    assert booked(settings.database_url)[LATE] == {FIRST.isoformat(): before, newest.isoformat(): (2, 0, 2, 0, 0)}
    assert database.run(frozen_days) == set()
    assert failing_checks(database, declared(), FIRST) == set()
