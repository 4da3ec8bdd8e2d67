"""Run the SELECTs of `sql/<family>/queries`."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from analytics_etl.catalog.catalog import Catalog
from analytics_etl.postgres.database import Database


def ask(
    database: Database, query: str, parameters: Mapping[str, str | int] | None = None, start: date | None = None,
    end: date | None = None,
) -> list[dict[str, Any]]:  # fmt: skip
    """The rows of a query, by its name with family, for the days [start, end) and its other parameters.

    Raise ModelError, which names the file, when it cannot be used.
    """
    select = Catalog.of(database.settings).query(query).select
    return database.query(select, parameters, start, end)
