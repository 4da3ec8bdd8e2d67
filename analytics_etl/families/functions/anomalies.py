"""Anomalies of days: each series is read from a fixed beginning on, so a day's rows depend on nothing but the past.

A state after each day would be larger (22 kB and more of a series) than the past that it stands for, and would tie the
days together: a table would read itself. So the past is read again; docs/anomalies.md has what that takes.
"""

import hashlib
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import groupby
from typing import Any

import numpy as np
import pyarrow as pa

from analytics_etl.families.functions.json_rows import batch_of
from analytics_etl.families.functions.series import StoredSeries, filled, stored_series
from analytics_etl.signals.alerts.watching import labels_of
from analytics_etl.signals.anomalies.calendar import Calendar
from analytics_etl.signals.anomalies.causes import Part, explain
from analytics_etl.signals.anomalies.chance import Kind
from analytics_etl.signals.anomalies.context import Context
from analytics_etl.signals.anomalies.detector import Direction, Sensitivity, detect
from analytics_etl.signals.anomalies.feedback import Feedback, heed, heeded_from
from analytics_etl.signals.anomalies.incidents import group
from analytics_etl.signals.anomalies.rows import Anomaly, anomalies_of
from analytics_etl.signals.anomalies.scores import ASPECTS, Scores
from analytics_etl.signals.anomalies.state import LEAST, VERSION
from analytics_etl.signals.series import DAY, Floats, Series
from analytics_etl.signals.words import Measured, in_domain

ENDED_AFTER = 28 * DAY
"""A series whose absence means 0 has ended when nothing came for so long."""
MEDIAN_OF = 28
"""Points before an anomaly whose median is expected of a part of the total."""
LEAST_SHARE = 0.2
"""Of the median: changes of numbers without bounds that are less are no anomalies."""
_LEAST = {"ratio": (0.02, 0.0), "percent": (5.0, 0.0), "score": (5.0, 0.0)}
"""{unit with bounds: (least change, least share of the median)}"""
_KINDS = {"count": Kind.COUNT, "ratio": Kind.SHARE}
_EPOCH = date(1970, 1, 1)
Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Known:
    """What people know of the series of a family, and what its files call their entities."""

    calendar: Calendar = field(default_factory=Calendar)
    feedback: Mapping[str, Sequence[Feedback]] = field(default_factory=dict)
    """{series_id: what was said of its anomalies}"""
    measures: Mapping[str, Measured] = field(default_factory=dict)
    """{metric: what its series say of their numbers}"""


NOTHING_KNOWN = Known()


def anomalies(
    batches: Iterator[pa.RecordBatch], schema: pa.Schema, known: Known = NOTHING_KNOWN
) -> Iterator[pa.RecordBatch]:
    """A row for each point of the window; the SELECT gives the points in order of series and bucket."""
    told: list[tuple[Anomaly, dict[str, Any]]] = []
    parts: dict[tuple[Any, ...], dict[str, Series]] = {}
    days = np.empty(0, np.int64)
    for stored in stored_series(batches):
        if not stored.facts["series_id"]:
            days = stored.series.times // DAY * DAY
            continue
        series = filled(stored.series, days, ENDED_AFTER) if stored.facts["is_absent_zero"] else stored.series
        rows: Rows = []
        said = known.feedback.get(stored.facts["series_id"], ())
        quiet = known.calendar.of(labels_of(series), series.grain)
        for start, first, end in _stretches(stored, series, heeded_from(said)):
            context = heed(Context(maintenance=quiet), said, end - DAY)
            measured = known.measures.get(stored.facts["metric"], Measured(stored.facts["unit"]))
            found, begun = _of_stretch(stored, series, (start, first, end), context, measured)
            rows += found
            told += begun
        if rows:
            yield batch_of([row for row in rows if not row["is_anomaly"]], schema)
            if stored.facts["unit"] == "count" and stored.facts["entity"]:
                parts.setdefault(_total_of(stored.facts), {})[stored.facts["entity"]] = series
    _explain(told, parts)
    _group(told)
    yield batch_of([row for _, row in told], schema)


def sensitivity_of(measured: Measured) -> Sensitivity:
    """Which changes of a series are told: large ones in its unit, beyond chance, in the direction that is bad."""
    least_change, least_share = _LEAST.get(measured.unit, (0.0, LEAST_SHARE))
    kind = _KINDS.get(measured.unit, Kind.OTHER)
    direction = Direction(measured.bad)
    return Sensitivity(least_change=least_change, least_share=least_share, kind=kind, direction=direction)


