"""What all kinds of assets share: keys, freshness, metadata of columns, lineage and changes, and retries."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any

import dagster as dg

from analytics_etl.catalog.calendar import Cadence
from analytics_etl.catalog.models import Model, column_lineage
from analytics_etl.ops.changes import CHANGE_CHECK, CHANGE_DESCRIPTION, ChangeRefusedError, changes_of_run
from analytics_etl.orchestration.evaluations import Finding, evaluations, judged_materializations
from analytics_etl.postgres.columns import column_types
from analytics_etl.postgres.database import Database
from analytics_etl.postgres.failures import is_lost, wait_until_back
from analytics_etl.text.visible import visible

FRESHNESS: dict[Cadence, dg.FreshnessPolicy] = {
    # The schedules start at 00:05 UTC; two hours later the period must be there.
    "day": dg.FreshnessPolicy.cron(deadline_cron="5 2 * * *", lower_bound_delta=timedelta(hours=2)),
    "week": dg.FreshnessPolicy.cron(deadline_cron="5 3 * * 1", lower_bound_delta=timedelta(hours=3)),
    "month": dg.FreshnessPolicy.cron(deadline_cron="5 4 1 * *", lower_bound_delta=timedelta(hours=4)),
}
CELL_LENGTH = 200
"""Characters of a cell in a Markdown table."""
_PIPE = re.compile(r"(\\*)\|")
HOURLY = dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=3), warn_window=timedelta(hours=2))


def asset_key(table: str) -> dg.AssetKey:
    """`schema.table` -> the asset `schema/table`."""
    return dg.AssetKey(table.split("."))


def landing_key(table: str) -> dg.AssetKey:
    """The landing folder an event table is loaded from."""
    return dg.AssetKey(["landing", table.split(".")[1]])


def column_schema(docs: Mapping[str, str], types: Mapping[str, str] | None = None) -> dg.TableSchema:
    """Columns with their documentation and types, for the asset's page."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(name, type=(types or {}).get(name, ""), description=text) for name, text in docs.items()
        ]
    )


def lineage_metadata(model: Model, database: Database) -> dict[str, Any]:
    """Column lineage from the SQL, and column types from the database."""
    schema = database.run(column_types, [*model.dependencies, model.table])
    lineage = column_lineage(model, schema)
    return {
        "dagster/column_lineage": dg.TableColumnLineage(
            deps_by_column={
                column: [dg.TableColumnDep(asset_key=asset_key(table), column_name=name) for table, name in sources]
                for column, sources in lineage.items()
            }
        ),
        "dagster/column_schema": column_schema(model.columns, schema[model.table]),
    }


def statement_metadata(model: Model) -> dict[str, Any]:
    """Table, SELECT and key, for the asset's page."""
    return {
        "dagster/table_name": model.table,
        "select": dg.MetadataValue.md(f"```sql\n{model.select}\n```"),
        "key": ", ".join(model.key),
    }


ACCEPT_CHANGE_TAG = "analytics_etl/accept_change"
"""A tag of runs. With the value true, the run publishes changes of final periods however large they are."""


def change_check(table: str, partitions: dg.TimeWindowPartitionsDefinition) -> dg.AssetCheckSpec:
    """The check that a final period does not change much; it fails before anything is published."""
    return dg.AssetCheckSpec(
        CHANGE_CHECK,
        asset=asset_key(table),
        blocking=True,
        description=f"{CHANGE_DESCRIPTION} To publish a larger change, run it with the tag {ACCEPT_CHANGE_TAG}=true.",
        partitions_def=partitions,
    )


def is_change_accepted(context: dg.AssetExecutionContext) -> bool:
    return context.run.tags.get(ACCEPT_CHANGE_TAG) == "true"


