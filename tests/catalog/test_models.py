"""SQL files as values: what they become, and what is said of one that breaks a rule."""

from datetime import date
from itertools import pairwise
from pathlib import Path

import pytest
import sqlglot
from sqlglot import exp

from analytics_etl.catalog import file_marks
from analytics_etl.catalog.broken import read_files
from analytics_etl.catalog.catalog import Catalog
from analytics_etl.catalog.models import (
    Function,
    Model,
    ModelError,
    Value,
    bind,
    cadence_of,
    column_lineage,
    window_parameters,
)
from analytics_etl.catalog.reading import read_models
from analytics_etl.config.settings import SQL_DIR

SELECT = """\
with
-- Users of the window.
users as (
    select (seen_at at time zone 'UTC')::date as day, user_id, count(*) as event_count
    from shop.visit_events
    where seen_at >= :start and seen_at < :end
    group by 1, 2
)
select day, user_id, event_count
from users
left join shop.totals_daily using (day)
"""
HEADER = """\
/*
description: Users of each day.
key: [day, user_id]
columns:
  day: UTC calendar day.
  user_id: User.
  event_count: Events.
checks:
  - expect_column_values_to_be_between: {column: event_count, min_value: 1}
*/
"""


def write(folder: Path, text: str, *, kind: str = "aggregates", name: str = "users_daily") -> Path:
    path = folder / "shop" / kind / f"{name}.sql"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def model_of(folder: Path, select: str = SELECT, header: str = HEADER, **where: str) -> Model:
    [model] = read_models(write(folder, header + select, **where)).values()
    return model


def test_a_file_becomes_a_model(tmp_path: Path) -> None:
    model = model_of(tmp_path)
    assert (model.table, model.family, model.kind, model.cadence) == ("shop.users_daily", "shop", "aggregates", "day")
    assert model.description == "Users of each day."
    assert model.key == ("day", "user_id")
    assert model.columns == {"day": "UTC calendar day.", "user_id": "User.", "event_count": "Events."}
    assert model.checks == (("expect_column_values_to_be_between", {"column": "event_count", "min_value": 1}),)
    assert model.dependencies == ("shop.totals_daily", "shop.visit_events")
    assert model.select == SELECT.strip()
    assert read_files(tmp_path.glob("*/aggregates/*.sql"), read_models).good == {"shop.users_daily": model}


@pytest.mark.parametrize(
    ("name", "cadence"),
    [
        *(("a_1m", "day"), ("a_5m", "day"), ("a_1h", "day"), ("a_1d", "day"), ("a_daily", "day")),
        *(("a_weekly", "week"), ("a_monthly", "month"), ("a_events", "day"), ("weekly_a", "day")),
    ],
)
def test_the_name_tells_the_cadence(name: str, cadence: str) -> None:
    assert cadence_of(name) == cadence


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ((HEADER, ""), ["expected a YAML header in /* */ at the top"]),
        (("*/", ""), ["expected a YAML header in /* */ at the top"]),
        (("Users of each day.", "Users: of each day"), ["not valid YAML", "quote a text that holds a colon", "line 2"]),
        (("description: Users of each day.\n", ""), ["needs at least a description"]),
        (("description: Users of each day.\n", "description:\n"), ["needs at least a description"]),
        (("checks:", "chekcs:"), ["unknown header keys ['chekcs']", "['checks', 'columns', 'description', 'function'"]),
        (("key: [day, user_id]\n", ""), ["needs key and columns"]),
        (("key: [day, user_id]", "key: [day, user]"), ["key columns ['user'] are not among the columns"]),
        (("  user_id: User.\n  event_count: Events.\n", "  event_count: Events.\n  user_id: User.\n"),
         ["documents ['day', 'event_count', 'user_id']", "gives ['day', 'user_id', 'event_count']"]),
        (("  event_count: Events.\n", ""), ["documents ['day', 'user_id']", "gives ['day', 'user_id', 'event_count']"]),
        (("select day, user_id, event_count", "select *"), ["name the columns instead of select *"]),
        (("select day, user_id, event_count", "select users.*"), ["name the columns instead of select *"]),
        (("using (day)\n", "using (day);\nselect 1"), ["expected exactly one SELECT", "no semicolon"]),
        (("using (day)\n", "using (day\n"), ["the statement cannot be parsed"]),
        (("with\n", "insert into shop.other with\n"), ["expected exactly one SELECT"]),
        ((":end", ":stop"), ["unknown parameter :stop", "'end'", "'start'"]),
        (("  day: UTC calendar day.\n  user_id: User.\n  event_count: Events.\n", ""), ["columns"]),
        (("  day: UTC calendar day.\n  user_id: User.\n  event_count: Events.\n", "  [day, user_id, event_count]\n"),
         ["columns"]),
        (("_between: {column: event_count, min_value: 1}", "_between"), ["checks"]),
        ((":end", ":previous_start"), ["unknown parameter :previous_start"]),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)  # fmt: skip
