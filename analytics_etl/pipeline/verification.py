"""The watchdog: it draws a sample of the derived tables, computes it again with another engine and compares.

PostgreSQL computes the sampled rows of tables that DuckDB made, from the raw rows it has; DuckDB those of all others
(`recomputation`). Not sampled are: partitions older than their
inputs, which the next run replaces anyway; partitions whose raw rows were not kept, or are too many to be read in a few
minutes; and views, which show the tables.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from analytics_etl.catalog.calendar import period_start
from analytics_etl.catalog.catalog import Catalog
from analytics_etl.catalog.models import Model
from analytics_etl.engines.duckdb import NAME as DUCKDB
from analytics_etl.ops import check_results
from analytics_etl.ops.dropped import dropped_days
from analytics_etl.ops.partitions import newest_day
from analytics_etl.ops.records import CheckResult, partitions
from analytics_etl.pipeline.publishing import record_checks
from analytics_etl.pipeline.recomputation import Row, derive, derive_in_postgres, key_text, needed_days, stored
from analytics_etl.pipeline.sampling import Sample, rank
from analytics_etl.postgres.database import Database

CHECK = "watchdog_agrees"
DESCRIPTION = "Sampled cells equal what another engine computes for them from the raw rows."
DEFAULT_CELLS = 100
MOST_ROWS = 30_000_000
"""Raw rows that a sampled partition may be made of: reading as many takes some minutes."""
SAMPLE_ROWS = 20

Recompute = Callable[[Database, Catalog, Model, date, date, Sample], list[Row]]
"""Computes the sampled rows of a partition [start, end) anew."""


@dataclass(frozen=True)
class Difference:
    """A stored value that is not the one computed from the raw rows; None where one side has no such row."""

    table: str
    day: date
    key: str
    column: str
    stored: Any
    derived: Any


@dataclass(frozen=True)
class Finding:
    """The result of comparing one partition of one table."""

    table: str
    start: date
    end: date
    keys: int
    differences: Sequence[Difference]


def watch(
    database: Database, catalog: Catalog, cells: int = DEFAULT_CELLS, seed: int | None = None,
    run_id: str | None = None,
) -> list[Finding]:  # fmt: skip
    """Compare about `cells` rows, equally many of each table, and record the results as a check of each table.

    The watchdog draws one partition of each table, and keys in it. It also compares the cells again that differed last
    time, so that their check passes once they are corrected. The same seed draws the same sample as long as there are
    no new partitions; without a seed, the week of the newest day is the seed.
    """
    known = _partitions(database, catalog)
    if not known:
        return []
    if seed is None:
        seed = period_start("week", max(start for of_table in known.values() for start in of_table)).toordinal()
    # There is no second engine for a function.
    tables = [t for t in catalog.in_order() if t in catalog.aggregates and not catalog.aggregates[t].function]
    gone = database.run(dropped_days, list(catalog.contracts), date.min, date.max)
    failed = _failed(database)
    findings = []
    for table in tables:
        chance = random.Random(f"{seed} {table}")  # noqa: S311 - a sample, not a secret
        candidates = [
            start
            for start, row in sorted(known.get(table, {}).items())
            if _is_current(catalog, known, table, start)
            and not _is_gone(catalog, gone, table, start, row["period_end"])
            and _rows_to_read(catalog, known, table, start, row["period_end"]) <= MOST_ROWS
        ]
        drawn = {chance.choice(candidates)} if candidates else set[date]()
        for start in sorted(drawn | {start for start in candidates if (table, start) in failed}):
            sample = Sample(
                -(-cells // len(tables)) if start in drawn else 0, f"{seed} ", failed.get((table, start), frozenset())
            )
            end = known[table][start]["period_end"]
            recompute = derive_in_postgres if known[table][start]["engine"] == DUCKDB else derive
            findings.append(_compare(database, catalog, catalog.aggregates[table], start, end, sample, recompute))
    record_checks(database, [_result(finding) for finding in findings], run_id)
    return findings


def _failed(database: Database) -> dict[tuple[str, date], frozenset[str]]:
    """{(table, start): keys of the cells that differed in the last comparison}, as far as the check kept them."""
    found = database.read(check_results.samples, CHECK)
    return {partition: frozenset(cell["key"] for cell in sample) for partition, sample in found.items()}


def _partitions(database: Database, catalog: Catalog) -> dict[str, dict[date, Row]]:
    """{table: {start: row of ops.partitions}}."""
    newest = database.run(newest_day, [*catalog.contracts, *catalog.aggregates])
    if newest is None:
        return {}
    found: dict[str, dict[date, Row]] = {}
    first = period_start("month", database.settings.start_date - timedelta(days=7))
    for row in database.run(partitions, first, newest + timedelta(days=1)):
        found.setdefault(row["table_name"], {})[row["period_start"]] = row
    return found


def _is_current(catalog: Catalog, known: Mapping[str, Mapping[date, Row]], table: str, start: date) -> bool:
    """Whether a partition is of the current code and newer than all its inputs."""
    model, own = catalog.aggregates[table], known[table][start]
    first, after = model.reads(start, own["period_end"])
    return own["code_version"] == model.code_version and all(
        row["updated_at"] <= own["updated_at"]
        and (source not in catalog.aggregates or _is_current(catalog, known, source, day))
        for source in model.dependencies
        for day, row in known.get(source, {}).items()
        if first <= day < after
    )


def _is_gone(catalog: Catalog, gone: Mapping[str, list[date]], table: str, start: date, end: date) -> bool:
    """Whether the rows of a raw day that a partition is made of were not kept."""
    needed = needed_days(catalog, catalog.aggregates[table], start, end)
    return any(first <= day < after for source, (first, after) in needed.items() for day in gone.get(source, ()))


def _rows_to_read(catalog: Catalog, known: Mapping[str, Mapping[date, Row]], table: str, start: date, end: date) -> int:
    """The number of raw rows that a partition is made of."""
    needed = needed_days(catalog, catalog.aggregates[table], start, end)
    return sum(
        row["rows"]
        for source, (first, after) in needed.items()
        if source in catalog.contracts
        for day, row in known.get(source, {}).items()
        if first <= day < after
    )


def _compare(
    database: Database, catalog: Catalog, model: Model, start: date, end: date, sample: Sample,
    recompute: Recompute = derive,
) -> Finding:  # fmt: skip
    """Compare the sampled rows of a partition.

    Each side gives its `count` rows with the smallest hashes; only the `count` smallest of both sides together are
    compared. So a row that one side lacks is found: if it were there, it would be among the first of that side, too.
    """
    published = {key_text(model, row): row for row in stored(database, model, start, end, sample)}
    derived = {key_text(model, row): row for row in recompute(database, catalog, model, start, end, sample)}
    keys = sorted({*published, *derived}, key=lambda key: rank(sample, key))
    keys = [*keys[: sample.count], *(key for key in keys[sample.count :] if key in sample.keys)]
    differences = [
        Difference(model.table, start, key, column, old, new)
        for key in keys
        for column in model.columns
        if (old := published.get(key, {}).get(column)) != (new := derived.get(key, {}).get(column))
    ]
    return Finding(model.table, start, end, len(keys), differences)


def _result(finding: Finding) -> CheckResult:
    return CheckResult(
        finding.table, CHECK, finding.start, finding.end, not finding.differences, "error", DESCRIPTION,
        len(finding.differences), [vars(difference) for difference in finding.differences[:SAMPLE_ROWS]],
    )  # fmt: skip
