"""Columns of JSON in the statement that validates records: functions of Python, and the rules that contracts may name.

Python reads and writes JSON, see `catalog.json_values`: DuckDB keeps the order of keys, writes numbers anew, and lets
through a key that occurs twice.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
from duckdb.func import FunctionNullHandling, PythonUDFType

from analytics_etl.catalog.json_arrays import map_texts
from analytics_etl.catalog.json_values import JsonError, Reader, flat, written
from analytics_etl.landing.fields import Origin, literal

_LONGEST_KNOWN = 500
"""Characters of a value that is remembered, at most: longer ones seldom come again, and would take much memory."""

_RULES = """
    create schema ops;
    create macro ops.is_text_map(value) as (
        json_type(value) = 'OBJECT'
        and len(list_filter(json_extract(value, '$.*'), lambda item: json_type(item) <> 'VARCHAR')) = 0
    );
    create macro ops.json_bytes(value) as (
        strlen(value) + case
            when value ^@ '{"' and strlen(replace(value, '{', '')) = strlen(value) - 1 and not contains(value, '[')
            then 2 * len(json_keys(value)) - 1
            else len(regexp_extract_all(regexp_replace(value, '"(\\\\.|[^"\\\\])*"', '', 'g'), '[,:]')) end
    );"""
"""The functions of PostgreSQL that a CHECK may call, see sql/ops/json.sql. PostgreSQL puts a blank after : and , of
which an object without nested values has one and one for each key, but no , after the last.
"""


def register(connection: duckdb.DuckDBPyConnection) -> None:
    """Give a connection the functions that statements with columns of JSON call."""
    connection.execute(_RULES)
    for name, index in (("canonical_json", 0), ("json_problem", 1), ("json_of_line", 2)):
        connection.create_function(
            name,
            _function(index),
            ["VARCHAR"] * 3,
            "VARCHAR",
            type=PythonUDFType.ARROW,
            null_handling=FunctionNullHandling.SPECIAL,
        )


def may_lose_digits(text: str) -> str:
    """SQL for whether a text may have numbers that DuckDB writes anew when it takes a value out of a line."""
    return f"regexp_matches({text}, '[0-9][.eE]|[0-9]{{16}}')"


def value(text: str, name: str, origin: Origin) -> str:
    """SQL for a value in the one form, NULL if it is none; `text` is SQL for what came, in the column `name`."""
    return f"canonical_json({_arguments(text, name, origin)})"


def problem(text: str, name: str, origin: Origin) -> str:
    """SQL for why `value` is NULL."""
    return f"json_problem({_arguments(text, name, origin)})"


def of_line(text: str, name: str) -> str:
    """SQL for a nested value with the digits in the line; NULL if DuckDB has lost none."""
    return f"json_of_line({_arguments(text, name, 'json')})"


def _arguments(text: str, name: str, origin: Origin) -> str:
    line = f"case when {may_lose_digits(text)} then _raw end" if origin == "json" else "null::varchar"
    return f"{text}, {line}, {literal(name)}"


def _function(index: int) -> Callable[[pa.Array, pa.Array, pa.Array], pa.Array]:
    """The function that gives one part of what `_read` gives, for whole columns."""

    def of_columns(texts: pa.Array, lines: pa.Array, names: pa.Array) -> pa.Array:
        if index > 0:
            return of_others(texts, lines, names)
        if isinstance(texts, pa.ChunkedArray):
            texts = texts.combine_chunks()
        found = map_texts(texts, _flat)
        is_other = pc.and_(found.is_null(), texts.is_valid())
        if not pc.any(is_other).as_py():
            return found
        others = of_others(*(column.filter(is_other) for column in (texts, lines, names)))
        return pc.replace_with_mask(found, is_other, others)

    def of_others(texts: pa.Array, lines: pa.Array, names: pa.Array) -> pa.Array:
        if lines.null_count == len(lines):
            return map_texts(texts, lambda text: _read(text, None, "")[index])
        rows = zip(texts.to_pylist(), lines.to_pylist(), names.to_pylist(), strict=True)
        return pa.array([None if row[0] is None else _read(*row)[index] for row in rows], pa.string())

    return of_columns


def _flat(text: str) -> str | None:
    """`flat`, which is remembered: the labels of a series come with each of its samples, in every batch."""
    return _known_flat(text) if len(text) <= _LONGEST_KNOWN else flat(text)


_known_flat = lru_cache(maxsize=16_384)(flat)


def _read(text: str, line: str | None, name: str) -> tuple[str | None, str | None, str | None]:
    """A value in the one form, or why there is none, and the value again if it has numbers with digits of the line."""
    reader = Reader()
    try:
        found = reader.read(text)
        if line is not None and reader.has_fractions:
            found = reader.read(line, _first_counts)[name]
        form = written(found, has_fractions=reader.has_fractions)
    except JsonError as error:
        return None, str(error), None
    return form, None, form if reader.has_fractions else None


def _first_counts(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object in which the first of equal keys counts, as in DuckDB."""
    return dict(reversed(pairs))