def beginning(day: date, grain: str) -> date:
    """Where the past of a day begins: two quarters before its own; of hours, four weeks before its week."""
    if grain != "1d":
        return day - timedelta(days=day.weekday() + 28)
    quarters = 4 * day.year + (day.month - 1) // 3 - 2
    return date(quarters // 4, 3 * (quarters % 4) + 1, 1)


def _stretches(stored: StoredSeries, series: Series, changes: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """(where the past begins, first day, end) of days of the window that have one past, and know the same."""
    since, until = ((stored.facts[name] - _EPOCH).days * DAY for name in ("since", "until"))
    wanted = np.unique(series.between(since, until).times // DAY).tolist()

    def what_counts(day: int) -> tuple[date, int]:
        return beginning(_EPOCH + timedelta(days=day), stored.facts["grain"]), bisect_right(changes, day * DAY)

    for (start, _), of in groupby(wanted, what_counts):
        days = list(of)
        yield (start - _EPOCH).days * DAY, days[0] * DAY, (days[-1] + 1) * DAY


def _of_stretch(
    stored: StoredSeries, series: Series, stretch: tuple[int, int, int], context: Context, measured: Measured
) -> tuple[Rows, list[tuple[Anomaly, dict[str, Any]]]]:
    """The rows of the points of a stretch, and those that begin an anomaly."""
    facts = stored.facts
    start, since, end = stretch
    known = series.between(start, end)
    # Nothing is said of the first points, and most series of small days have no others.
    scores = detect(known, None, context, sensitivity_of(measured), since)[0] if len(known) > LEAST else None
    rows = [_row(facts, known, at, scores) for at in np.flatnonzero(known.times >= since).tolist()]
    if scores is None:
        return rows, []
    by_time = {row["bucket"]: row for row in rows}
    begun = []
    ratios = known.values if facts["metric"] == "error_ratio" else None
    for found in anomalies_of(known, scores, VERSION, measured, ratios).anomalies:
        if found.time in by_time:
            row = by_time[found.time]
            row.update(
                is_anomaly=True,
                severity=str(found.severity),
                direction=found.direction,
                sentence=found.sentence,
                deviation=found.deviation,
            )
            begun.append((found, row))
    return rows, begun


def _row(facts: Mapping[str, Any], series: Series, at: int, scores: Scores | None) -> dict[str, Any]:
    time = int(series.times[at])
    row = {
        **{name: facts[name] for name in ("series_id", "metric", "grain", "unit", "tenant_id", "entity")},
        "series_labels": facts["series_labels"],
        "day": _EPOCH + timedelta(days=time // DAY),
        "bucket": time,
        "value": float(series.values[at]),
        "score": 0.0,
        "is_anomaly": False,
        "method": VERSION,
    }
    if scores is not None and scores.seen[at] >= LEAST:
        row |= {
            "score": float(scores.score[at]),
            "aspect": ASPECTS[scores.aspect[at]],
            "current_value": _finite(scores.current, at),
            "expected_value": _finite(scores.expected, at),
            "lower_value": _bound(scores.lower, at, facts["unit"]),
            "upper_value": _bound(scores.upper, at, facts["unit"]),
            "deviation": _finite(scores.deviation, at),
        }
    return row


def _finite(values: Floats, at: int) -> float | None:
    return float(values[at]) if np.isfinite(values[at]) else None


def _bound(values: Floats, at: int, unit: str) -> float | None:
    return in_domain(float(values[at]), unit) if np.isfinite(values[at]) else None


def _total_of(facts: Mapping[str, Any]) -> tuple[Any, ...]:
    """What the parts of a total have in common with it."""
    return tuple(facts[name] for name in ("metric", "grain", "tenant_id", "series_labels"))


def _explain(
    told: list[tuple[Anomaly, dict[str, Any]]], parts: Mapping[tuple[Any, ...], Mapping[str, Series]]
) -> None:  # fmt: skip
    """Write into the rows of totals which parts explain the change."""
    for found, row in told:
        if row["entity"]:
            continue
        causes = explain(
            {entity: _part(series, found.time) for entity, series in parts.get(_total_of(row), {}).items()}
        )
        row["cause"] = ", ".join(f"{cause.value} {cause.share:.0%}" for cause in causes) or None


def _part(series: Series, time: int) -> Part:
    """What a part was, and the median of what it was before."""
    past = series.between(0, time).values[-MEDIAN_OF:]
    now = series.between(time, time + 1).values
    return Part(float(now[0]) if len(now) else 0.0, float(np.median(past)) if len(past) else 0.0)


def _group(told: list[tuple[Anomaly, dict[str, Any]]]) -> None:
    """Write into the rows which incident they belong to."""
    rows = {(found.key, found.time, row["grain"]): row for found, row in told}
    for day, of_day in groupby(sorted(told, key=lambda each: each[0].time), key=lambda each: each[0].time // DAY):
        members = [(found, row["grain"]) for found, row in of_day]
        for incident in group(found for found, _ in members):
            first = incident.anomalies[0].key
            name = f"{first.family} {first.tenant} {day} {incident.begins}"
            identity = hashlib.blake2b(name.encode(), digest_size=8).hexdigest()
            for found, grain in members:
                if found in incident.anomalies:
                    rows[found.key, found.time, grain]["incident_id"] = identity
