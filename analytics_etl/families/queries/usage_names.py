"""The names of schemas beside their ids, in questions about schemas and in the answers to them."""

from dataclasses import replace
from datetime import date
from difflib import get_close_matches
from typing import Any
from uuid import UUID

from analytics_etl.families.queries import Page, QueryError, Row
from analytics_etl.families.queries.asking import ask
from analytics_etl.families.queries.coverage import are_there
from analytics_etl.postgres.database import Database

_NAMES = "usage.schema_names_daily"

MOST_IDS = 20
"""Of the schemas of one name, in a message."""


def schema_of(database: Database, schema: UUID | str | None) -> UUID | None:
    """The id of a schema that is named by it or by its newest name. QueryError unless exactly one is called so."""
    if not isinstance(schema, str):
        return schema
    found = ask(database, "usage.names_of_all") if are_there(database, [_NAMES]) else []
    ids = [row["schema_id"] for row in found if row["schema_name"] == schema]
    if len(ids) > 1:
        listed = ", ".join(map(str, ids[:MOST_IDS])) + ", …" * (len(ids) > MOST_IDS)
        raise QueryError(f"{len(ids)} schemas are called {schema}, name one by its id: {listed}")
    if not ids:
        near = get_close_matches(schema, sorted({row["schema_name"] for row in found}), 3, 0.5)
        hint = f"did you mean {' or '.join(near)}?" if near else "none is called anything like it"
        raise QueryError(f"no schema is called {schema}: {hint if found else 'none has a name, give an id (a UUID)'}")
    schema_id: UUID = ids[0]
    return schema_id


def named_like(database: Database, search: str) -> list[Row]:
    """`schema_id` and `schema_name` of the schemas whose id or newest name has a text in it, in any case, by name."""
    found = ask(database, "usage.names_of_all") if are_there(database, [_NAMES]) else []
    wanted = search.casefold()
    rows = [row for row in found if wanted in row["schema_name"].casefold() or wanted in str(row["schema_id"])]
    return sorted(rows, key=lambda row: (row["schema_name"], row["schema_id"]))


def with_names(database: Database, page: Page, last: date) -> Page:
    """The same rows with `schema_name` after `schema_id`: the newest one known as of a day, None where none is."""
    ids = sorted({str(row["schema_id"]) for row in page.rows})
    if not ids:
        return page
    wanted: dict[str, str | int] = {"last": last.isoformat(), "ids": ",".join(ids)}
    found = ask(database, "usage.newest_names", wanted) if are_there(database, [_NAMES]) else []
    names = {row["schema_id"]: row["schema_name"] for row in found}
    return replace(page, rows=[_named(row, names.get(row["schema_id"])) for row in page.rows])


def _named(row: Row, schema_name: str | None) -> Row:
    named: dict[str, Any] = {}
    for column, value in row.items():
        named[column] = value
        if column == "schema_id":
            named["schema_name"] = schema_name
    return named
