"""The names of schemas beside their ids, in the answers to questions about schemas."""

import json
from dataclasses import replace
from datetime import date
from typing import Any

from analytics_etl.families.queries import Page, Row
from analytics_etl.families.queries.coverage import are_there
from analytics_etl.postgres.database import Database

_NAMES = "usage.schema_names_daily"

_NEWEST = """
with ranked as (
    select schema_id, schema_name, row_number() over (partition by schema_id order by day desc) as rank
    from usage.schema_names_daily
    where day > :last::date - 365 and day <= :last::date
      and schema_id in (select id::uuid from json_array_elements_text(:ids::json) as ids (id))
)
select schema_id, schema_name from ranked where rank = 1
"""


def with_names(database: Database, page: Page, last: date) -> Page:
    """The same rows with `schema_name` after `schema_id`: the newest one known as of a day, None where none is."""
    ids = sorted({str(row["schema_id"]) for row in page.rows})
    if not ids:
        return page
    wanted: dict[str, str | int] = {"last": last.isoformat(), "ids": json.dumps(ids)}
    found = database.query(_NEWEST, wanted) if are_there(database, [_NAMES]) else []
    names = {row["schema_id"]: row["schema_name"] for row in found}
    return replace(page, rows=[_named(row, names.get(row["schema_id"])) for row in page.rows])


def _named(row: Row, schema_name: str | None) -> Row:
    named: dict[str, Any] = {}
    for column, value in row.items():
        named[column] = value
        if column == "schema_id":
            named["schema_name"] = schema_name
    return named
