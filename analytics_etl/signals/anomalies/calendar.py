"""Holidays and maintenance windows: read from `sql/calendar.yaml`, and which of them are about a series."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from analytics_etl.signals.alerts.matching import Labels, Matcher, all_match, matchers_of

FILE, SCHEMA_FILE = "calendar.yaml", "calendar.schema.json"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST_SHOWN = 200


class CalendarError(ValueError):
    """The calendar is wrong. The message says file, place, what was expected and what came."""


class _Texts(yaml.SafeLoader):
    """Leaves days and moments as the texts that they are."""


_Texts.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


@dataclass(frozen=True)
class Window:
    """A half-open time that is no ordinary one, in microseconds since 1970 UTC, for the series whose labels match."""

    start: int
    end: int
    matchers: tuple[Matcher, ...] = ()


@dataclass(frozen=True)
class Calendar:
    """All windows; a holiday is one of a UTC day."""

    windows: tuple[Window, ...] = ()

    def of(self, labels: Labels, grain: int) -> tuple[tuple[int, int], ...]:
        """When buckets of a series begin that a window touches; half-open."""
        return tuple(
            (window.start - grain + 1, window.end) for window in self.windows if all_match(window.matchers, labels)
        )


def load_calendar(sql_dir: Path) -> Calendar:
    """The calendar of the project; empty without a file."""
    path = sql_dir / FILE
    if not path.exists():
        return Calendar()
    schema = json.loads((sql_dir / SCHEMA_FILE).read_text(encoding="utf-8"))
    return read_calendar(path.read_text(encoding="utf-8"), str(path), schema)


def read_calendar(text: str, where: str, schema: Mapping[str, Any]) -> Calendar:
    """The calendar of a text. `where` names it in errors; `schema` is the content of `sql/calendar.schema.json`."""
    try:
        content = yaml.load(text, Loader=_Texts) or {}  # noqa: S506 - a safe loader
    except yaml.YAMLError as error:
        raise CalendarError(f"{where}: expected YAML, but {error}") from error
    wrong = best_match(Draft202012Validator(schema).iter_errors(content))
    if wrong is not None:
        place = ".".join(map(str, wrong.absolute_path))
        expected: Any = wrong.schema
        came = json.dumps(wrong.instance, default=str, ensure_ascii=False)[:_LONGEST_SHOWN]
        said = wrong.message if wrong.validator in ("required", "additionalProperties") else (
            f"expected {expected.get('description', wrong.message)}, but is {came}"
        )  # fmt: skip
        raise CalendarError(f"{where}: {place}: {said}")
    try:
        holidays = [_holiday(entry) for entry in content.get("holidays", ())]
        maintenance = [_maintenance(entry) for entry in content.get("maintenance", ())]
    except ValueError as error:
        raise CalendarError(f"{where}: {error}") from error
    return Calendar((*holidays, *maintenance))


def _holiday(entry: Mapping[str, Any]) -> Window:
    day = datetime.combine(date.fromisoformat(entry["day"]), datetime.min.time(), UTC)
    return Window(_micros(day), _micros(day + timedelta(days=1)), matchers_of(entry.get("labels", {})))


def _maintenance(entry: Mapping[str, Any]) -> Window:
    start, end = (datetime.fromisoformat(entry[name]) for name in ("from", "to"))
    if end <= start:
        raise ValueError(f"maintenance: expected an end after {entry['from']}, but is {entry['to']}")
    return Window(_micros(start), _micros(end), matchers_of(entry.get("labels", {})))


def _micros(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)
