"""Questions about the registry, against rows put into tables, loaded events, and numbers worked out by hand."""

import csv
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from click.testing import CliRunner, Result
from conftest import Server, settings_in
from events import Event, aggregate, ask, compilation, declared, download, event_id, load, put, view, write

from analytics_etl.catalog.calendar import periods
from analytics_etl.cli import main
from analytics_etl.config.settings import PerTable, Settings
from analytics_etl.families.queries import Page, QueryError
from analytics_etl.families.queries.registry import languages, organizations, overview
from analytics_etl.families.queries.registry_events import EventFilter, events, events_between
from analytics_etl.families.queries.registry_modules import statistics, top, top_of_days, trending, versions
from analytics_etl.families.queries.registry_overview import overview_of_newest_day
from analytics_etl.pipeline import publishing, retention
from analytics_etl.postgres.database import Database

BEFORE, FIRST, LAST = date(2025, 3, 20), date(2025, 3, 30), date(2025, 3, 31)
"""A Thursday, a Sunday, and the Monday after it."""
MARCH = date(2025, 3, 1), LAST


def module(day: date, name: str, downloads: int, views: int = 0, **more: object) -> Event:
    return {
        "day": day, "module_name": name, "view_count": views, "download_count": downloads, "failed_download_count": 0,
        "unique_users": 0, "unique_orgs": 0, "compilation_count": 0, "compilation_success_count": 0,
        "compilation_timed_count": 0, "total_compilation_duration_ms": 0, "total_download_bytes": 10 * downloads,
        "download_cache_hit_count": 0, "download_cache_known_count": 0, **more,
    }  # fmt: skip


MODULES = [
    module(BEFORE, "a", 12), module(BEFORE, "c", 40), module(BEFORE, "d", 5),
    module(FIRST, "a", 10, 2, unique_users=2, unique_orgs=1, download_cache_hit_count=3, download_cache_known_count=4),
    module(FIRST, "c", 5), module(FIRST, "e", 0, 3), module(FIRST, "f", 40),
    module(LAST, "a", 20, 1, unique_users=1, unique_orgs=1, compilation_count=3, compilation_success_count=2,
           compilation_timed_count=2, total_compilation_duration_ms=30, avg_compilation_duration_ms=15.0),
    module(LAST, "b", 30), module(LAST, "d", 1),
]  # fmt: skip
ACTIVITY = [
    {"day": day, "module_name": name, "version": version, "organization_id": organization, "user_id": user,
     "view_count": 0, "download_count": downloads, "failed_download_count": 0}
    for day, name, version, organization, user, downloads in [
        (BEFORE, "a", "1.0", "", "u4", 12), (FIRST, "a", "1.0", "o1", "u1", 3), (FIRST, "a", "1.0", "o1", "u2", 3),
        (FIRST, "a", "1.1", "o1", "u1", 4), (FIRST, "c", "1.0", "o2", "u3", 5), (LAST, "a", "1.1", "o2", "u3", 15),
        (LAST, "a", "1.0", "o2", "", 5),
    ]
]  # fmt: skip
OVERVIEW = [
    {"day": day, "modules_seen": 4, "versions_seen": 5, "view_count": views, "download_count": downloads,
     "failed_download_count": 1, "compilation_count": compiled, "active_users_1d": 2, "active_users_7d": 3,
     "downloads_30d": 99, "download_cache_hit_ratio": ratio, "compilation_cache_hit_ratio": None, "error_ratio": 0.25}
    for day, views, downloads, compiled, ratio in [
        (BEFORE, 7, 57, 0, None), (FIRST, 50, 55, 0, 0.75), (LAST, 60, 51, 3, None),
    ]
]  # fmt: skip
USERS = [
    {"day": day, "user_id": user, "event_count": 1}
    for day, user in [(BEFORE, "u4"), (FIRST, "u1"), (FIRST, "u2"), (FIRST, "u3"), (LAST, "u3"), (LAST, "u9")]
]
VERSIONS = [
    {"day": day, "module_name": name, "version": version, "downloads": downloads, "unique_users": users}
    for day, name, version, downloads, users in [
        (FIRST, "a", "1.0", 6, 2), (FIRST, "a", "1.1", 4, 1), (LAST, "a", "1.1", 15, 1), (LAST, "a", "1.0", 5, 0),
        (FIRST, "c", "1.0", 5, 1),
    ]
]  # fmt: skip
ORGANIZATIONS = [
    {"day": day, "organization_id": name, "api_requests": requests, "downloads": downloads, "compilations": 1,
     "active_users": users}
    for day, name, requests, downloads, users in [
        (FIRST, "o1", 10, 10, 2), (FIRST, "o2", 10, 5, 1), (LAST, "o2", 25, 20, 1),
    ]
]  # fmt: skip
LANGUAGES = [
    {"day": day, "language": language, "compilation_count": count, "success_count": count, "failure_count": 0,
     "timed_count": 0, "total_duration_ms": 0, "p95_duration_ms": p95, "total_output_bytes": 0, "cache_hit_count": 0,
     "cache_miss_count": 0}
    for day, language, count, p95 in [
        (FIRST, "java", 3, 20.0), (FIRST, "go", 3, None), (FIRST, "rust", 4, 5.0), (LAST, "go", 1, 7.0),
    ]
]  # fmt: skip


