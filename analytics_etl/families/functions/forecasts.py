"""Forecasts of a day, as of its end."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa

from analytics_etl.families.functions.json_rows import batch_of
from analytics_etl.families.functions.series import stored_series
from analytics_etl.signals.forecasting.forecast import Domain, ForecastRow, forecast, standard_horizons
from analytics_etl.signals.series import DAY

DAYS_READ = 400
_EPOCH = date(1970, 1, 1)
_DOMAINS = {"ratio": Domain.RATIO, "percent": Domain.PERCENT, "score": Domain.PERCENT}
"""By unit; all others are counts of something."""


def forecasts(batches: Iterator[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """A row for each day with a point, series and horizon; the SELECT gives the points by series and bucket."""
    for stored in stored_series(batches):
        facts, series = stored.facts, stored.series
        since = (facts["since"] - _EPOCH).days * DAY
        domain = _DOMAINS.get(facts["unit"], Domain.COUNT)
        for at in series.times[series.times >= since].tolist():
            past = series.between(at - (DAYS_READ - 1) * DAY, at + DAY)
            rows = forecast(past, standard_horizons(DAY), domain)
            yield batch_of(
                [
                    {
                        **{name: facts[name] for name in ("series_id", "metric", "unit", "tenant_id")},
                        "day": _day(at),
                        "forecast_day": _day(row.bucket),
                        **_figures(row),
                    }
                    for row in rows
                ],
                schema,
            )


def _figures(row: ForecastRow) -> dict[str, object]:
    return {
        "steps": row.steps,
        "predicted_value": row.predicted,
        "lower_80": row.lower_80,
        "upper_80": row.upper_80,
        "lower_95": row.lower_95,
        "upper_95": row.upper_95,
        "confidence_ratio": row.confidence,
        "method": row.method,
        "reason": row.reason,
    }


def _day(time: int) -> date:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time)).date()