def test_a_file_that_breaks_a_rule_is_refused_by_name(tmp_path: Path, change: tuple[str, str], said: list[str]) -> None:
    text = HEADER + SELECT
    assert change[0] in text
    path = write(tmp_path, text.replace(*change))
    with pytest.raises(ModelError) as refusal:
        read_models(path)
    assert str(refusal.value).startswith(f"{path}: ")
    for part in said:
        assert part in str(refusal.value)


FUNCTION_HEADER = """\
/*
description: Users of each day, from their visits.
key: [day, user_id]
function: {name: count_users, version: 1}
columns:
  day: [date, UTC calendar day.]
  user_id: [text, User.]
  visit_share: [double precision, "Visits of the user, per visit."]
*/
"""


def test_a_function_makes_the_columns(tmp_path: Path) -> None:
    """The SELECT gives others; each column of the table may come of each of them."""
    model = model_of(tmp_path, header=FUNCTION_HEADER)
    types = {"day": "date", "user_id": "text", "visit_share": "double precision"}
    assert model.function == Function("count_users", "1", types)
    assert model.columns["visit_share"] == "Visits of the user, per visit."
    assert column_lineage(model, SHOP)["visit_share"] == [
        ("shop.totals_daily", "day"),
        ("shop.visit_events", "seen_at"),
        ("shop.visit_events", "user_id"),
    ]
    another = model_of(tmp_path, header=FUNCTION_HEADER.replace("version: 1", "version: 2"))
    assert another.code_version != model.code_version


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            ("{name: count_users, version: 1}", "count_users"),
            "must be like {name: module_catalog, version: 1}",
        ),
        (
            ("[text, User.]", "User."),
            "a type and a meaning for each column, like [date, The day.]; user_id has 'User",
        ),
        (('"Visits of the user, per visit."', "Visits, per visit."), "visit_share has ['double precision', 'Visits'"),
    ],
    ids=["no version", "no type", "a comma without quotes"],
)
def test_a_function_that_is_declared_wrongly_is_refused(tmp_path: Path, change: tuple[str, str], said: str) -> None:
    with pytest.raises(ModelError) as refusal:
        model_of(tmp_path, header=FUNCTION_HEADER.replace(*change))
    assert said in str(refusal.value)


def test_a_table_of_weeks_has_no_function(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="kept by day"):
        model_of(tmp_path, header=FUNCTION_HEADER, name="users_weekly")


def test_one_bad_file_is_named_when_all_are_loaded(tmp_path: Path) -> None:
    model_of(tmp_path)
    bad = write(tmp_path, "select 1 as one", name="bad_daily")
    with pytest.raises(ModelError, match=str(bad)):
        read_models(bad)
    files = read_files(tmp_path.glob("*/aggregates/*.sql"), read_models)
    assert (len(files.good), [file.path for file in files.broken]) == (1, [bad]), "none stops another"


