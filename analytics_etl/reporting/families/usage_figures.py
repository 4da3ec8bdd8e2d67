"""The charts of the report of schema usage; its trend is drawn by `trend`."""

from collections.abc import Mapping, Sequence
from typing import Any

from analytics_etl.reporting import svg, wording
from analytics_etl.reporting.charts import BARS_SHOWN, Figure, bar_figure, beside_before, compared_mark
from analytics_etl.reporting.period import Row


def short_id(schema_id: str) -> str:
    """The shortened id of a schema in charts and sentences; the table has the whole id."""
    return f"{schema_id[:8]}…{schema_id[-4:]}"


def called(row: Row) -> str:
    """The name of a schema in charts and sentences: its newest name, or its shortened id."""
    name, schema_id = str(row["schema_name"]), str(row["schema_id"])
    return short_id(schema_id) if name == schema_id else wording.name(name)


def operations(rows: Sequence[Row], _report: Mapping[str, Any]) -> list[Figure]:
    bars = [
        svg.Bar(
            wording.words(row["operation"]),
            row["operation_count"],
            f"{wording.count(row['operation_count'])}  ({wording.ratio(row['operation_ratio'])})",
            failed=row["error_count"],
        )
        for row in rows
    ]
    return [bar_figure(bars, "Operations by kind", (("accent", "succeeded"), ("bad", "failed")))]


def most_used_schemas(rows: Sequence[Row], report: Mapping[str, Any]) -> list[Figure]:
    rows = rows[:BARS_SHOWN]
    bars = [
        svg.Bar(
            called(row),
            row["operation_count"],
            beside_before(row["operation_count"], row["previous_operation_count"]),
            row["previous_operation_count"],
        )
        for row in rows
    ]
    caption = f"The {len(rows)} most used schemas" if len(rows) > 1 else "The only used schema"
    mark = compared_mark(rows, "previous_operation_count", report["cadence"])
    return [bar_figure(bars, caption, (("accent", "operations"), *mark))]


def changing_schemas(rows: Sequence[Row], _report: Mapping[str, Any]) -> list[Figure]:
    grown = [row for row in rows if row["direction"] == "up"][:BARS_SHOWN]
    if not grown:
        return []
    bars = [
        svg.Bar(
            called(row),
            row["growth_ratio"],
            f"{wording.change(row['growth_ratio'])}  ({wording.count(row['previous_operation_count'])} → "
            f"{wording.count(row['operation_count'])})",
        )
        for row in grown
    ]
    caption = (
        f"Growth of the {len(grown)} schemas that grew most"
        if len(grown) > 1
        else "Growth of the only schema that grew"
    )
    return [bar_figure(bars, caption, ())]


def regions(rows: Sequence[Row], report: Mapping[str, Any]) -> list[Figure]:
    used = [row for row in rows if row["operation_count"]][:BARS_SHOWN]
    if not used:
        return []
    bars = [
        svg.Bar(
            row["region"],
            row["operation_count"],
            f"{wording.count(row['operation_count'])}  (mean {wording.duration(row['avg_latency_ms'])})",
            row["previous_operation_count"],
        )
        for row in used
    ]
    mark = compared_mark(rows, "previous_operation_count", report["cadence"])
    return [bar_figure(bars, "Operations by region", (("accent", "operations"), *mark))]


def failing_services(rows: Sequence[Row], _report: Mapping[str, Any]) -> list[Figure]:
    bars = [
        svg.Bar(
            row["service"],
            row["error_count"],
            f"{wording.count(row['error_count'])}  ({wording.ratio(row['error_ratio'])} of its operations)",
        )
        for row in rows[:BARS_SHOWN]
    ]
    return [bar_figure(bars, "Failed operations by service", ())] if bars else []
