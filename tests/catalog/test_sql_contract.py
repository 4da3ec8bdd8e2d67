"""What every SQL file must keep, whatever its family: found by walking `sql/`, so a new file is covered as it comes.

Of its text, and on empty tables; `test_sql_windows.py` runs it on sample data.
"""

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
import sql_engines
from conftest import Server
from sql_engines import CASES, KINDS, SOME_DAY, TYPES, DuckDB, Postgres
from sql_models import BATCH, CATALOG, MODELS, a_contract, cases_of, of, runnable
from sqlglot import exp

from analytics_etl import checks
from analytics_etl.catalog.models import Model
from analytics_etl.catalog.series import shared_files
from analytics_etl.config.settings import SQL_DIR
from analytics_etl.families.functions import function_of
from analytics_etl.postgres.connection import DatabaseError
from analytics_etl.tables.derived import ensure_table

CLOCK = re.compile(
    r"\b(current_date|current_time|current_timestamp|localtime|localtimestamp)\b|'(now|today|yesterday|tomorrow)'"
    r"|\b(now|today|getdate|timeofday|age|random|clock_timestamp|statement_timestamp|transaction_timestamp|current_setting"
    r"|uuid|uuidv7|gen_random_uuid|nextval) *\(",
    re.IGNORECASE,
)
"""What changes from one moment, session or call to the next."""


# -- what the text says -----------------------------------------------------------------------------------------------


def test_no_file_is_broken() -> None:
    """In production a broken file stops only what reads it; here it is a mistake."""
    assert CATALOG.broken_files == []
    assert CATALOG.broken == {}


def test_every_file_is_found() -> None:
    files = {path for path in SQL_DIR.glob("*/*/*.sql") if path.parent.name not in ("events", "versions", "series")}
    shared = [path for kind in KINDS for path in shared_files(SQL_DIR, kind)]
    assert {model.path for model in MODELS.values()} == {*files, *shared}
    assert {path.parent.name for path in files} == set(KINDS)


@of(*KINDS)
def test_header_is_complete(model: Model) -> None:
    assert re.fullmatch(r"\S.+\.", model.description, re.DOTALL), "the description is a sentence"
    if model.kind == "checks":
        return
    assert model.columns
    for column, meaning in {**model.columns, **model.parameters}.items():
        assert re.fullmatch(r"\S.+\.", meaning, re.DOTALL), f"{column} needs a sentence that says what it means"
        assert meaning.rstrip(".").lower() != column.replace("_", " ")
    if model.kind in ("aggregates", "views"):
        assert model.key
        assert len(set(model.key)) == len(model.key)


@of("aggregates")
def test_the_key_begins_with_the_period(model: Model) -> None:
    """The first column of the key is what windows are deleted by."""
    assert model.key[0] == {"day": "day", "week": "week_start", "month": "month"}[model.cadence]
    assert list(model.columns)[: len(model.key)] == list(model.key)


def without_comments(model: Model) -> str:
    return re.sub(r"/\*.*?\*/|--[^\n]*", " ", model.select, flags=re.DOTALL)


@of(*KINDS)
def test_no_clock(model: Model) -> None:
    assert not CLOCK.search(without_comments(model))


@pytest.mark.parametrize(
    "text", ["now()", "now ( )", "CURRENT_DATE", "'today'::date", "localtime", "clock_timestamp()"]
)
def test_a_clock_would_be_noticed(text: str) -> None:
    assert CLOCK.search(f"select {text} as day")
    assert not CLOCK.search("select known, md5(a)::uuid, current_dates, snow(1) from current_users")


@of(*KINDS)
def test_no_star_no_semicolon_no_templates(model: Model) -> None:
    stars = [star for star in model.expression.find_all(exp.Star) if not isinstance(star.parent, exp.Count)]
    assert not stars, "name the columns instead of select *"
    unquoted = re.sub(r"'(''|[^'])*'", " ", without_comments(model))  # in a regular expression they are characters
    assert ";" not in unquoted
    # Of a source they hold an object, as DuckDB writes it.
    braces = set(re.findall(r"\{[^}]*\}?|\}", unquoted)) if model.kind != "sources" else set()
    assert braces <= ({"{batch}", "{events}", "{time_column}"} if model.family == "ops" else set())