VISITS = """\
/*
description: {weekly: Visits of each week., monthly: Visits of each month.}
key: [:period]
columns:
  :period: {weekly: Monday of the week., monthly: First day of the month.}
  visit_count: Visits.
*/
select date_trunc(:bucket, day)::date as :period, count(*) as visit_count
from shop.visits_daily
where day >= :start::date and day < :end::date
group by 1
"""


def test_a_name_that_lists_suffixes_is_a_table_of_each(tmp_path: Path) -> None:
    path = write(tmp_path, VISITS, name="visits_weekly,monthly")
    weeks, months = read_models(path).values()
    assert (weeks.table, weeks.cadence, weeks.key) == ("shop.visits_weekly", "week", ("week_start",))
    assert (months.table, months.cadence, months.key) == ("shop.visits_monthly", "month", ("month",))
    assert (weeks.description, months.description) == ("Visits of each week.", "Visits of each month.")
    assert weeks.columns == {"week_start": "Monday of the week.", "visit_count": "Visits."}
    assert months.columns == {"month": "First day of the month.", "visit_count": "Visits."}
    assert weeks.select.startswith("select date_trunc('week', day)::date as week_start, count(*)")
    assert months.select.startswith("select date_trunc('month', day)::date as month, count(*)")
    assert weeks.path == months.path == path


def test_the_list_may_stand_within_the_name_and_tables_be_named_by_their_suffix(tmp_path: Path) -> None:
    text = "/*\ndescription: No visits.\n*/\nselect day from shop.visits_:grain where visits < :bucket"
    models = read_models(write(tmp_path, text, kind="checks", name="visits_5m,1h_are_many"))
    assert {name: (model.dependencies, model.select[-14:]) for name, model in models.items()} == {
        "shop.visits_5m_are_many": (("shop.visits_5m",), "e visits < 300"),
        "shop.visits_1h_are_many": (("shop.visits_1h",), " visits < 3600"),
    }


@pytest.mark.parametrize(
    ("name", "changes", "said"),
    [
        ("visits_weekly,yearly", {}, "the name lists something else than suffixes; expected some of 1m, 5m"),
        ("visits_weekly", {":period": "week_start", ":bucket": "'week'"}, "for weekly, monthly; expected one text"),
        ("visits_monthly,weekly", {}, "expected one for each of monthly, weekly in this order"),
        ("visits_daily,weekly,monthly", {}, "description has texts for weekly, monthly; expected one for each"),
        ("visits_weekly,monthly", {":bucket": ":buckets"}, "unknown parameter :buckets, expected one of ['bucket'"),
    ],
)
def test_a_list_of_suffixes_that_is_wrong_is_refused(
    tmp_path: Path, name: str, changes: dict[str, str], said: str
) -> None:
    text = VISITS
    for old, new in changes.items():
        text = text.replace(old, new)
    path = write(tmp_path, text, name=name)
    with pytest.raises(ModelError) as refusal:
        read_models(path)
    assert str(refusal.value).startswith(f"{path}: ")
    assert said in str(refusal.value)


QUERY = """\
/*
description: Visits of a user.
parameters:
  user: Who.
columns:
  day: UTC calendar day.
*/
select day from shop.users_daily where day >= :start::date and user_id = :user limit :limit
"""


def test_a_query_says_what_it_is_asked_with(tmp_path: Path) -> None:
    [model] = read_models(write(tmp_path, QUERY, kind="queries", name="visits")).values()
    assert model.parameters == {"user": "Who."}
    asked: dict[str, Value] = {**window_parameters(date(2025, 3, 31), date(2025, 4, 1)), "user": "u", "limit": 3}
    assert model.statement(asked).endswith("user_id = 'u' limit 3")


