"""What is declared about tables: headers, keys and the files of checks, as values. Knows no database and no Dagster."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from analytics_etl.catalog.catalog import Catalog
from analytics_etl.catalog.models import Model

UNEXPECTED_ROWS = "unexpected_rows_expectation"
SAMPLE_ROWS = 20
"""Of the rows that break a check, so many are kept."""


class CheckError(RuntimeError):
    """A check that could not be evaluated, which is not the same as one that failed."""


@dataclass(frozen=True)
class Check:
    """One expectation about one table."""

    table: str
    name: str
    description: str
    severity: str
    """error = stops what is downstream of the partition, warn = only tells"""
    expectation: str
    arguments: Mapping[str, Any]
    select: str | None = None
    """For a check that is a SELECT of rows that must not exist: the SELECT."""
    query: Model | None = None
    """The file it comes from, if any."""
    problem: str | None = None
    """Why it cannot judge anything, since its file is broken: then it fails."""

    @cached_property
    def code_version(self) -> str:
        """Hash of what it demands and how severe that is; another description, comments and layout do not change it."""
        select = self.select if self.query is None else self.query.code_version
        what = [self.expectation, self.severity, self.arguments, self.problem or select]
        text = json.dumps(what, sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    @property
    def others(self) -> tuple[str, ...]:
        """The tables its SELECT reads beside its own: they must be written before it can judge."""
        read = self.query.dependencies if self.query else ()
        return tuple(table for table in read if table != self.table and not table.startswith("ops."))


@dataclass(frozen=True)
class Target:
    """A table with checks: where its rows of a period are found."""

    table: str
    period_column: str | None
    """None for a view, which is checked as a whole."""
    key: tuple[str, ...]
    dependencies: tuple[str, ...]
    time_column: str = ""
    personal: frozenset[str] = frozenset()
    """Columns whose values are never kept in a result: they are to be gone after their time."""


def targets(catalog: Catalog) -> dict[str, Target]:
    """Every table that can be checked."""
    personal = frozenset(name for contract in catalog.contracts.values() for name in contract.personal_columns)
    found = {
        table: Target(table, contract.time_column, contract.key, (table,), contract.time_column, personal)
        for table, contract in catalog.contracts.items()
    }
    for table, model in catalog.derived.items():
        period = None if model.kind == "views" else model.key[0]
        found[table] = Target(table, period, model.key, model.dependencies, personal=personal)
    return found


def declared_checks(catalog: Catalog) -> dict[str, list[Check]]:
    """Every check, by table."""
    found: dict[str, list[Check]] = {table: [] for table in targets(catalog)}
    for table, model in catalog.derived.items():
        found[table].append(_key_check(table, model.key))
        found[table] += [_header_check(table, "expect_column_values_to_not_be_null", {"column": c}) for c in model.key]
        found[table] += [_header_check(table, name, arguments) for name, arguments in model.checks]
    for query in catalog.checks.values():
        if query.family != "ops" and _tables_of(query.table, catalog.broken):
            continue  # the table cannot be made, so there is nothing to judge
        tables = list(catalog.contracts) if query.family == "ops" else [checked_table(query, found)]
        for table in tables:
            found[table].append(_query_check(table, query))
    for check, reason in catalog.broken_checks.items():
        family, name = check.split(".")
        for table in list(catalog.contracts) if family == "ops" else _tables_of(check, found):
            short = _check_name(family, name, table)
            found[table].append(Check(table, short, reason, "error", UNEXPECTED_ROWS, {}, problem=reason))
    return found


def checked_table(query: Model, tables: Iterable[str]) -> str:
    """The table a check file is about: the longest one of its family that its name begins with."""
    candidates = _tables_of(query.table, tables)
    if not candidates:
        raise CheckError(f"{query.path}: the name of a check must begin with the name of the table it is about")
    return candidates[0]


def _tables_of(check: str, tables: Iterable[str]) -> list[str]:
    """The longest table that the name of a check begins with, if any."""
    return sorted((table for table in tables if check.startswith(f"{table}_")), key=len)[-1:]


def _header_check(table: str, expectation: str, arguments: Mapping[str, Any]) -> Check:
    columns = [v for k, v in arguments.items() if k in ("column", "column_A", "column_B")]
    columns += arguments.get("column_list", [])
    short = expectation.removeprefix("expect_").replace("column_values_to_", "").replace("column_pair_values_", "")
    short = "_".join([*columns, short])
    limits = {
        k: v for k, v in arguments.items() if k not in ("column", "column_A", "column_B", "column_list", "severity")
    }
    detail = ", ".join(f"{name} {value}" for name, value in limits.items())
    words = expectation.removeprefix("expect_").replace("_", " ")
    description = f"{', '.join(columns)}: {words}" + (f" ({detail})" if detail else "")
    return Check(table, short, description, _severity(arguments), expectation, arguments)


def _key_check(table: str, key: Sequence[str]) -> Check:
    """The key is unique. Grouped, since Great Expectations' own expectation joins the table to itself."""
    names = ", ".join(key)
    select = f"select {names}, count(*) as row_count\nfrom {{batch}}\ngroup by {names}\nhaving count(*) > 1"
    return Check(table, "key_is_unique", f"{names}: no two rows have the same", "error", UNEXPECTED_ROWS, {}, select)


def _query_check(table: str, query: Model) -> Check:
    arguments = dict(query.checks).get(UNEXPECTED_ROWS, {})
    name = _check_name(query.family, query.name, table)
    return Check(table, name, query.description, _severity(arguments), UNEXPECTED_ROWS, arguments, query.select, query)


def _check_name(family: str, name: str, table: str) -> str:
    """A check file's name without the table it is about."""
    return name if family == "ops" else name.removeprefix(table.split(".")[1] + "_")


def _severity(arguments: Mapping[str, Any]) -> str:
    """Great Expectations' critical, warning or info as ours."""
    return "error" if arguments.get("severity", "critical") == "critical" else "warn"
