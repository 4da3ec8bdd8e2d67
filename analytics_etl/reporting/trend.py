"""The section `trend` of every family: what happened in each day, week or month up to the period, and its charts."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import Any, NamedTuple

from analytics_etl.reporting import svg, wording
from analytics_etl.reporting.calendar import days_of, next_end, short_label
from analytics_etl.reporting.charts import Figure
from analytics_etl.reporting.period import Column, Period, Row, Value, section

_NOUNS = {"daily": "day", "weekly": "week", "monthly": "month"}


@dataclass(frozen=True)
class Trend:
    """The measures of a family's trend. The query `trend` gives one row for each day with events."""

    noun: str
    """The counted thing in the singular, like `download`."""
    additive: tuple[Column, ...]
    """Columns that are summed over the days of a week or month. The sentence is about the first one."""
    highest: Column
    """A column that cannot be summed: a week or month shows its highest day."""
    ratio: Column
    numerator: tuple[str, ...]
    denominator: tuple[str, ...]
    """The ratio is the sum of the numerator columns over the sum of the denominator columns."""
    ratio_caption: str
    hidden: tuple[str, ...] = ()
    """Additive columns that only the ratio needs."""

    @property
    def lead(self) -> str:
        return self.additive[0][0]

    @property
    def highest_name(self) -> str:
        return f"highest_daily_{self.highest[0]}"


class Panel(NamedTuple):
    """One measure of the trend as a chart."""

    caption: str
    field: str
    write: Callable[[Value], str]
    axis_format: str
    widths: tuple[svg.Width, ...]


def build(trend: Trend, period: Period) -> dict[str, Any]:
    """The section: newest period first."""
    rows = _rows(trend, period)
    known = [row for row in rows if row[trend.lead] is not None]
    noun = _NOUNS[period.cadence]
    parts = _parts(trend, period, rows, known)
    several = period.cadence != "daily"
    columns: list[Column] = [("period_start", noun.capitalize(), period.cadence)]
    columns += [("day_count", "Days with data", "days")] if several else []
    columns += [column for column in trend.additive if column[0] not in trend.hidden]
    columns += [(trend.highest_name, _highest_label(trend, period.cadence), trend.highest[2]), trend.ratio]
    parts = parts or [f"no data, neither of this {noun} nor of the {len(rows) - 1} {noun}s before"]
    return section(f"How did {trend.noun}s develop?", parts, columns, rows[::-1] if known else [])


def draw(trend: Trend, rows: Sequence[Row], report: Mapping[str, Any]) -> list[Figure]:
    """A chart of the lead over the whole width; below it those of the highest and of the ratio, side by side."""
    rows = rows[::-1]
    noun = _NOUNS[report["cadence"]]
    legend = [("accent", f"this {noun}"), ("soft", f"{noun}s before")]
    if any(row["day_count"] == 0 for row in rows):
        legend.append(("gap", "no data"))
    if any(_is_partial(row) for row in rows):
        legend.append(("partial", "some days without data"))
    panels = (
        Panel(f"{trend.noun.capitalize()}s per {noun}", trend.lead, wording.grouped, "~s", ("wide", "narrow")),
        Panel(_highest_label(trend, report["cadence"]), trend.highest_name, wording.grouped, "~s", ("half",)),
        Panel(trend.ratio_caption, trend.ratio[0], wording.ratio, "~%", ("half",)),
    )
    figures: list[Figure] = []
    for panel in panels:
        if any(row[panel.field] is not None for row in rows):
            columns = [_column(row, panel, report) for row in rows]
            pictures = {
                width: svg.draw_columns(columns, panel.axis_format, panel.caption, width) for width in panel.widths
            }
            figures.append(Figure(panel.caption, () if figures else tuple(legend), pictures))
    return figures