@pytest.mark.parametrize(
    ("kind", "change", "said"),
    [
        (
            "queries",
            ("  user: Who.\n", "  user: Who.\n  host: Where.\n"),
            "has the parameters ['host'], which the SELECT",
        ),
        ("queries", ("parameters:\n  user: Who.\n", ""), "unknown parameter :user, expected one of ['end', 'limit'"),
        (
            "queries",
            ("parameters:\n  user: Who.\n", "parameters: [user]\n"),
            "must be a mapping of each to its meaning",
        ),
        ("queries", ("  day: UTC", "  days: UTC"), "documents ['days'], the SELECT gives ['day']"),
        ("reports", (" and user_id = :user limit :limit", ""), "only a query has parameters of its own"),
    ],
)
def test_a_query_that_breaks_a_rule_is_refused(tmp_path: Path, kind: str, change: tuple[str, str], said: str) -> None:
    path = write(tmp_path, QUERY.replace(*change), kind=kind, name="visits")
    with pytest.raises(ModelError) as refusal:
        read_models(path)
    assert str(refusal.value).startswith(f"{path}: ")
    assert said in str(refusal.value)


def test_a_table_is_declared_once(tmp_path: Path) -> None:
    write(tmp_path, VISITS, name="visits_weekly,monthly")
    again = write(tmp_path, HEADER + SELECT, name="visits_weekly")
    files = read_files(tmp_path.glob("*/aggregates/*.sql"), read_models)
    assert set(files.good) == {"shop.visits_weekly", "shop.visits_monthly"}
    [file] = files.broken
    assert file.path == again
    assert file.reason == f"{again}: shop.visits_weekly is declared in another file, too; expected one place only"


@pytest.mark.parametrize(
    ("statement", "bound"),
    [
        ("select :start", "select 'S'"),
        ("select :start::date, x::text, '1'::bigint", "select 'S'::date, x::text, '1'::bigint"),
        ("select :start::date-:limit", "select 'S'::date-10"),
        ("select ':start', \":start\", ':'", "select ':start', \":start\", ':'"),
        ("select 'it''s :start' || :start", "select 'it''s :start' || 'S'"),
        ("select 1 -- not :start\n/* nor :nothing */ + :limit", "select 1 -- not :start\n/* nor :nothing */ + 10"),
        ("select a[1:2], a[:limit]", "select a[1:2], a[10]"),
        ("select '{\"a\":1}'::jsonb, :start", "select '{\"a\":1}'::jsonb, 'S'"),
        ("select :start, :start_of, :starts", "select 'S', 'O''Brien', '%s'"),
        ("select '100 %', 5 % 2, :start", "select '100 %', 5 % 2, 'S'"),
        ("select $$ :start $$, :start", "select $$ :start $$, 'S'"),
        ("select $t$ $$ :start $t$, :start", "select $t$ $$ :start $t$, 'S'"),
        (r"select e'it\'s :start', E'\\', :start", r"select e'it\'s :start', E'\\', 'S'"),
        ("select 'ä', :start, '日本', :start", "select 'ä', 'S', '日本', 'S'"),
        ("", ""),
    ],
)
def test_bind_writes_parameters_and_leaves_the_rest_alone(statement: str, bound: str) -> None:
    assert bind(statement, {"start": "S", "limit": 10, "start_of": "O'Brien", "starts": "%s"}) == bound


def test_parameters_are_where_sqlglot_finds_a_colon_before_a_name() -> None:
    for path in SQL_DIR.glob("*/*/*.sql"):
        statement = path.read_text(encoding="utf-8").partition("*/")[2]
        names, expected, position = set(), "", 0
        for colon, name in pairwise(sqlglot.tokenize(statement, dialect="postgres")):
            is_parameter = colon.token_type == sqlglot.TokenType.COLON and name.start == colon.end + 1
            if is_parameter and not name.text[0].isdigit():
                names.add(name.text)
                expected += f"{statement[position : colon.start]}'{name.text}'"
                position = name.end + 1
        assert bind(statement, {name: name for name in names}, path) == expected + statement[position:]


def test_bind_names_the_file_and_what_it_expected() -> None:
    with pytest.raises(ModelError, match=r"a\.sql: unknown parameter :stop, expected one of \['end', 'start'\]"):
        bind("select :stop", {"start": "s", "end": "e"}, "a.sql")


