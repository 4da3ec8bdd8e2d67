"""What Spark is asked instead of PostgreSQL's SELECT, and what it is not asked at all. Needs no Spark."""

from datetime import date
from pathlib import Path

import pytest

from analytics_etl.catalog.catalog import Catalog
from analytics_etl.catalog.models import ALL_DAYS, window_parameters
from analytics_etl.engines.spark_dialect import DialectError, spark_select
from analytics_etl.engines.spark_dialect.java_patterns import (
    PatternError,
    java_pattern,
    java_replacement,
    java_test,
)

FILE = Path("sql/registry/aggregates/stats_daily.sql")
COLUMNS = {
    "id": "uuid", "at": "timestamptz", "since": "timestamptz", "day": "date", "other_day": "date", "name": "text",
    "count": "bigint", "total": "bigint", "share": "double precision", "ok": "boolean",
    "labels": "jsonb", "others": "jsonb",
}  # fmt: skip


def translated(expression: str) -> str:
    """What becomes of one expression over the columns above."""
    select = f"select {expression} as x from registry.events"
    found = spark_select(FILE, select, {"registry.events": COLUMNS}, {"registry.events": "events_view"})
    before, after = "SELECT ", " AS `x` FROM `events_view` AS `events`"
    assert found.startswith(before)
    assert found.endswith(after)
    return found.removeprefix(before).removesuffix(after).replace("`events`.", "").replace("`", "")


TIMESTAMP = "CAST('2025-03-31 00:00:00.000000+00:00' AS TIMESTAMP)"


@pytest.mark.parametrize(
    ("postgres", "spark"),
    [
        # the order of bytes is Spark's only one
        ('min(name collate "C")', "MIN((name))"),
        # the session is in UTC
        ("(at at time zone 'UTC')::date", "CAST(((at)) AS DATE)"),
        ("date_trunc('week', at)", "CAST(DATE_TRUNC('WEEK', at) AS TIMESTAMP)"),
        ("extract(hour from at)::bigint", "CAST(EXTRACT(HOUR FROM at) AS BIGINT)"),
        ("date_part('epoch', at)", "(CAST(UNIX_MICROS(at) AS DOUBLE) / 1000000)"),
        (
            "extract(epoch from at - since)",
            "(CAST(UNIX_MICROS(at) - UNIX_MICROS(since) AS DECIMAL(20, 0)) * CAST(0.000001 AS DECIMAL(6, 6)))",
        ),
        (
            "to_timestamp(share)",
            "CAST(TIMESTAMP_MICROS(CAST(RINT((share) * CAST(1000000 AS DOUBLE)) AS BIGINT)) AS TIMESTAMP)",
        ),
        ("day - other_day", "CAST(DATEDIFF(day, other_day) AS INT)"),
        ("(day - other_day)::bigint", "CAST((CAST(DATEDIFF(day, other_day) AS INT)) AS BIGINT)"),
        ("day - 7", "day - 7"),
        # constants have the type of what they stand beside
        ("at >= '2025-03-31 00:00:00+00'", f"at >= {TIMESTAMP}"),
        ("'2025-03-31 02:00:00+02' > at", f"{TIMESTAMP} > at"),
        ("'2025-03-31 00:00:00+00'::date", "CAST('2025-03-31' AS DATE)"),
        ("coalesce(id, 'ABCDEF00-0000-0000-0000-000000000000'::uuid)",
         "COALESCE(id, 'abcdef00-0000-0000-0000-000000000000')"),
        # numbers
        ("count::double precision / total", "CAST(count AS DOUBLE) / total"),
        ("count * 0.1 / share", "count * 0.1 / share"),
        ("(0.1 / 2)::double precision", "CAST((0.05) AS DOUBLE)"),
        ("floor(share / 60)", "CAST(FLOOR(share / 60) AS DOUBLE)"),
        ("ceil(0.95 * count)", "CEIL(0.95 * count)"),
        ("round(share * 10)", "RINT(share * 10)"),
        ("avg(count)::double precision", "CAST(AVG(count) AS DOUBLE)"),
        (
            "cast(share as decimal(18, 1))",
            "IF((share) IS NULL, NULL, CAST(FORMAT_STRING('%.14e', CAST(share AS DOUBLE)) AS DECIMAL(18, 1)))",
        ),
        # texts
        ("count::text || name", "CAST(count AS STRING) || name"),
        ("concat('a', name, count)", "CONCAT('a', COALESCE(name, ''), COALESCE(CAST(count AS STRING), ''))"),
        ("concat_ws(chr(10), name, 'b')", "CONCAT_WS('\\n', name, 'b')"),
        ("left(name, 40)", "LEFT(name, 40)"),
        (r"regexp_replace(name, '(a)\.$', '\1!', 'g')", r"REGEXP_REPLACE(name, '(?s)(a)\\.\\z', '$1!')"),
        ("name ~ '.*[0-9].*'", "name RLIKE '(?s)[0-9]'"),
        # JSON is text in one form
        ("labels ->> 'service.id'", "CAST(GET_JSON_OBJECT(labels, '$[\\'service.id\\']') AS STRING)"),
        ("coalesce(labels ->> 'a', name) = 'x'",
         "COALESCE(CAST(GET_JSON_OBJECT(labels, '$[\\'a\\']') AS STRING), name) = 'x'"),
        ("labels = others", "labels = others"),
        # NULL is the largest value in PostgreSQL
        (
            "row_number() over (partition by day order by count desc, total)",
            "ROW_NUMBER() OVER (PARTITION BY day ORDER BY count DESC NULLS FIRST, total NULLS LAST)",
        ),
        (
            "max(day) over (order by day range between interval '364 days' preceding and current row)",
            "MAX(day) OVER (ORDER BY day NULLS LAST range BETWEEN 364 preceding AND CURRENT ROW)",
        ),
    ],
)  # fmt: skip
def test_what_means_the_same(postgres: str, spark: str) -> None:
    assert translated(postgres) == spark