@pytest.fixture(scope="module")
def filled(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    settings = settings_in(tmp_path_factory.mktemp("registry"), server.clone(), FIRST)
    rows = {
        "module_stats_daily": MODULES, "module_activity_daily": ACTIVITY, "overview_daily": OVERVIEW,
        "active_users_daily": USERS, "version_stats_daily": VERSIONS, "org_stats_daily": ORGANIZATIONS,
        "language_stats_daily": LANGUAGES,
    }  # fmt: skip
    put(settings, {f"registry.{table}": given for table, given in rows.items()})
    database = Database(settings)
    for cadence, table in (("week", "registry.module_stats_weekly"), ("month", "registry.module_stats_monthly")):
        publishing.replace(database, declared().aggregates[table], periods(cadence, BEFORE, LAST), accept_change=True)  # type: ignore[arg-type]
    for name in ("registry.top_modules_30d", "registry.trending_modules"):
        publishing.refresh(database, declared().views[name])
    yield settings
    server.drop(settings.database_url or "")


def parts(page: Page, *keys: str) -> list[tuple[Any, ...]]:
    return [tuple(row[key] for key in keys) for row in page.rows]


def pages(ask_for: Callable[[str | None], Page], *keys: str) -> list[list[tuple[Any, ...]]]:
    """All pages of a question."""
    found: list[list[tuple[Any, ...]]] = []
    after = None
    while not found or after:
        page = ask_for(after)
        found.append(parts(page, *keys))
        after = page.next
    return found


PERIOD = ("first_day", "last_day")


def test_statistics_of_a_module_in_each_grain(filled: Settings) -> None:
    """Users of the week to 30 March: u1 and u2; of the one after it: u3; of the month these and u4."""
    database, keys = Database(filled), ("download_count", "unique_users", "unique_orgs")
    assert parts(statistics(database, "1d", FIRST, LAST, "a"), *PERIOD, *keys) == [
        (FIRST, FIRST, 10, 2, 1), (LAST, LAST, 20, 1, 1),
    ]  # fmt: skip
    assert parts(statistics(database, "1w", FIRST, LAST, "a"), *PERIOD, *keys) == [
        (date(2025, 3, 24), FIRST, 10, 2, 1), (LAST, date(2025, 4, 6), 20, 1, 1),
    ]  # fmt: skip
    assert parts(statistics(database, "1m", LAST, LAST, "a"), *PERIOD, *keys) == [(*MARCH, 42, 4, 2)]
    assert parts(
        statistics(database, "1d", FIRST, LAST, "a"), "avg_compilation_duration_ms", "download_cache_hit_ratio"
    ) == [(None, 0.75), (15.0, None)]
    assert statistics(database, "1d", FIRST, LAST, "A' or '1' = '1").rows == []


def test_statistics_of_all_modules_together(filled: Settings) -> None:
    """Views of pages about no module count, and of 6 users of 3 days one is there twice."""
    database, keys = Database(filled), ("view_count", "download_count", "active_users", "compilation_count")
    assert parts(statistics(database, "1d", FIRST, LAST), *PERIOD, *keys) == [
        (FIRST, FIRST, 50, 55, 3, 0), (LAST, LAST, 60, 51, 2, 3),
    ]  # fmt: skip
    assert parts(statistics(database, "1w", FIRST, FIRST), *PERIOD, *keys) == [
        (date(2025, 3, 24), FIRST, 50, 55, 3, 0),
    ]  # fmt: skip
    month = statistics(database, "1m", BEFORE, BEFORE)
    assert parts(month, *PERIOD, *keys) == [(*MARCH, 117, 163, 5, 3)]
    assert parts(month, "compilation_success_count", "avg_compilation_duration_ms", "total_download_bytes") == [
        (2, 15.0, 1630),
    ]  # fmt: skip
    assert parts(month, "download_cache_hit_ratio", "failed_download_count") == [(0.75, 3)]
    with pytest.raises(QueryError, match="the grain must be one of 1d, 1w, 1m, but is 1h"):
        statistics(database, "1h", FIRST, LAST)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["a", None])