def test_the_window_is_half_open_with_its_own_offset() -> None:
    assert window_parameters(date(2024, 2, 29), date(2024, 3, 1)) == {
        "start": "2024-02-29 00:00:00+00",
        "end": "2024-03-01 00:00:00+00",
    }


def test_a_statement_has_no_parameters_left(tmp_path: Path) -> None:
    bound = model_of(tmp_path).statement(window_parameters(date(2025, 3, 31), date(2025, 4, 1)))
    assert "where seen_at >= '2025-03-31 00:00:00+00' and seen_at < '2025-04-01 00:00:00+00'" in bound
    assert not list(sqlglot.parse_one(bound, dialect="postgres").find_all(exp.Placeholder))


@pytest.mark.parametrize(
    ("condition", "days"),
    [
        ("day >= :start::date", 0),
        ("day > :start::date - 7", 7),
        ("day > cast(:start as date) - 7", 7),
        ("day > (:start::date) - 7 and day >= :start::date - 30", 30),
        ("day < :end::date - 7", 0),
        ("day > day - 7", 0),
    ],
)
def test_lookback_is_the_largest_distance_from_the_start(tmp_path: Path, condition: str, days: int) -> None:
    select = f"select day, user_id, event_count from shop.others_daily where {condition} and day < :end::date"
    assert model_of(tmp_path, select).lookback_days == days


@pytest.mark.parametrize(
    ("condition", "reads", "touches"),
    [
        ("day >= :start::date", ("2025-03-10", "2025-03-12"), ("2025-03-10", "2025-03-12")),
        ("day > :start::date - 7", ("2025-03-03", "2025-03-12"), ("2025-03-10", "2025-03-19")),
        ("day < (:end::date + 2)::timestamp", ("2025-03-10", "2025-03-14"), ("2025-03-08", "2025-03-12")),
        ("day > :start::date - 1 and day < :end::date + 2", ("2025-03-09", "2025-03-14"), ("2025-03-08", "2025-03-13")),
        ("day >= '-infinity'::date", ("0001-01-01", "2025-03-12"), ("2025-03-10", "9999-12-31")),
        ("day < :start::date + 2", ("2025-03-10", "2025-03-12"), ("2025-03-10", "2025-03-12")),
    ],
)
def test_days_that_are_read_and_days_that_are_touched(
    tmp_path: Path, condition: str, reads: tuple[str, str], touches: tuple[str, str]
) -> None:
    select = f"select day, user_id, event_count from shop.others_daily where {condition} and day < :end::date"
    model, window = model_of(tmp_path, select), (date(2025, 3, 10), date(2025, 3, 12))
    assert tuple(map(str, model.reads(*window))) == reads
    assert tuple(map(str, model.affected_between(*window))) == touches


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("-- Users of the window.\n", ""),
        ("-- Users of the window.", "-- Others -- entirely; with 'quotes' and :start."),
        ("\n", "\n\n   "),
        ("select day, user_id", "SELECT day,user_id"),
        ("count(*)", "COUNT( * )"),
    ],
)
def test_comments_and_layout_do_not_change_the_code_version(tmp_path: Path, old: str, new: str) -> None:
    assert old in SELECT
    same = model_of(tmp_path, SELECT.replace(old, new)).code_version
    assert same == model_of(tmp_path).code_version


def test_the_code_version_does_not_change_the_statement_that_it_is_of() -> None:
    """It is written from the parsed statement itself and not from a copy, which others read, too."""
    catalog = Catalog()
    files = [*catalog.derived.values(), *catalog.checks.values()]
    files += [model for family in catalog.families for model in catalog.reports(family).values()]
    before = [repr(model.expression) for model in files]
    assert all(model.code_version for model in files)
    assert [repr(model.expression) for model in files] == before