@pytest.mark.parametrize(
    ("postgres", "why"),
    [
        ("count / total", "cast one side of the division to double precision"),
        ("sum(count) / 2", "cast one side of the division to double precision"),
        ("count / 0.5", "cast one side of the division to double precision"),
        ("count % 2", "is not known to mean the same"),
        ("round(count * 0.5)", "cast what is rounded to double precision"),
        ("round(extract(epoch from at))", "cast what is rounded to double precision"),
        ("round(cast(count as decimal), 1)", "whole numbers only"),
        ("share::bigint", "this cast is not known to give the same"),
        ("labels::text", "this cast is not known to give the same"),
        ("labels -> 'a'", "is not known to mean the same"),
        ("labels ->> name", "a constant key"),
        ("labels ->> '$.a'", "a constant key"),
        ("labels = '{}'", "JSON beside a constant"),
        ("coalesce(labels, '{}')", "JSON beside a constant"),
        ("labels < others", "JSON has no order here"),
        ("max(labels ->> 'a')", 'say collate "C"'),
        ("row_number() over (order by labels)", "JSON has no order here"),
        ("share::text", "this cast is not known to give the same"),
        ("at::text", "this cast is not known to give the same"),
        ("name::bigint", "this cast is not known to give the same"),
        ("name::uuid", "a UUID must be a constant"),
        ("'x'::uuid", "'x' is no UUID"),
        ("id = 'ABCDEF00-0000-0000-0000-000000000000'", "write a UUID in small letters"),
        ("avg(count)", "cast it to double precision at once"),
        ("percentile_cont(0.5) within group (order by count desc)", "in ascending order"),
        ("percentile_cont(0.5) within group (order by count) filter (where ok)", "without a filter"),
        ("percentile_disc(0.5) within group (order by count)", "is not known to mean the same"),
        ('percentile_cont(0.5) within group (order by name collate "C")', "percentiles of numbers, at constant"),
        ("approx_distinct(name)", "is not known to mean the same"),
        ("count(distinct (name, count))", "count of one column only"),
        ("string_agg(name, ',')", "is not known to mean the same"),
        ("array_agg(name)", "is not known to mean the same"),
        ("md5(name)", "is not known to mean the same"),
        ("extract(dow from at)", "expected one of HOUR"),
        ("at - since", "inside of extract"),
        ("at + interval '1 day'", "intervals in frames of windows only"),
        ("at at time zone 'Europe/Berlin'", "the time zone must be UTC"),
        ("at >= '2025-03-31'", "has no offset from UTC"),
        ("at >= 'yesterday'", "is no day or moment"),
        ("day > '-infinity'::date", "is no day or moment"),
        ("at in ('2025-03-31 00:00:00+00')", "compare times one by one"),
        ("max(name)", 'say collate "C"'),
        ("name < 'b'", 'say collate "C"'),
        ("row_number() over (order by name)", 'say collate "C"'),
        ('min(name collate "de-x-icu")', 'the collation must be "C"'),
        ("name ~* 'a'", "is not known to mean the same"),
        ("name ~ other", "could not be resolved|must be constants"),
        ("name ilike 'a'", "is not known to mean the same"),
        ("regexp_replace(name, 'a', 'b')", "say the flag 'g'"),
        ("regexp_replace(name, 'a', 'b', 'gi')", "say the flag 'g'"),
        ("concat(share)", "have the same text"),
        ("concat(at)", "have the same text"),
        ("share || name", r"\|\| of texts and whole numbers only"),
        ("chr(8364)", "a constant from 1 to 127"),
        ("left(name, -1)", "the length must be a constant"),
        ("(select max(count) from registry.events limit 1)", "is not known to mean the same"),
        ("sum(count) over (order by at range between interval '1 hour' preceding and current row)", "whole days"),
    ],
)  # fmt: skip
def test_what_may_mean_something_else_is_an_error_that_names_the_file(postgres: str, why: str) -> None:
    with pytest.raises(DialectError, match=why) as raised:
        translated(postgres)
    assert str(raised.value).startswith(f"{FILE}: Spark would not give the rows that PostgreSQL gives: ")