def test_days_that_weeks_and_months_lack_are_told(filled: Settings, name: str | None) -> None:
    def missing(grain: Any, first: date, last: date) -> list[str]:
        coverage = statistics(Database(filled), grain, first, last, name).coverage
        assert coverage is not None
        return [f"{start:%m-%d} to {end:%m-%d}" for start, end in coverage.missing]

    assert missing("1d", FIRST, date(2025, 4, 1)) == ["04-01 to 04-01"]
    assert missing("1w", FIRST, LAST) == ["03-24 to 03-29", "04-01 to 04-06"]
    assert missing("1m", LAST, LAST) == ["03-01 to 03-19", "03-21 to 03-29"]


def test_a_week_that_was_not_computed_is_told_though_its_days_are_there(aged: Settings) -> None:
    page = statistics(Database(aged), "1w", NEWEST, NEWEST, "m")
    assert page.coverage is not None
    assert (page.rows, page.coverage.table) == ([], "registry.module_stats_weekly")
    assert page.coverage.missing == [(date(2025, 3, 10), date(2025, 3, 16))]


def test_the_most_downloaded_modules_of_some_days(filled: Settings) -> None:
    """Of a and b, with 30 each, the first by name comes first; e was viewed only."""
    database, keys = Database(filled), ("rank", "module_name", "download_count", "view_count", "total_download_bytes")
    page = top_of_days(database, FIRST, LAST)
    assert parts(page, *keys) == [
        (1, "f", 40, 0, 400), (2, "a", 30, 3, 300), (3, "b", 30, 0, 300), (4, "c", 5, 0, 50), (5, "d", 1, 0, 10),
    ]  # fmt: skip
    assert parts(page, *PERIOD) == [(FIRST, LAST)] * 5
    assert pages(lambda after: top_of_days(database, FIRST, LAST, 2, after), "module_name") == [
        [("f",), ("a",)], [("b",), ("c",)], [("d",)],
    ]  # fmt: skip


