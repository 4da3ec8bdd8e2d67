"""Telling every process what has just changed (NOTIFY): tables, alerts, samples of metrics, posted records.

Nothing is kept: whoever does not listen now reads the tables later. PostgreSQL tells when the transaction commits.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from analytics_etl.postgres.connection import Connection

CHANNEL = "analytics_live"
LONGEST = 7_900
"""Bytes of a message; PostgreSQL takes less than 8,000."""

Kind = Literal["published", "alerts", "samples", "posted"]


def tell(connection: Connection, kind: Kind, items: Sequence[Mapping[str, Any]] = ()) -> int:
    """Tell all listeners; returns how many items were too long, and are not told."""
    fitting = [item for item in items if _size(item) + _size({"kind": kind, "items": []}) <= LONGEST]
    told = list(messages(kind, fitting)) if fitting or not items else []
    connection.execute("select pg_notify(%s, text) from unnest(%s::text[]) as told (text)", [CHANNEL, told])
    return len(items) - len(fitting)


def read(text: str) -> tuple[str, list[Any]]:
    """(kind, items) of a message; ValueError for what nobody tells so."""
    told = json.loads(text)
    if not isinstance(told, dict) or not isinstance(told.get("kind"), str) or not isinstance(told.get("items"), list):
        raise ValueError(f"expected a message with kind and items, got {text[:80]!r}")  # noqa: TRY004 - it is a wrong text
    return told["kind"], told["items"]


def published(connection: Connection, table: str) -> None:
    """Tell that days of a table, or a view, are new."""
    tell(connection, "published", [{"table": table}])


def messages(kind: Kind, items: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The items as few messages; one without any is a message, too."""
    part: list[Mapping[str, Any]] = []
    empty = size = _size({"kind": kind, "items": []})
    for item in items:
        if part and size + _size(item) > LONGEST:
            yield _text({"kind": kind, "items": part})
            part, size = [], empty
        part.append(item)
        size += _size(item)
    if part or not items:
        yield _text({"kind": kind, "items": part})


def _size(item: Mapping[str, Any]) -> int:
    """Bytes of an item, and of what stands between two."""
    return len(_text(item).encode()) + len(", ")


def _text(value: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False)
