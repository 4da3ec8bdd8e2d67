"""The answer of an ad-hoc statement as a table, CSV, JSON or Parquet. All but a table come as they are computed."""

import json
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

from analytics_etl.cli.answers import csv_lines
from analytics_etl.cli.terminal import Column, Styled, err, out
from analytics_etl.families.queries.written import portable_value
from analytics_etl.pipeline.adhoc import Answer, StatementError, new_file
from analytics_etl.text.english import counted
from analytics_etl.text.visible import cut, visible

MOST_SHOWN = 1_000
"""Rows of a table that are shown."""
_LONGEST_CELL = 1_000
_ROWS_AT_ONCE = 1_000
_PLAN = ["explain_key", "explain_value"]
_NULL = Styled("NULL", "dim")

Write = Callable[[str], object]


def print_answer(answer: Answer, form: str, path: Path | None) -> None:
    """Print an answer in one of the forms, or write it to a file."""
    if form == "table":
        _print_table(answer)
    elif form == "parquet":
        assert path is not None
        _check_names(answer, "Parquet")
        with new_file(path) as part:
            answer.write_parquet(part)
    else:
        with _writing(path) as write:
            (_write_csv if form == "csv" else _write_json)(answer, write)
    for note in answer.notes:
        err.say(note)


@contextmanager
def _writing(path: Path | None) -> Iterator[Write]:
    if path is None:
        yield out.write
        return
    with new_file(path) as part, part.open("w", encoding="utf-8", newline="") as stream:
        yield stream.write


def _print_table(answer: Answer) -> None:
    shown: list[list[Any]] = []
    count = 0
    for batch in answer.batches:
        if count < MOST_SHOWN:
            shown += _rows(batch.slice(0, MOST_SHOWN - count))
        count += batch.num_rows
    if not count:
        out.say("no rows")
        return
    if answer.schema.names == _PLAN:
        out.write("".join(f"{visible(plan, keep_lines=True)}\n" for _, plan in shown))
        return
    columns = []
    for number, name in enumerate(answer.schema.names):
        value = next((row[number] for row in shown if row[number] is not None), None)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        columns.append(Column(name, "right" if is_number else "left"))
    out.table(columns, [[[_NULL] if value is None else cut(_text(value), _LONGEST_CELL) for value in r] for r in shown])
    if count > len(shown):
        rest = counted(count - len(shown), "more row")
        err.say(f"{rest}, of {count:,}; all of them, as CSV: --format csv -o FILE")


def _write_csv(answer: Answer, write: Write) -> None:
    write(csv_lines([answer.schema.names]))
    for rows in _chunks(answer):
        write(csv_lines([None if value is None else _cell(value) for value in row] for row in rows))


def _write_json(answer: Answer, write: Write) -> None:
    """Write an array with a line for each row."""
    _check_names(answer, "JSON")
    before = "["
    for rows in _chunks(answer):
        for row in rows:
            write(f"{before}\n{json.dumps(dict(zip(answer.schema.names, row, strict=True)))}")
            before = ","
    write("[]\n" if before == "[" else "\n]\n")


def _check_names(answer: Answer, form: str) -> None:
    names: Sequence[str] = answer.schema.names
    if twice := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
        raise StatementError(f"several columns have the name {twice[0]}; {form} needs one of its own for each: use AS")


def _chunks(answer: Answer) -> Iterator[list[list[Any]]]:
    for batch in answer.batches:
        for start in range(0, batch.num_rows, _ROWS_AT_ONCE):
            yield _rows(batch.slice(start, _ROWS_AT_ONCE))


def _rows(batch: Any) -> list[list[Any]]:
    columns = [[_plain(value) for value in column.to_pylist()] for column in batch.columns]
    return [list(row) for row in zip(*columns, strict=True)]


def _plain(value: Any) -> Any:
    """A value as JSON can hold it."""
    if isinstance(value, Decimal):
        value = int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, float) and not math.isfinite(value):
        return {math.inf: "Infinity", -math.inf: "-Infinity"}.get(value, "NaN")
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple) and not hasattr(value, "_fields"):
        return [_plain(item) for item in value]
    if isinstance(value, bytes):
        return value.hex()
    portable = portable_value(value)
    return portable if isinstance(portable, str | int | float | None) else str(portable)


def _cell(value: Any) -> Any:
    return value if isinstance(value, str | int | float) and not isinstance(value, bool) else _text(value)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