def test_percentiles_are_exact() -> None:
    found = translated("percentile_cont(0.95) within group (order by count)")
    assert "PERCENTILE(count, 0.95)" in found
    assert "PERCENTILE_DISC(0.95) WITHIN GROUP (ORDER BY count)" in found
    assert "APPROX" not in found
    assert "SORT_ARRAY(COLLECT_LIST(share))" in translated("percentile_cont(0.95) within group (order by share)")


def test_distinct_on_is_refused() -> None:
    with pytest.raises(DialectError, match="distinct on"):
        spark_select(FILE, "select distinct on (day) day, count from registry.events order by day",
                     {"registry.events": COLUMNS}, {"registry.events": "v"})  # fmt: skip


def test_columns_of_using_and_ordinals_are_written_out() -> None:
    select = """
        with days as (select day, count(*) as events from registry.events group by 1)
        select day, events.total from days join registry.events using (day)"""
    assert spark_select(FILE, select, {"registry.events": COLUMNS}, {"registry.events": "v"}).replace("`", "") == (
        "WITH days AS (SELECT events.day AS day, COUNT(*) AS events FROM v AS events GROUP BY events.day) "
        "SELECT COALESCE(days.day, events.day) AS day, events.total AS total FROM days AS days "
        "JOIN v AS events ON days.day = events.day"
    )


@pytest.mark.parametrize("table", sorted(Catalog().aggregates))
def test_every_table_whose_inputs_lie_in_the_lake_is_translated(table: str) -> None:
    catalog = Catalog()
    model = catalog.aggregates[table]
    if not catalog.contracts.keys() >= set(model.dependencies) or model.lookback_days == ALL_DAYS:
        return  # types of derived columns are known to PostgreSQL; their cases run on Spark
    select = model.statement(window_parameters(date(2025, 3, 31), date(2025, 4, 1)))
    schema = {name: {c.name: c.type for c in catalog.contracts[name].columns} for name in model.dependencies}
    found = spark_select(model.path, select, schema, dict.fromkeys(schema, "v"))
    for wrong in ("APPROX", "COLLATE", "FROM_UTC_TIMESTAMP", "EPOCH", "FROM_UNIXTIME"):
        assert wrong not in found


@pytest.mark.parametrize(
    ("postgres", "java"),
    [
        ("a.b$", r"(?s)a.b\z"),
        ("(?s)^a|b$", r"(?s)^a|b\z"),
        (r"a\$[$]", r"(?s)a\$[$]"),
        ("[]a]", r"(?s)[\]a]"),
        ("[^]a[&&]", r"(?s)[^\]a\[\&\&]"),
        (r"(?:a|b){2,}\{", r"(?s)(?:a|b){2,}\{"),
        (r"[\t «»-]+", r"(?s)[\t «»-]+"),
    ],
)
def test_patterns(postgres: str, java: str) -> None:
    assert java_pattern(postgres) == java


@pytest.mark.parametrize(
    "pattern",
    [
        *(r"\d", r"\ma", r"(a)\1", "(?=a)", "(?i)a", "(?<!a)b", "a*?", "a++", "[[:alpha:]]", "[a", "{a}", "a{,2}"),
        *(r"[\w]", "a\\"),
    ],
)  # fmt: skip
def test_patterns_that_engines_read_differently_are_refused(pattern: str) -> None:
    with pytest.raises(PatternError):
        java_pattern(pattern)


@pytest.mark.parametrize(
    ("postgres", "java"),
    [
        (".*a.*", "(?s)a"),
        (".*(?:a|b).*", "(?s)(?:a|b)"),
        (".*a|b.*", "(?s).*a|b.*"),
        (r".*a\.*", r"(?s)a\.*"),
        (".*[|].*", "(?s)[|]"),
    ],
)
def test_a_test_says_nothing_of_what_stands_around(postgres: str, java: str) -> None:
    assert java_test(postgres) == java


@pytest.mark.parametrize(
    ("postgres", "java"),
    [
        (r"\1<n>\2", "$1<n>$2"),
        (r"\10", r"$1\0"),
        (r"cost $1 \\ \&", r"cost \$1 \\ $0"),
        ("", ""),
    ],
)
def test_replacements(postgres: str, java: str) -> None:
    assert java_replacement(postgres) == java


@pytest.mark.parametrize("replacement", [r"\a", "\\", r"\0"])
def test_replacements_without_a_group_are_refused(replacement: str) -> None:
    with pytest.raises(PatternError):
        java_replacement(replacement)