@of(*KINDS)
def test_every_cte_has_a_sentence_before_it(model: Model) -> None:
    lines = model.select.splitlines()
    for cte in model.expression.find_all(exp.CTE):
        [position] = [
            n for n, line in enumerate(lines) if re.match(rf"\s*(with )?{cte.alias} as (materialized )?\(", line)
        ]
        comment: list[str] = []
        while lines[position - 1 - len(comment)].strip().startswith("--"):
            comment.insert(0, lines[position - 1 - len(comment)].strip().removeprefix("--").strip())
        sentence = " ".join(comment)
        assert re.fullmatch(r"[A-Z0-9_a-z].*\.", sentence), f"{cte.alias} needs a comment of one sentence before it"
        assert not re.search(r"[.!?] [A-Z]", sentence), f"{cte.alias}: one sentence, not {sentence!r}"


@of(*KINDS)
def test_there_is_a_case(model: Model) -> None:
    paths = sorted((CASES / model.family / model.name).glob("*.yaml"))
    cases = [sql_engines.read_case(path, MODELS) for path in paths]
    assert any(case.expect for case in cases), "a case with rows in its result is missing"
    if model.kind == "checks":
        assert any(not case.expect and case.given for case in cases), "a case in which nothing is wrong is missing"


JSON = {column.name for contract in CATALOG.contracts.values() for column in contract.columns if column.type == "jsonb"}
OF_TEXTS = {
    name
    for contract in CATALOG.contracts.values()
    for constraint in contract.constraints
    if "is_text_map" in constraint.condition
    for name in constraint.columns
}


@of(*KINDS)
def test_json_is_used_as_every_engine_uses_it(model: Model) -> None:
    """The lake has it as text: its order, its form and its parts other than texts are not those of jsonb."""
    for column in model.expression.find_all(exp.Column):
        if column.name not in JSON:
            continue
        assert not isinstance(column.parent, exp.Cast | exp.Ordered | exp.Min | exp.Max | exp.JSONExtract), (
            column.parent
        )
        if isinstance(column.parent, exp.JSONExtractScalar):
            assert column.name in OF_TEXTS, f"{column.parent} needs a CHECK with ops.is_text_map"


def test_check_names_are_unique_per_table() -> None:
    by_table = checks.declared_checks(CATALOG)
    assert set(by_table) == set(CATALOG.contracts) | set(CATALOG.derived)
    for table, declared in by_table.items():
        names = [check.name for check in declared]
        assert len(set(names)) == len(names), table
        assert all(re.fullmatch(r"[a-z0-9_]+", name) for name in names), table
        assert all(check.description for check in declared)
    checked = {check.select for declared in by_table.values() for check in declared}
    assert checked >= {query.select for query in CATALOG.checks.values()}


# -- what the engines say, on empty tables ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def postgres(server: Server) -> Iterator[Postgres]:
    with sql_engines.postgres(server, CATALOG) as engine:
        yield engine


@pytest.fixture(scope="module")
def duckdb(postgres: Postgres) -> Iterator[DuckDB]:
    with sql_engines.duckdb_like(postgres.tables) as engine:
        yield engine


@of("aggregates", "views", "reports", "queries")
def test_output_columns_are_those_of_the_header(postgres: Postgres, model: Model) -> None:
    assert list(columns_of(postgres, model)) == list(model.columns)


def columns_of(postgres: Postgres, model: Model) -> dict[str, str]:
    """Names and types of the columns of what a file makes."""
    if model.function:
        return {name: column.type for name, column in postgres.tables[model.table].items()}
    return postgres.columns(runnable(postgres, model))


@pytest.mark.parametrize(
    "model", [model for model in CATALOG.aggregates.values() if model.function], ids=lambda model: model.table
)
def test_there_is_the_function(model: Model) -> None:
    assert callable(function_of(model))


