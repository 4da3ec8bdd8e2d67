"""Forecasts of a day, as of its end: of wholes, and of the entities that change most."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyarrow as pa

from analytics_etl.families.functions.json_rows import batch_of
from analytics_etl.families.functions.series import StoredSeries, stored_series
from analytics_etl.signals.forecasting.advice import Limit, recommendation
from analytics_etl.signals.forecasting.forecast import Domain, ForecastRow, forecast, standard_horizons
from analytics_etl.signals.series import DAY
from analytics_etl.signals.words import UNIT_SIGNS, Measured

DAYS_READ = 400
MOST_ENTITIES = 500
"""Series of entities that are forecast on a day: a forecast takes about 0.1 s."""
DAYS_OF_CHANGE = 28
"""How many days before it say how much a series changes."""
_EPOCH = date(1970, 1, 1)
_DOMAINS = {"ratio": Domain.RATIO, "percent": Domain.PERCENT, "score": Domain.PERCENT}
"""By unit; all others are counts of something."""
NOTHING_TOLD: Mapping[str, Measured] = {}


def forecasts(
    batches: Iterator[pa.RecordBatch], schema: pa.Schema, measures: Mapping[str, Measured] = NOTHING_TOLD
) -> Iterator[pa.RecordBatch]:
    """A row for each day with a point, series and horizon; the SELECT gives the points by series and bucket.

    `measures` is {metric: what its series say of their numbers}.
    """
    known = list(stored_series(batches))  # a day has at most as many points as series, so all of them fit into memory
    for day in _days(known):
        for stored in _chosen(known, day):
            facts = stored.facts
            past = stored.series.between(day - (DAYS_READ - 1) * DAY, day + DAY)
            rows = forecast(past, standard_horizons(DAY), _DOMAINS.get(facts["unit"], Domain.COUNT))
            advice = recommendation(rows, _limits(measures.get(facts["metric"])))
            named = {name: facts[name] for name in ("series_id", "metric", "unit", "tenant_id", "entity")}
            yield batch_of(
                [
                    {**named, "day": _day(day), "forecast_day": _day(row.bucket), **_figures(row),
                     "recommendation": advice}
                    for row in rows
                ],
                schema,
            )  # fmt: skip


def _days(known: Sequence[StoredSeries]) -> list[int]:
    """The days of the window on which any series has a point."""
    found: set[int] = set()
    for stored in known:
        since = (stored.facts["since"] - _EPOCH).days * DAY
        found.update(stored.series.times[stored.series.times >= since].tolist())
    return sorted(found)


def _chosen(known: Sequence[StoredSeries], day: int) -> list[StoredSeries]:
    """The series with a point on a day: all wholes, and the entities that changed most before it."""
    present = [stored for stored in known if len(stored.series.between(day, day + DAY))]
    entities = [stored for stored in present if stored.facts["entity"]]
    entities.sort(key=lambda stored: (-_change(stored, day), stored.facts["series_id"]))
    return [*(stored for stored in present if not stored.facts["entity"]), *entities[:MOST_ENTITIES]]


def _change(stored: StoredSeries, day: int) -> float:
    """The standard deviation of the last values in units of their mean."""
    values = stored.series.between(day - (DAYS_OF_CHANGE - 1) * DAY, day + DAY).values
    mean = float(np.abs(values).mean())
    return float(values.std()) / mean if mean else 0.0


def _limits(measured: Measured | None) -> list[Limit]:
    if measured is None or measured.limit is None:
        return []
    unit = UNIT_SIGNS.get(measured.unit, "")
    return [Limit(measured.limit, measured.action, unit, is_floor=measured.bad == "down")]


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