def _parts(trend: Trend, period: Period, rows: Sequence[Row], known: Sequence[Row]) -> list[str]:
    noun, lead = _NOUNS[period.cadence], trend.lead
    current = rows[-1] if rows else {}
    parts = []
    if current.get(lead) is not None:
        on = "on" if period.cadence == "daily" else "in"
        parts.append(f"{wording.plural(current[lead], trend.noun)} {on} the {noun}")
        alike = [row[lead] for row in rows[:-1] if _is_alike(row, current, period.cadence)]
        mean = sum(alike) / len(alike) if alike and _is_whole(current) else 0
        if mean:
            one = wording.WEEKDAYS[period.start.weekday()] if period.cadence == "daily" else f"complete {noun}"
            before = f"the mean of {wording.plural(len(alike), one)}" if len(alike) > 1 else f"the only {one}"
            growth = wording.change(current[lead] / mean - 1)
            parts.append(f"{growth} against {before} before, {wording.count(round(mean))}")
    if known:
        best = max(known, key=lambda row: row[lead])
        if current.get(lead) is None or best[lead] > current[lead]:
            label = _label(period, best["period_start"])
            parts.append(f"the highest was {wording.count(best[lead])} ({label})")
    first, last = max(rows[0]["period_start"], period.first_day), min(period.end - timedelta(1), period.newest_day)
    expected = max((last - first).days + 1, 0)  # neither days before the first one nor days to come
    empty = expected - sum(row["day_count"] for row in rows)
    if empty > 0 and known:
        parts.append(f"{empty} of {expected} days {wording.verb(empty, 'has', 'have')} no data")
    return parts


def _rows(trend: Trend, period: Period) -> list[dict[str, Any]]:
    """One row per day, week or month of the trend, oldest first; None where a period has no data."""
    first, end = period.windows["trend"].start, period.windows["trend"].end
    while first < period.start and next_end(period.cadence, first) <= period.first_day:
        first = next_end(period.cadence, first)  # before the first day there is nothing to show, not even a gap
    bounds = [first]
    while bounds[-1] < end:
        bounds.append(next_end(period.cadence, bounds[-1]))
    by_day = {row["day"]: row for row in period.rows.get("trend", ())}
    rows = []
    for start, after in pairwise(bounds):
        inside = [by_day[day] for day in days_of(start, after) if day in by_day]
        names = [name for name, _, _ in trend.additive]
        sums = {name: sum(row[name] for row in inside) if inside else None for name in names}
        rows.append(
            {
                "period_start": start,
                "day_count": len(inside),
                "expected_day_count": (after - start).days,
                **sums,
                trend.highest_name: max((row[trend.highest[0]] for row in inside), default=None),
                trend.ratio[0]: _ratio(trend, sums),
            }
        )
    return rows


def _ratio(trend: Trend, sums: Mapping[str, int | None]) -> float | None:
    whole = sum(sums[name] or 0 for name in trend.denominator)
    return sum(sums[name] or 0 for name in trend.numerator) / whole if whole else None


def _highest_label(trend: Trend, cadence: str) -> str:
    label = trend.highest[1]
    return label if cadence == "daily" else f"Highest daily {label[0].lower()}{label[1:]}"


def _column(row: Row, panel: Panel, report: Mapping[str, Any]) -> svg.Column:
    value = row[panel.field]
    label = short_label(report["cadence"], date.fromisoformat(row["period_start"]))
    days = f" ({row['day_count']} of {row['expected_day_count']} days)" if _is_partial(row) else ""
    return svg.Column(
        label,
        value,
        hover=f"{label}: {'no data' if value is None else panel.write(value)}{days}",
        is_current=row["period_start"] == report["period"]["start"],
        is_partial=_is_partial(row),
    )


def _is_partial(row: Row) -> bool:
    return bool(0 < row["day_count"] < row["expected_day_count"])


def _is_whole(row: Row) -> bool:
    return bool(row["day_count"] == row["expected_day_count"])


def _is_alike(row: Row, current: Row, cadence: str) -> bool:
    """Whether the current period can be compared with one before: whole, and of days the same weekday."""
    apart = (current["period_start"] - row["period_start"]).days
    return _is_whole(row) and (cadence != "daily" or apart % 7 == 0)


def _label(period: Period, start: date) -> str:
    if period.cadence == "daily":
        return f"{wording.WEEKDAYS[start.weekday()]} {wording.day(start)}"
    if period.cadence == "weekly":
        return f"week {start.isocalendar().week}, {wording.day_range(start, next_end('weekly', start))}"
    return f"{wording.MONTHS[start.month - 1]} {start.year}"
