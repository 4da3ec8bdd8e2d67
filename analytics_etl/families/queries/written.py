"""Rows of an answer as programs read them: the values of JSON, and CSV without formulas."""

import csv
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from analytics_etl.catalog.json_values import canonical
from analytics_etl.families.queries import Row

FORMULAS = (
    "in CSV a text that begins with = + - @, a tab or a line break gets an apostrophe before it, so that no "
    "spreadsheet takes it for a formula."
)
_FORMULA_BEGINS = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
"""The last four are the wide forms of the first four; spreadsheets treat them alike."""

_WINDOWS = "\r\n"

SIGNIFICANT_DIGITS = 15
"""Digits of a number in JSON and CSV: a double holds 15 for sure. The 16th and 17th digit of a sum (12.300000000000001)
mean nothing, and differ between engines."""


def plain(value: Any) -> Any:
    """A value of objects, lists and values as JSON has it."""
    if isinstance(value, Mapping):
        return {name: plain(item) for name, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list | tuple) else portable_value(value)


def portable_value(value: Any) -> Any:
    """A value as JSON has it: a time in UTC with a Z, an id as text, a number without digits of no meaning."""
    if isinstance(value, float):  # a whole one is exact
        return value if value.is_integer() else float(f"{value:.{SIGNIFICANT_DIGITS}g}")
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return str(value) if isinstance(value, UUID | date) else value


def portable_row(row: Row) -> dict[str, Any]:
    """A row whose values JSON has."""
    return {name: portable_value(value) for name, value in row.items()}


def cell_value(value: Any) -> Any:
    """A value as CSV and tables have it: JSON as the text that the lake has."""
    return canonical(json.dumps(value)) if isinstance(value, dict | list) else portable_value(value)


def csv_of(names: Sequence[str], rows: Iterable[Row], show: Callable[[str], str] = str) -> str:
    """Rows as CSV under a header, no text a formula; nothing without columns. `show` writes what a terminal shows."""
    if not names:
        return ""
    return csv_lines([names, *([cell_value(row.get(name)) for name in names] for row in rows)], show)


def csv_lines(rows: Iterable[Sequence[Any]], show: Callable[[str], str] = str) -> str:
    """Rows of cells as CSV, see `csv_of`."""
    lines = _Lines()
    writer = csv.writer(lines, lineterminator=_WINDOWS)
    for row in rows:
        writer.writerow([show(_no_formula(cell)) if isinstance(cell, str) else cell for cell in row])
    return "".join(lines)


class _Lines(list[str]):
    """What a CSV writer writes to. It quotes a CR within a text only if it ends lines with one, so ours are cut off."""

    def write(self, line: str) -> None:
        self.append(line.removesuffix(_WINDOWS) + "\n")


def _no_formula(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA_BEGINS) else text
