"""What our SQL says of the rows of a table is what Great Expectations says, for each kind of expectation."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from events import execute

from analytics_etl.checks.declared import Check
from analytics_etl.checks.expectations import broken
from analytics_etl.checks.predicates import condition, counts, rows
from analytics_etl.engines.session import lake_session
from analytics_etl.postgres.database import Database
from analytics_etl.postgres.sqlalchemy_engine import sqlalchemy_url

TABLE = "registry.numbers"
VALUES = """
    (1, 0, 0, 'low'), (2, 1, 0, 'it''s: 50 %'), (3, 0.5, 1, 'high'), (4, -1, -1, ''), (5, null, 1, null),
    (6, 1.5, null, 'low'), (7, 'NaN', 1, 'high'), (8, 'Infinity', 2, 'Low'), (9, 1, 1, '{x}')"""

KINDS: list[tuple[str, Mapping[str, Any], set[int]]] = [
    ("expect_column_values_to_not_be_null", {"column": "a"}, {5}),
    ("expect_column_values_to_be_between", {"column": "a", "min_value": 0, "max_value": 1}, {4, 6, 7, 8}),
    (
        "expect_column_values_to_be_between",
        {"column": "a", "min_value": 0, "max_value": 1, "strict_min": True, "strict_max": True},
        {1, 2, 4, 6, 7, 8, 9},
    ),
    ("expect_column_values_to_be_between", {"column": "b", "min_value": 1, "severity": "warning"}, {1, 2, 4}),
    ("expect_column_values_to_be_between", {"column": "b", "max_value": 0.5}, {3, 5, 7, 8, 9}),
    ("expect_column_values_to_be_in_set", {"column": "word", "value_set": ["low", "it's: 50 %", "{x}"]}, {3, 4, 7, 8}),
    ("expect_column_values_to_be_in_set", {"column": "b", "value_set": [0, 1]}, {4, 8}),
    ("expect_column_values_to_be_unique", {"column": "word"}, {1, 3, 6, 7}),
    ("expect_column_pair_values_a_to_be_greater_than_b", {"column_A": "a", "column_B": "b"}, {1, 3, 4, 9}),
    (
        "expect_column_pair_values_a_to_be_greater_than_b",
        {"column_A": "a", "column_B": "b", "or_equal": True},
        {3},
    ),
]


@pytest.fixture
def numbers(database: Database) -> Database:
    execute(
        database.settings.database_url,
        f"create table {TABLE} (id int, a double precision, b double precision, word text); "
        f"insert into {TABLE} values {VALUES}",
    )
    return database


def check(expectation: str, arguments: Mapping[str, Any]) -> Check:
    return Check(TABLE, f"{expectation} {dict(arguments)}", "d", "error", expectation, arguments)


def test_each_kind_is_judged_as_by_great_expectations(numbers: Database) -> None:
    given = [check(name, arguments) for name, arguments, _ in KINDS]
    by_others = broken(sqlalchemy_url(numbers.settings, "registry"), TABLE, ["id"], given)
    conditions = [condition(one, TABLE) for one in given]
    assert None not in conditions
    known = [found for found in conditions if found is not None]
    (ours,) = numbers.query(counts(known, TABLE))
    for one, found, count, (_, _, wrong) in zip(given, known, ours.values(), KINDS, strict=True):
        sample = numbers.query(rows(one, ["id"], found, TABLE, 20))
        assert {row["id"] for row in sample} == wrong, one.name
        assert count == len(wrong) == by_others[one.name][0], one.name
        theirs = sorted(by_others[one.name][1], key=lambda row: int(row["id"]))
        assert [list(row) for row in sample] == [list(row) for row in theirs]
        assert [str(row) for row in sample] == [str(row) for row in theirs]


def test_each_kind_is_judged_alike_by_duckdb(numbers: Database, tmp_path: Path) -> None:
    given = [check(name, arguments) for name, arguments, _ in KINDS]
    with lake_session(128, tmp_path) as session:
        session.connection.execute("create schema registry")
        session.connection.execute(f"create table {TABLE} (id int, a double, b double, word text)")
        session.connection.execute(f"insert into {TABLE} values {VALUES}")
        for one, (_, _, wrong) in zip(given, KINDS, strict=True):
            broken_rows = condition(one, TABLE)
            assert broken_rows is not None
            assert session.rows(counts([broken_rows], TABLE)) == [{"c0": len(wrong)}], one.name
            text = rows(one, ["id"], broken_rows, TABLE, 20)
            assert str(session.rows(text)) == str(numbers.query(text)), one.name


def test_no_more_rows_than_asked_for_and_in_order(numbers: Database) -> None:
    one = check("expect_column_values_to_be_between", {"column": "a", "max_value": -2})
    found = condition(one, TABLE)
    assert found is not None
    assert [row["id"] for row in numbers.query(rows(one, ["id"], found, TABLE, 3))] == [1, 2, 3]


@pytest.mark.parametrize(
    "of",
    [
        check("expect_column_values_to_be_between", {"column": "a", "min_value": 0, "mostly": 0.9}),
        check("expect_column_values_to_match_regex", {"column": "word", "regex": "^l"}),
    ],
)
def test_what_is_not_known_is_left_to_great_expectations(of: Check) -> None:
    assert condition(of, TABLE) is None
