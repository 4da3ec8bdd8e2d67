"""Declared checks as values, from headers, keys and check files. Knows no database and no Dagster."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from analytics_etl.catalog.catalog import Catalog
from analytics_etl.catalog.models import Model

VOLUME_CHECK = "volume_is_usual"
"""The check of every event table but sparse ones."""
UNEXPECTED_ROWS = "unexpected_rows_expectation"
SAMPLE_ROWS = 20
"""Unexpected rows that a result keeps."""


class CheckError(RuntimeError):
    """A check could not be evaluated. That is no result: the check neither passed nor failed."""


@dataclass(frozen=True)
class Check:
    """One expectation about one table."""

    table: str
    name: str
    description: str
    severity: str
    """error = blocks what is downstream of the partition, warn = is only reported"""
    expectation: str
    arguments: Mapping[str, Any]
    select: str | None = None
    """A SELECT of rows that must not exist, for a check that is one."""
    query: Model | None = None
    """The check file, if the check comes from one."""
    problem: str | None = None
    """Why the check file is broken; such a check always fails."""

    @cached_property
    def code_version(self) -> str:
        """Hash of the expectation, its arguments and severity. Description, comments and layout do not change it."""
        select = self.select if self.query is None else self.query.code_version
        hashed = [self.expectation, self.severity, self.arguments, self.problem or select]
        text = json.dumps(hashed, sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    @property
    def others(self) -> tuple[str, ...]:
        """The other tables that its SELECT reads; they must be written before the check runs."""
        read = self.query.dependencies if self.query else ()
        return tuple(table for table in read if table != self.table and not table.startswith("ops."))


@dataclass(frozen=True)
class Target:
    """A table with checks, and how to find its rows of a period."""

    table: str
    period_column: str | None
    """The column that says which period a row belongs to; None for a view, which is checked as a whole."""
    key: tuple[str, ...]
    dependencies: tuple[str, ...]
    time_column: str = ""
    personal: frozenset[str] = frozenset()
    """Columns with personal data. Results never keep their values: they would outlive their retention."""


def targets(catalog: Catalog) -> dict[str, Target]:
    """Every table that can have checks, by name."""
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
            continue  # the table is broken, too: it has no rows to check
        tables = list(catalog.contracts) if query.family == "ops" else [checked_table(query, found)]
        for table in tables:
            if query.name != VOLUME_CHECK or not catalog.contracts[table].is_sparse:
                found[table].append(_query_check(table, query))
    for check, reason in catalog.broken_checks.items():
        family, name = check.split(".")
        for table in list(catalog.contracts) if family == "ops" else _tables_of(check, found):
            short = _check_name(family, name, table)
            found[table].append(Check(table, short, reason, "error", UNEXPECTED_ROWS, {}, problem=reason))
    return found


def checked_table(query: Model, tables: Iterable[str]) -> str:
    """The table of a check file: the longest one that the file name begins with. Raises CheckError without one."""
    candidates = _tables_of(query.table, tables)
    if not candidates:
        raise CheckError(f"{query.path}: the name of a check must begin with the name of the table it is about")
    return candidates[0]


def _tables_of(check: str, tables: Iterable[str]) -> list[str]:
    """A list of the longest table name that the name of a check begins with; empty without one."""
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
    """The check that the key is unique. A GROUP BY: Great Expectations' own expectation joins the table to itself."""
    names = ", ".join(key)
    select = f"select {names}, count(*) as row_count\nfrom {{batch}}\ngroup by {names}\nhaving count(*) > 1"
    return Check(table, "key_is_unique", f"{names}: no two rows have the same", "error", UNEXPECTED_ROWS, {}, select)


def _query_check(table: str, query: Model) -> Check:
    arguments = dict(query.checks).get(UNEXPECTED_ROWS, {})
    name = _check_name(query.family, query.name, table)
    return Check(table, name, query.description, _severity(arguments), UNEXPECTED_ROWS, arguments, query.select, query)


def _check_name(family: str, name: str, table: str) -> str:
    """The name of a check file without its table."""
    return name if family == "ops" else name.removeprefix(table.split(".")[1] + "_")


def _severity(arguments: Mapping[str, Any]) -> str:
    """Our severity for critical, warning and info of Great Expectations."""
    return "error" if arguments.get("severity", "critical") == "critical" else "warn"
