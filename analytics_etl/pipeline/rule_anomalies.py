"""What plain rules would tell of the series: a limit, a multiple of the median, a z-score. To compare, and in no table.

The tables have what the detector tells. Nobody is told of what a rule says here; rules of alerts are for that.
"""

from datetime import timedelta
from itertools import groupby
from typing import Any

from analytics_etl.catalog.catalog import Catalog
from analytics_etl.ops import alerts as points_of_series
from analytics_etl.ops import anomalies as books
from analytics_etl.pipeline.alerts import midnight, series_of_rows
from analytics_etl.pipeline.anomalies import measures_of
from analytics_etl.postgres.database import Database
from analytics_etl.signals.alerts.watching import EPOCH, grain_name
from analytics_etl.signals.anomalies.rows import anomalies_of
from analytics_etl.signals.anomalies.rules import MOST_LONG_BUCKETS, AboveMedian, Limit, RuleMethod, ZScore
from analytics_etl.signals.series import Series
from analytics_etl.signals.words import Measured

LEAST_LATENCY_MS = 100.0
"""What is faster is no anomaly, however much slower than usual."""
METHODS = {
    "limit": RuleMethod(Limit()),
    "median": RuleMethod(AboveMedian(LEAST_LATENCY_MS)),
    "z-score": RuleMethod(ZScore()),
}
"""Of error ratios, of latencies, and of all series."""
_PAST = timedelta(days=MOST_LONG_BUCKETS + 1)
"""The longest past that a rule looks back to, and the point before the first."""
Row = dict[str, Any]


def by_rule(database: Database, catalog: Catalog, name: str, days: int) -> list[Row]:
    """The anomalies of a rule on the newest days, in order, and whether the detector tells one in the same bucket."""
    tables = [table for table in catalog.aggregates if table.endswith(".series")]
    with database.transaction() as connection:
        newest = books.newest_day(connection, tables)
        if newest is None:
            return []
        after = newest + timedelta(days=1)
        first = after - timedelta(days=days)
        of_detector = [table for table in catalog.aggregates if table.endswith(".anomalies")]
        told = {
            (row["family"], row["series_id"], row["bucket"])
            for row in books.begun(connection, of_detector, first, after)
        }
        found: list[Row] = []
        for table in tables:
            family = table.partition(".")[0]
            measures = {
                metric: one for metric, one in measures_of(catalog, family).items() if _is_for(name, metric, one)
            }
            rows = points_of_series.points(connection, table, list(measures), first - _PAST, after)
            for series_id, of in groupby(rows, key=lambda row: row["series_id"]):
                for series in series_of_rows(of, family):
                    found += _of_series(series, series_id, name, measures[series.key.metric])
    kept = [row for row in found if row["bucket"] >= midnight(first)]
    kept.sort(key=lambda row: (row["bucket"], row["family"], row["series_id"]))
    return [{**row, "is_told": (row["family"], row["series_id"], row["bucket"]) in told} for row in kept]


def _is_for(name: str, metric: str, measured: Measured) -> bool:
    return {"limit": metric == "error_ratio", "median": measured.unit == "ms"}.get(name, True)


def _of_series(series: Series, series_id: str, name: str, measured: Measured) -> list[Row]:
    method, key = METHODS[name], series.key
    scores, _ = method.detect(series, None)
    ratios = series.values if key.metric == "error_ratio" else None
    return [
        {
            "bucket": EPOCH + timedelta(microseconds=one.time), "grain": grain_name(series.grain), "family": key.family,
            "tenant_id": key.tenant or None, "series_id": series_id, "severity": str(one.severity),
            "sentence": one.sentence, "method": one.method,
        }
        for one in anomalies_of(series, scores, method.name, measured, ratios).anomalies
    ]  # fmt: skip