def test_the_most_downloaded_modules_of_the_last_days(filled: Settings) -> None:
    database, keys = Database(filled), ("rank", "module_name", "download_count")
    assert parts(top(database, 1), *keys) == [(1, "b", 30), (2, "a", 20), (3, "d", 1)]
    of_month = parts(top(database, 30), *keys, "total_download_bytes", *PERIOD)
    assert of_month[:2] == [
        (1, "c", 45, 450, date(2025, 3, 2), LAST), (2, "a", 42, 420, date(2025, 3, 2), LAST),
    ]  # fmt: skip
    in_view = ask(filled.database_url, "select * from registry.top_modules_30d order by rank")
    assert of_month == parts(Page(in_view), *keys, "total_download_bytes", *PERIOD)
    with pytest.raises(QueryError, match="the number of days must be 1, 7, 30, but is 2"):
        top(database, 2)


def test_trends_by_direction(filled: Settings) -> None:
    """In the week to 31 March against the one before: a 30 and 12, c 5 and 40, f 40 and b 30 and none.

    d fell from 5, too few to mean anything.
    """
    database = Database(filled)
    keys = ("direction", "rank", "module_name", "download_count", "previous_download_count", "growth_ratio", "last_day")
    assert parts(trending(database), *keys) == [("up", 1, "a", 30, 12, 1.5, LAST)]
    assert parts(trending(database, "down"), *keys) == [("down", 1, "c", 5, 40, -0.875, LAST)]
    assert parts(trending(database, "new"), *keys) == [
        ("new", 1, "f", 40, 0, None, LAST), ("new", 2, "b", 30, 0, None, LAST),
    ]  # fmt: skip
    assert pages(lambda after: trending(database, "new", 1, after), "module_name") == [[("f",)], [("b",)]]
    easy = Database(replace(filled, parameters={**filled.parameters, "trending_min_downloads": 5}))
    assert parts(trending(easy, "down"), "rank", "module_name", "growth_ratio") == [
        (1, "c", -0.875), (2, "d", pytest.approx(-0.8)),
    ]  # fmt: skip
    with pytest.raises(QueryError, match="the direction must be one of up, down, new, but is sideways"):
        trending(database, "sideways")  # type: ignore[arg-type]


def test_versions_of_days_together_and_of_each(filled: Settings) -> None:
    """1.1 was downloaded by u1, then by u3; 1.0 by u1 and u2, then by nobody that is known."""
    database, keys = Database(filled), ("rank", "version", "downloads", "download_share_ratio", "unique_users")
    page = versions(database, "a", FIRST, LAST)
    assert parts(page, *keys) == [
        (1, "1.1", 19, pytest.approx(19 / 30), 2), (2, "1.0", 11, pytest.approx(11 / 30), 2),
    ]  # fmt: skip
    assert parts(page, "module_name", *PERIOD) == [("a", FIRST, LAST)] * 2
    assert parts(versions(database, "a", FIRST, LAST, by_day=True), "first_day", "last_day", *keys) == [
        (FIRST, FIRST, 1, "1.0", 6, 0.6, 2), (FIRST, FIRST, 2, "1.1", 4, 0.4, 1),
        (LAST, LAST, 1, "1.1", 15, 0.75, 1), (LAST, LAST, 2, "1.0", 5, 0.25, 0),
    ]  # fmt: skip
    assert pages(
        lambda after: versions(database, "a", FIRST, LAST, by_day=True, limit=3, after=after), "first_day", "version"
    ) == [[(FIRST, "1.0"), (FIRST, "1.1"), (LAST, "1.1")], [(LAST, "1.0")]]
    assert versions(database, "z", FIRST, LAST).rows == []