def test_the_header_does_not_change_the_code_version(tmp_path: Path) -> None:
    other = HEADER.replace("Users of each day.", "Visitors.").replace("min_value: 1", "min_value: 2")
    assert model_of(tmp_path, header=other).code_version == model_of(tmp_path).code_version


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("seen_at >= :start", "seen_at > :start"),
        ("count(*)", "count(user_id)"),
        ("left join", "join"),
        ("'UTC'", "'utc'"),
        ("group by 1, 2", "group by 2, 1"),
        ("shop.visit_events", "shop.old_events"),
        ("::date", "::timestamp"),
    ],
)
def test_logic_changes_the_code_version(tmp_path: Path, old: str, new: str) -> None:
    assert old in SELECT
    changed = model_of(tmp_path, SELECT.replace(old, new)).code_version
    assert changed != model_of(tmp_path).code_version


# -- lineage ----------------------------------------------------------------------------------------------------------

SHOP = {
    "shop.visit_events": {"event_id": "uuid", "seen_at": "timestamptz", "user_id": "text"},
    "shop.totals_daily": {"day": "date", "total": "bigint"},
}


def test_lineage_goes_through_ctes_joins_and_expressions(tmp_path: Path) -> None:
    model = model_of(
        tmp_path, SELECT.replace("user_id, event_count\n", "user_id, event_count + total as event_count\n")
    )
    lineage = column_lineage(model, SHOP)
    assert lineage["user_id"] == [("shop.visit_events", "user_id")]
    assert ("shop.totals_daily", "total") in lineage["event_count"]
    assert ("shop.visit_events", "seen_at") in lineage["day"]


def lineage_of(table: str) -> dict[str, list[tuple[str, str]]]:
    catalog = Catalog()
    model = catalog.derived[table]
    schema = {t: dict.fromkeys(catalog.column_docs(t), "text") for t in model.dependencies}
    return column_lineage(model, schema)


def test_lineage_of_language_stats() -> None:
    lineage, events = lineage_of("registry.language_stats_daily"), "registry.compilation_events"
    assert list(lineage) == list(Catalog().derived["registry.language_stats_daily"].columns)
    assert lineage["day"] == [(events, "started_at")]
    assert lineage["language"] == [(events, "language")]
    assert lineage["success_count"] == [(events, "success")]
    assert lineage["avg_duration_ms"] == [(events, "duration_ms")]
    assert lineage["p95_duration_ms"] == [(events, "duration_ms")]
    assert lineage["total_output_bytes"] == [(events, "output_size")]
    assert lineage["cache_miss_count"] == [(events, "cache_hit")]


def test_lineage_of_module_activity_comes_from_all_three_kinds_of_events() -> None:
    lineage = lineage_of("registry.module_activity_daily")
    assert lineage["day"] == [
        ("registry.compilation_events", "started_at"),
        ("registry.download_events", "downloaded_at"),
        ("registry.module_view_events", "viewed_at"),
    ]
    assert lineage["user_id"] == [
        ("registry.compilation_events", "user_id"),
        ("registry.download_events", "user_id"),
        ("registry.module_view_events", "user_id"),
    ]
    assert ("registry.download_events", "file_size") in lineage["total_download_bytes"]
    assert ("registry.compilation_events", "duration_ms") in lineage["total_compilation_duration_ms"]


def test_lineage_of_the_overview() -> None:
    lineage = lineage_of("registry.overview_daily")
    assert lineage["view_count"] == [("registry.module_activity_daily", "view_count")]
    assert ("registry.module_stats_daily", "download_count") in lineage["downloads_30d"]
    assert ("registry.active_users_daily", "user_id") in lineage["active_users_7d"]
    assert set(lineage["error_ratio"]) == {
        ("registry.module_activity_daily", name)
        for name in ("compilation_count", "compilation_success_count", "download_count", "failed_download_count")
    }


def test_a_server_looks_at_files_seldom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_marks, "SQL_DIR", tmp_path)
    files = file_marks.Files()
    path = write(tmp_path, "a")
    seen = [files.marks()]
    with files.looking_every(60):
        seen.append(files.marks())
        path.write_text("ab")
        seen.append(files.marks())
    seen.append(files.marks())
    assert [[size for _, _, size in marks] for marks in seen] == [[1], [1], [1], [2]]
