"""The page of signals: what was unusual, with the band of what is usual, and what is expected next."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from analytics_etl.api.dashboard.values import Card, Page, Question, Section, Table
from analytics_etl.api.periods import ONE_DAY, Days
from analytics_etl.catalog.catalog import Catalog
from analytics_etl.families.queries import Row
from analytics_etl.families.queries.coverage import are_there
from analytics_etl.ops.partitions import newest_day
from analytics_etl.reporting import signals, svg, wording
from analytics_etl.reporting.bands import draw_band
from analytics_etl.reporting.charts import Figure

MOST_FORECASTS = 3
"""Forecasts with a chart."""
_SEVERITIES = ("critical", "high", "medium", "low")
_ANOMALIES = {
    "severity": "Severity", "bucket": "Began", "family": "Family", "metric": "Metric", "of": "Of",
    "sentence": "What happened", "cause": "Because of", "incident_id": "Incident",
}  # fmt: skip
_FORECASTS = {
    "family": "Family", "metric": "Metric", "value": "Now", "forecast_day": "Day", "predicted_value": "Expected",
    "lower_80": "80 % from", "upper_80": "To", "confidence_ratio": "Held so far", "reason": "Why there is none",
}  # fmt: skip


def overview(question: Question) -> Page:
    """The anomalies and forecasts of all families."""
    catalog = Catalog.of(question.database.settings)
    families = [table.split(".")[0] for table in catalog.aggregates if table.endswith(".anomalies")]
    newest = question.database.run(newest_day, [f"{family}.anomalies" for family in families])
    last = newest or question.database.settings.start_date
    days = Days(last - (int(question.period.removesuffix("d")) - 1) * ONE_DAY, last)
    begun = [
        {**row, "of": row["entity"] or "all"} for row in _rows(question, catalog, families, "begun_anomalies", days)
    ]
    begun.sort(key=lambda row: _SEVERITIES.index(row["severity"]))
    expected = list(_rows(question, catalog, families, "newest_forecasts", days))
    worst = sum(row["severity"] in ("critical", "high") for row in begun)
    drawn = [row for row in begun if row["recent_points"]]
    return Page(
        "Signals", "/signals",
        [
            Section(
                "What was unusual?", Table("anomalies", begun, _ANOMALIES, kinds={"sentence": "text", "cause": "text"}),
                signals.draw_anomalies(drawn, {}), empty="Nothing was unusual in these days.",
            ),
            Section(
                "What is expected next?", Table("forecasts", expected, _FORECASTS, kinds={"reason": "text"}),
                _forecast_figures(expected), empty="Nothing is forecast yet.",
            ),
        ],
        [Card("Anomalies", len(begun)), Card("High or critical", worst)], days,
    )  # fmt: skip


def _rows(question: Question, catalog: Catalog, families: Sequence[str], name: str, days: Days) -> Iterator[Row]:
    """The rows of a report's SELECT of each family, as its reports have them."""
    for family in families:
        model = catalog.reports(family)[name]
        if are_there(question.database, list(model.dependencies)):
            for row in question.database.query(model.select, None, days.first, days.last + ONE_DAY):
                yield {"family": family, **row}


def _forecast_figures(rows: Sequence[Row]) -> list[Figure]:
    """What the first series are now and expected to be, with the intervals."""
    series: dict[tuple[str, str, Any], list[Row]] = defaultdict(list)
    for row in rows:
        if row["predicted_value"] is not None and row["value"] is not None:
            series[row["family"], row["metric"], row["value"]].append(row)
    figures = []
    for (family, metric, value), found in list(series.items())[:MOST_FORECASTS]:
        points = [(value, None, None), *((row["predicted_value"], row["lower_80"], row["upper_80"]) for row in found)]
        caption = f"{wording.name(metric)} of {family}, up to {wording.day(found[-1]['forecast_day'])}"
        legend = (("accent", "now, then what is expected"), ("gap", "80 % of the values"))
        widths: tuple[svg.Width, ...] = ("wide", "narrow")
        pictures = {width: draw_band(points, caption, width, svg.ACCENT) for width in widths}
        figures.append(Figure(caption, legend, pictures))
    return figures