def test_organizations_of_days_together_and_of_each(filled: Settings) -> None:
    """Of o2 it was u3 on both days, and somebody unknown."""
    database, keys = Database(filled), ("rank", "organization_id", "api_requests", "downloads", "active_users")
    assert parts(organizations(database, FIRST, LAST), *PERIOD, *keys) == [
        (FIRST, LAST, 1, "o2", 35, 25, 1), (FIRST, LAST, 2, "o1", 10, 10, 2),
    ]  # fmt: skip
    assert parts(organizations(database, FIRST, LAST, by_day=True), *PERIOD, *keys) == [
        (FIRST, FIRST, 1, "o1", 10, 10, 2), (FIRST, FIRST, 2, "o2", 10, 5, 1), (LAST, LAST, 1, "o2", 25, 20, 1),
    ]  # fmt: skip
    assert parts(organizations(database, FIRST, LAST, "o1"), *keys) == [(2, "o1", 10, 10, 2)]
    assert pages(
        lambda after: organizations(database, FIRST, LAST, by_day=True, limit=2, after=after), "organization_id"
    ) == [[("o1",), ("o2",)], [("o2",)]]


def test_the_overview_of_days(filled: Settings) -> None:
    page = overview(Database(filled), FIRST, LAST)
    assert parts(page, "day", "view_count", "download_cache_hit_ratio", "error_ratio", "active_users_7d") == [
        (FIRST, 50, 0.75, 0.25, 3), (LAST, 60, None, 0.25, 3),
    ]  # fmt: skip
    assert overview(Database(filled), date(2025, 3, 29), date(2025, 3, 29)).rows == []


def test_languages_of_each_day(filled: Settings) -> None:
    page = languages(Database(filled), FIRST, LAST, by_day=True)
    keys = ("language", "compilation_count", "compilation_share_ratio", "p95_duration_ms")
    assert parts(page, "first_day", *keys) == [
        (FIRST, "rust", 4, 0.4, 5.0), (FIRST, "go", 3, pytest.approx(0.3), None),
        (FIRST, "java", 3, pytest.approx(0.3), 20.0), (LAST, "go", 1, 1.0, 7.0),
    ]  # fmt: skip


OLD, NEWEST = date(2025, 3, 1), date(2025, 3, 12)
PERSONAL = "somebody"
AT_TEN = f"{NEWEST}T10:00:00Z"