@of("checks")
def test_checks_have_named_columns(postgres: Postgres, model: Model) -> None:
    with postgres.undone():
        names = list(postgres.columns(runnable(postgres, model)))
    assert names
    assert "?column?" not in names
    assert names == [column.alias_or_name for column in model.expression.selects]


@of("aggregates", "views", "reports", "queries")
def test_types_are_the_same_on_both_engines(postgres: Postgres, duckdb: DuckDB, model: Model) -> None:
    select = runnable(postgres, model)
    assert duckdb.columns(select) == {
        name: TYPES[type_].replace("TIMESTAMPTZ", "TIMESTAMP WITH TIME ZONE")
        for name, type_ in postgres.columns(select).items()
    }


@of("aggregates", "views", "checks", "reports", "queries")
def test_dependencies_are_those_that_postgres_records(postgres: Postgres, model: Model) -> None:
    with postgres.undone():
        select = runnable(postgres, model)
        postgres.execute(f"create temporary view file as {select}")
        recorded = postgres.rows(
            """
            select distinct n.nspname || '.' || c.relname as name
            from pg_rewrite as r
            join pg_depend as d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid
            join pg_class as c on d.refclassid = 'pg_class'::regclass and c.oid = d.refobjid
            join pg_namespace as n on n.oid = c.relnamespace
            where r.ev_class = 'file'::regclass and c.oid <> r.ev_class"""
        )
    names = {"{batch}": BATCH, "{events}": a_contract("ops")}
    declared = {*model.dependencies, *(name for brace, name in names.items() if brace in model.select)}
    assert {row["name"] for row in recorded} == declared
    assert declared


@of("aggregates", "views", "checks", "reports", "queries")
def test_nothing_comes_of_nothing(postgres: Postgres, duckdb: DuckDB, model: Model) -> None:
    is_portable = all("duckdb" in case.engines for case in cases_of(model))
    for engine in (postgres, duckdb) if is_portable else (postgres,):
        with engine.undone():
            assert engine.rows(runnable(engine, model, SOME_DAY, SOME_DAY + timedelta(days=7))) == []


def test_one_name_has_one_type(postgres: Postgres) -> None:
    """Over contracts, aggregates, views, books, report sections and queries."""
    found: dict[str, dict[str, list[str]]] = {}
    for table, columns in postgres.tables.items():
        for name, column in columns.items():
            found.setdefault(name, {}).setdefault(column.type, []).append(table)
    for model in MODELS.values():
        if model.kind in ("reports", "queries"):
            for name, type_ in postgres.columns(runnable(postgres, model)).items():
                found.setdefault(name, {}).setdefault(type_, []).append(str(model.path))
    assert len(found) > len(CATALOG.contracts)
    assert {name: types for name, types in found.items() if len(types) > 1} == {}


@of("views", "reports", "queries")
def test_names_are_ordered_by_code_point(postgres: Postgres, model: Model) -> None:
    """Whatever the database's own collation, which other tests cannot see: theirs is C."""
    texts = {name for columns in postgres.tables.values() for name, column in columns.items() if column.type == "text"}
    for ordered in model.expression.find_all(exp.Ordered):
        assert not (isinstance(ordered.this, exp.Column) and ordered.this.name in texts), f'{ordered} wants collate "C"'


@of("aggregates")
@pytest.mark.parametrize(
    "change",
    [
        "drop column {last}",
        "add column another bigint",
        "alter column {last} type text using {last}::text",
        "rename column {last} to another",
    ],
)
def test_a_table_that_no_longer_fits_its_select_is_refused(postgres: Postgres, model: Model, change: str) -> None:
    last = next(name for name, type_ in reversed(columns_of(postgres, model).items()) if type_ != "text")
    with postgres.undone():
        ensure_table(postgres.connection, model)
        postgres.execute(f"alter table {model.table} {change.format(last=last)}")
        with pytest.raises(DatabaseError) as refusal:
            ensure_table(postgres.connection, model)
    text = str(refusal.value)
    assert model.table in text
    assert str(model.path) in text
    assert f"to rebuild it: drop table {model.table}, then backfill" in text