def change_results(
    context: dg.AssetExecutionContext, spec: dg.AssetCheckSpec, table: str, database: Database,
    starts: Iterable[date], refused: ChangeRefusedError | None = None,
) -> Iterator[Any]:  # fmt: skip
    """Yield the evaluation of the change check for each partition; to be called after the materialization.

    When a change was refused, only the partitions of that change are evaluated: the run wrote no other ones.
    """
    changes: dict[date, list[Mapping[str, Any]]] = {}
    for change in database.run(changes_of_run, table, context.run.run_id):
        changes.setdefault(change["period_start"], []).append(change)
    judged = sorted(starts) if refused is None else [change.start for change in refused.changes]
    findings = [
        Finding(
            start,
            passed=refused is None,
            metadata={
                "changes": dg.MetadataValue.md(table_of_rows(_figures(changes.get(start, [])))),
                **({} if refused is None else {"refused": str(refused)}),
            },
        )
        for start in judged
    ]
    yield dg.Output(None, output_name=spec.get_python_identifier())
    yield from evaluations(spec, findings, judged_materializations(context.instance, asset_key(table), judged))


def change_metadata(table: str, database: Database, run_id: str) -> dict[str, dict[str, Any]]:
    """Partition -> metadata of its change, for each partition that a run changed and published."""
    return {
        change["period_start"].isoformat(): {
            "rows_added": change["rows_added"],
            "rows_removed": change["rows_removed"],
            "rows_changed": change["rows_changed"],
            "change": dg.MetadataValue.md(table_of_rows(_figures([change]))),
        }
        for change in database.run(changes_of_run, table, run_id)
        if change["published"]
    }


def _figures(changes: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Old and new value of each measure that changed, and of the number of rows in any case."""
    found = []
    for change in changes:
        rows = {"old": change["rows_before"], "new": change["rows_after"]}
        code = f"{change['code_version_before']} to {change['code_version_after']}"
        for name, measure in {"rows": rows, **change["measures"]}.items():
            old, new = measure["old"], measure["new"]
            if old != new or name == "rows":
                percent = f"{100 * (new - old) / abs(old):+.2f}" if old else "from nothing"
                found.append(
                    {"period": change["period_start"], "what": name, "old": old, "new": new, "percent": percent,
                     "published": change["published"], "code": code}
                )  # fmt: skip
    return found


@contextmanager
def retrying_lost_connections(database: Database) -> Iterator[None]:
    """Ask Dagster for a retry when the connection to the database was lost; other errors pass through."""
    try:
        yield
    except Exception as error:
        if not is_lost(error):
            raise
        # Wait: Dagster's own tables are in the same database, and Dagster gives up within seconds.
        wait_until_back(database.settings)
        raise dg.RetryRequested(max_retries=3, seconds_to_wait=1) from error


def describe_partitions(
    context: dg.AssetExecutionContext, by_partition: Mapping[str, Mapping[str, Any]], shared: Mapping[str, Any]
) -> None:
    """Attach metadata to each partition of a run; `shared` goes to all of them."""
    for partition, metadata in by_partition.items():
        context.add_asset_metadata({**shared, **metadata}, partition_key=partition)


def table_of_rows(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as a Markdown table. Cells are code, so that Markdown in them is not interpreted."""
    if not rows:
        return "none"
    names = list(rows[0])

    def line(values: Sequence[str]) -> str:
        return "| " + " | ".join(values) + " |"

    body = [line([_code(str(row.get(name))) for name in names]) for row in rows]
    return "\n".join([line(names), line(["---"] * len(names)), *body])


def _code(text: str) -> str:
    """A text as code in a Markdown cell. It cannot end the cell; control and invisible characters are written out."""
    shown = visible(text)[:CELL_LENGTH].replace("`", "'")
    return f"`{_PIPE.sub(_escaped_pipe, shown) or ' '}`"


def _escaped_pipe(found: re.Match[str]) -> str:
    """A pipe that does not end the cell. After an odd number of backslashes it cannot be escaped: it is replaced."""
    slashes = found[1]
    return f"{slashes}¦" if len(slashes) % 2 else f"{slashes}\\|"