@pytest.fixture(scope="module")
def aged(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """An archived day, days that were never loaded, a day that is there."""
    folder = tmp_path_factory.mktemp("aged_registry")
    settings = replace(settings_in(folder, server.clone(), OLD), hot_days=PerTable(5))
    who = {"user_id": PERSONAL, "user_agent": PERSONAL, "ip_address": PERSONAL}
    write(settings, "download_events/a.ndjson", [
        download(1, OLD, **who), download(2, NEWEST, downloaded_at=AT_TEN, module_name="m", **who),
        download(3, NEWEST, downloaded_at=AT_TEN, success=False, error_message="[red]no[/]", organization_id="o"),
        download(4, NEWEST, downloaded_at=AT_TEN, version="2.0", language=None, organization_id=None, duration_ms=None),
        download(5, NEWEST, downloaded_at=f"{NEWEST}T11:00:00Z", language="java"),
    ])  # fmt: skip
    write(settings, "module_view_events/a.ndjson", [
        view(1, NEWEST, viewed_at=AT_TEN, module_name=None, page_type="list", **who), view(2, NEWEST, module_name="m"),
    ])  # fmt: skip
    write(settings, "compilation_events/a.ndjson", [
        compilation(1, OLD, duration_ms=100, user_id=PERSONAL), compilation(2, NEWEST, duration_ms=300),
        compilation(3, NEWEST, language="java", duration_ms=10),
        compilation(4, NEWEST, language="java", duration_ms=20),
        compilation(5, NEWEST, language="java", duration_ms=None, success=False, error_type="syntax"),
    ])  # fmt: skip
    database = Database(settings)
    for table in ("download_events", "compilation_events"):
        load(database, f"registry.{table}", OLD, NEWEST)
    load(database, "registry.module_view_events", NEWEST)
    for day in (OLD, NEWEST):
        aggregate(database, day, day, ("day",), ["registry"])
    assert retention.run(database, declared(), "test", lambda *_: None).days == 2
    yield settings
    server.drop(settings.database_url or "")


def numbers(page: Page) -> list[str]:
    return [str(row["event_id"]) for row in page.rows]


def ids(*expected: int) -> list[str]:
    return [event_id(number) for number in expected]


@pytest.mark.parametrize(
    ("kind", "wanted", "expected"),
    [
        ("download", {}, [5, 4, 3, 2]),
        ("download", {"success": False}, [3]),
        ("download", {"success": True}, [5, 4, 2]),
        ("download", {"module": "m"}, [2]),
        ("download", {"version": "2.0"}, [4]),
        ("download", {"organization": "o"}, [3]),
        ("download", {"language": "go", "success": True}, [2]),
        ("download", {"module": "' or '1' = '1"}, []),
        ("view", {}, [1, 2]),
        ("view", {"module": "m"}, [2]),
        ("compilation", {"language": "java"}, [5, 4, 3]),
        ("compilation", {"success": False, "module": "module-0"}, [5]),
    ],
)
def test_events_that_are_wanted_newest_first(
    aged: Settings, kind: Any, wanted: dict[str, Any], expected: list[int]
) -> None:
    page = events(Database(aged), kind, 1, EventFilter(**wanted))
    assert (numbers(page), page.next) == (ids(*expected), None)


@pytest.mark.parametrize("limit", [1, 2, 3, 4])
def test_pages_of_events_follow_one_another_also_within_one_moment(aged: Settings, limit: int) -> None:
    window = datetime(2025, 3, 12, 10, tzinfo=UTC), datetime(2025, 3, 12, 11, 1, tzinfo=UTC)
    found = pages(
        lambda after: events_between(Database(aged), "download", *window, limit=limit, after=after), "event_id"
    )
    assert [str(number) for page in found for (number,) in page] == ids(5, 4, 3, 2)
    assert len(found) == -(-4 // limit)
    early = events_between(Database(aged), "download", window[0], datetime(2025, 3, 12, 11, tzinfo=UTC))
    assert numbers(early) == ids(4, 3, 2)


@pytest.mark.parametrize(
    ("question", "message"),
    [
        (lambda w: events(w, "upload", 1), "the kind must be one of download, view, compilation, but is upload"),  # type: ignore[arg-type]
        (lambda w: events(w, "view", 1, EventFilter(success=False)), "a view has no success"),
        (lambda w: events(w, "view", 1, EventFilter(language="go")), "a view has no language"),
        (lambda w: events(w, "view", 0), "the number of days must be 1 or more"),
        (lambda w: events(w, "view", 1, EventFilter(module="a\0")), "module must be a text in UTF-8"),
        (lambda w: events_between(w, "view", datetime(2025, 3, 2), datetime(2025, 3, 2)), "must be after the start"),  # noqa: DTZ001
        (lambda w: versions(w, "a\0", OLD, OLD), "module must be a text in UTF-8"),
        (lambda w: statistics(w, "1d", OLD, OLD, "a\0"), "module must be a text in UTF-8"),
        (lambda w: organizations(w, OLD, OLD, "a\0"), "organization must be a text in UTF-8"),
        (lambda w: overview(w, NEWEST, OLD), "the last day must not be before the first"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused(
    aged: Settings, question: Callable[[Database], Page], message: str
) -> None:
    with pytest.raises(QueryError, match=message):
        question(Database(aged))


def typed(settings: Settings, question: str) -> Result:
    environment = {
        "ANALYTICS_HOME": str(settings.home),
        "ANALYTICS_DATABASE_URL": settings.database_url or "",
        "ANALYTICS_LAKE": str(settings.lake_dir),
        "ANALYTICS_START_DATE": str(settings.start_date),
    }
    return CliRunner().invoke(main, f"query registry {question}", env=environment)


@pytest.mark.parametrize("kind", ["download", "view", "compilation"])
def test_nobody_is_named(aged: Settings, kind: str) -> None:
    [table] = [
        name for name in declared().contracts if name in (f"registry.{kind}_events", f"registry.module_{kind}_events")
    ]
    contract = declared().contracts[table]
    for form in ("table", "json", "csv"):
        assert PERSONAL not in typed(aged, f"events --kind {kind} --from {NEWEST} --format {form}").output
    [row, *_] = json.loads(typed(aged, f"events --kind {kind} --from {NEWEST} --format json").stdout)["rows"]
    assert set(row) == {column.name for column in contract.columns} - {*contract.personal_columns, "user_id"}


def test_null_is_an_empty_cell(aged: Settings) -> None:
    for kind in ("download", "view", "compilation"):
        assert "None" not in typed(aged, f"events --kind {kind} --from {NEWEST}").stdout
    rows = csv.DictReader(io.StringIO(typed(aged, f"events --version 2.0 --from {NEWEST} --format csv").stdout))
    assert [(row["language"], row["organization_id"], row["duration_ms"]) for row in rows] == [("", "", "")]


@pytest.mark.parametrize("kind", ["download", "compilation"])
def test_an_archived_day_is_answered_from_the_lake(aged: Settings, kind: str) -> None:
    found = typed(aged, f"events --kind {kind} --from {OLD} --format csv")
    assert (found.exit_code, found.stderr) == (0, "")
    assert [row["event_id"] for row in csv.DictReader(io.StringIO(found.stdout))] == ids(1)
    whole = typed(aged, f"events --kind {kind} --from {OLD} --to {NEWEST} --format json")
    answer = json.loads(whole.stdout)
    assert (whole.exit_code, len(answer["rows"]), answer["dropped"]) == (0, 5, [])
    assert answer["missing"] == [{"first": "2025-03-02", "last": "2025-03-11"}]


def test_languages_of_days_together_have_percentiles_of_archived_days_too(aged: Settings) -> None:
    """go: 100 ms on a day that is archived, and 300; java: 10, 20, and one that is not known."""
    keys = ("compilation_count", "success_count", "avg_duration_ms", "p50_duration_ms", "highest_daily_p95_duration_ms")
    page = languages(Database(aged), OLD, NEWEST)
    assert parts(page, "language", *keys, "compilation_share_ratio") == [
        ("java", 3, 2, 15.0, 15.0, 19.5, 0.6), ("go", 2, 2, 200.0, 200.0, 300.0, 0.4),
    ]  # fmt: skip
    assert parts(languages(Database(aged), NEWEST, NEWEST), "language", "p95_duration_ms", "p99_duration_ms") == [
        ("java", 19.5, pytest.approx(19.9)), ("go", 300.0, 300.0),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("question", "table"),
    [
        ("statistics", "registry.overview_daily"),
        ("statistics --module m", "registry.module_stats_daily"),
        ("top", "registry.module_stats_daily"),
        ("overview", "registry.overview_daily"),
        ("organizations", "registry.org_stats_daily"),
        ("versions m", "registry.version_stats_daily"),
        ("languages", "registry.language_stats_daily"),
    ],
)
def test_a_question_about_a_derived_table_tells_which_days_it_lacks(aged: Settings, question: str, table: str) -> None:
    """Archived events leave derived tables whole."""
    found = typed(aged, f"{question} --from {OLD} --to {NEWEST}")
    assert (found.exit_code, found.stderr) == (0, f"{table}: 2025-03-02 to 2025-03-11 are not loaded\n")
    empty = typed(aged, f"{question} --from 2025-05-01 --format csv")
    assert (empty.exit_code, empty.stdout, empty.stderr) == (0, "", f"{table}: 2025-05-01 is not loaded\n")


@pytest.mark.parametrize(
    ("question", "column", "expected"),
    [
        ("top --days 1", "module_name", ["b", "a", "d"]),
        (f"top --from {FIRST} --to {LAST} --limit 2", "module_name", ["f", "a"]),
        ("trending --direction new", "module_name", ["f", "b"]),
        (f"statistics --from {FIRST} --to {LAST}", "active_users", [3, 2]),
        (f"statistics --from {FIRST} --grain 1w --module a", "unique_users", [2]),
        (f"versions a --from {FIRST} --to {LAST}", "version", ["1.1", "1.0"]),
        (f"versions a --from {LAST} --grain 1d", "unique_users", [1, 0]),
        (f"organizations --from {FIRST} --to {LAST}", "active_users", [1, 2]),
        (f"organizations --from {FIRST} --to {LAST} --grain 1d --organization o2", "rank", [2, 1]),
        (f"overview --from {LAST}", "day", [str(LAST)]),
        (f"languages --grain range --from {FIRST} --to {LAST}", "language", ["go", "rust", "java"]),
    ],
)
def test_typed(filled: Settings, question: str, column: str, expected: list[Any]) -> None:
    answer = json.loads(typed(filled, f"{question} --format json").stdout)
    assert [row[column] for row in answer["rows"]] == expected
    found = typed(filled, f"{question} --format csv")
    assert found.exit_code == 0
    assert found.stdout.startswith(",".join(answer["rows"][0]) + "\n")
    table = typed(filled, question)
    assert table.exit_code == 0
    assert table.stdout.splitlines()[0].split() == list(answer["rows"][0])


def test_a_cursor_that_is_told_gives_the_next_page(filled: Settings) -> None:
    first = typed(filled, f"top --from {FIRST} --to {LAST} --limit 3 --format csv")
    [cursor] = [line.split()[-1] for line in first.stderr.splitlines() if line.startswith("more: --after ")]
    rest = typed(filled, f"top --from {FIRST} --to {LAST} --limit 3 --format csv --after {cursor}")
    names = [row["module_name"] for page in (first, rest) for row in csv.DictReader(io.StringIO(page.stdout))]
    assert (names, rest.stderr) == (["f", "a", "b", "c", "d"], "")


@pytest.mark.parametrize(
    ("question", "message"),
    [
        ("top --to 2025-03-31", "--to needs --from"),
        ("events --to 2025-03-31", "--to needs --from"),
        ("top --days 7 --from 2025-03-31", "--days and --from do not go together"),
        ("events --days 7 --from 2025-03-31", "--days and --from do not go together"),
        ("events --kind view --failed-only", "a view has no success"),
        ("languages --from 2025-03-31 --to 2025-03-30", "the last day must not be before the first"),
        ("top --after x", "the cursor must be the one that came with the page before"),
        ("organizations --limit 0 --from 2025-03-31", "0 is not in the range"),
    ],
)
def test_what_was_typed_wrongly_is_refused(filled: Settings, question: str, message: str) -> None:
    found = typed(filled, question)
    assert (found.exit_code, found.stdout) == (2, "")
    assert message in found.stderr


def test_the_registry_is_compared_with_days_that_counted_as_many(database: Database) -> None:
    """35 days are known: 30 days ago the 30 days up to then were five, 7 days ago the 7 days were all there."""
    last = date(2025, 3, 31)
    rows = [
        {
            "day": day, "modules_seen": 4, "versions_seen": 5, "view_count": 0, "download_count": 1,
            "failed_download_count": 0, "compilation_count": 0, "active_users_1d": 2, "active_users_7d": 3,
            "downloads_30d": 99, "error_ratio": 0.25,
        }
        for day in periods("day", date(2025, 2, 25), last)
    ]  # fmt: skip
    put(database.settings, {"registry.overview_daily": rows})
    found = overview_of_newest_day(database)
    assert found is not None
    assert (found.day, found.now["total_downloads_30d"], found.before["total_downloads_30d"]) == (last, 99, None)
    assert (found.before["modules"], found.before["active_users_7d"], found.before["error_ratio"]) == (4, 3, 0.25)
