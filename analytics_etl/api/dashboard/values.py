"""What a page of the dashboard is made of: cards, sections with charts, tables with links and a CSV of each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal
from urllib.parse import urlencode

from analytics_etl.api.periods import ONE_DAY, Days, days_of
from analytics_etl.families.queries import Coverage, Row
from analytics_etl.postgres.database import Database
from analytics_etl.reporting import svg, wording
from analytics_etl.reporting.calendar import short_label
from analytics_etl.reporting.charts import BARS_SHOWN, Figure, bar_figure

Number = int | float | None
FEWEST_COLUMNS = 14
"""Days of a chart at least: of one day alone nothing can be seen."""


@dataclass(frozen=True)
class Question:
    """What a page is asked."""

    database: Database
    period: str
    limit: int = 50
    """Rows of a table that goes on in pages."""
    cursor: str | None = None
    search: str = ""
    tenant: str | None = None
    """Only what is of this tenant; empty: of the platform itself."""

    def days(self, table: str) -> Days:
        """The days of the period, up to the newest one of a table."""
        return days_of(self.database, table, self.period)

    def link(self, path: str, **parameters: str) -> str:
        """A path of the dashboard with parameters and this period."""
        return f"{path}?{urlencode({**parameters, 'period': self.period})}"


@dataclass(frozen=True)
class Card:
    """One figure: its value, what it was before, and its days as a line."""

    label: str
    value: Number
    kind: str = "count"
    previous: Number = None
    before: str = ""
    """What `previous` is of, in a few words."""
    better: Literal["lower", "higher"] | None = None
    line: Sequence[float | None] = ()

    @property
    def difference(self) -> float | None:
        return None if self.value is None or self.previous is None else self.value - self.previous

    @property
    def change(self) -> str:
        """The change in words; empty if there is none to tell."""
        if self.value is None or self.previous is None:
            return ""
        if self.kind == "ratio":
            return wording.points(self.value - self.previous)
        return wording.change(self.value / self.previous - 1) if self.previous else ""

    @property
    def verdict(self) -> str:
        """Better or worse; empty where neither is known, and for a change that rounds to nothing."""
        if not self.difference or self.better is None or self.change.startswith("±"):
            return ""
        return "better" if (self.difference > 0) == (self.better == "higher") else "worse"


@dataclass(frozen=True)
class Table:
    """Rows as a table of a page, which its CSV has in full."""

    name: str
    """Unique on its page; the CSV is called by it."""
    rows: Sequence[Row]
    labels: Mapping[str, str]
    """{column: its heading}: the columns that are shown."""
    links: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """{column: {value as text: path}}."""
    next_link: str | None = None
    """The page of the rows after these."""
    kinds: Mapping[str, str] = field(default_factory=dict)
    """{column: what it holds}, where its name and values do not say it."""


@dataclass(frozen=True)
class Section:
    """One question with its answer."""

    heading: str
    table: Table
    figures: Sequence[Figure] = ()
    sentence: str = ""
    empty: str = "There is nothing in these days."
    """What is said when there are no rows."""


@dataclass(frozen=True)
class Page:
    """A page of the dashboard."""

    title: str
    place: str
    """Path of the entry of the navigation that it belongs to."""
    sections: Sequence[Section] = ()
    cards: Sequence[Card] = ()
    days: Days | None = None
    note: str = ""
    """What the reader must know before the numbers: missing days."""
    search: str | None = None
    """The words of the search field; None = no such field."""
    tenants: Sequence[str] | None = None
    """Those that can be chosen, the platform itself as an empty text; None = the page has no such choice."""
    tenant: str | None = None
    """The chosen one."""
    badge: tuple[str, str] | None = None
    """(tone, word) of the state beside the title."""
    path: str = ""
    """Its own path; that of its place if it is empty."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    """What the page is about, as its path says it; the links of the periods keep it."""


def links(question: Question, rows: Sequence[Row], column: str, path: str, parameter: str) -> dict[str, str]:
    """{value as text: path of its page} of a column."""
    return {
        text: question.link(path, **{parameter: text}) for text in (str(row[column]) for row in rows if row[column])
    }


def next_link(question: Question, path: str, cursor: str | None, **parameters: str) -> str | None:
    """The path of the next rows."""
    return None if cursor is None else question.link(path, **parameters, cursor=cursor)


def daily_figure(rows: Sequence[Row], column: str, days: Days, caption: str, kind: str = "count") -> list[Figure]:
    """Vertical bars of a column by day; the days of the period stand out from those before. Nothing without a value."""
    known = {row["day"]: row[column] for row in rows}
    length = (days.last - days.first + ONE_DAY).days
    first = days.last - (max(length, FEWEST_COLUMNS) - 1) * ONE_DAY
    shown = [first + number * ONE_DAY for number in range((days.last - first).days + 1)]
    write = {"duration_ms": wording.duration, "ratio": wording.ratio}.get(kind, wording.count)
    columns = [
        svg.Column(label, known.get(day), f"{label}: {write(known.get(day))}", day >= days.first, is_partial=False)
        for day in shown
        for label in [short_label("daily", day)]
    ]
    if not any(column.value is not None for column in columns):
        return []
    axis = "~%" if kind == "ratio" else "~s"
    widths: tuple[svg.Width, ...] = ("wide", "narrow")
    pictures = {width: svg.draw_columns(columns, axis, caption, width) for width in widths}
    legend = (("accent", "these days"), *((("soft", "before"),) if length < FEWEST_COLUMNS else ()))
    return [Figure(caption, legend, pictures)]


def bars(rows: Sequence[Row], name: str, column: str, caption: str, failed: str | None = None) -> list[Figure]:
    """Horizontal bars of the first rows."""
    shown = [row for row in rows if row[column] is not None][:BARS_SHOWN]
    if not shown:
        return []
    write = wording.duration if column.endswith("_ms") else wording.count
    drawn = [
        svg.Bar(str(row[name] or "none"), row[column], write(row[column]), failed=row[failed] if failed else 0)
        for row in shown
    ]
    legend = (("accent", "succeeded"), ("bad", "failed")) if failed else ()
    return [bar_figure(drawn, caption, legend)]


def missing_note(coverage: Coverage | None, days: Days) -> str:
    """A sentence about days that the numbers of a page lack; empty if they lack none of these."""
    if coverage is None:
        return ""
    gaps = [
        wording.day_range(max(first, days.first), min(last, days.last) + ONE_DAY)
        for first, last in coverage.missing
        if first <= days.last and last >= days.first
    ]
    dropped = [day for day in coverage.dropped if days.first <= day <= days.last]
    return wording.sentence([
        f"not loaded: {', '.join(gaps)}" if gaps else "", f"not kept: {wording.day_list(dropped)}" if dropped else "",
    ])  # fmt: skip


def without(labels: Mapping[str, str], column: str) -> dict[str, str]:
    """The columns of a table but one, which is the same in each of its rows."""
    return {name: label for name, label in labels.items() if name != column}


def is_whole(coverage: Coverage | None, days: Days) -> bool:
    """Whether an answer about more days lacks none of these."""
    return coverage is not None and not any(
        first <= days.last and last >= days.first for first, last in coverage.missing
    )


def within(rows: Sequence[Row], days: Days) -> list[Row]:
    """The rows of these days."""
    return [row for row in rows if days.first <= row["day"] <= days.last]


def by_day(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Rows of days whose bucket is a moment, with their day before it."""
    return [{"day": row["bucket"].date(), **row} for row in rows]


def day_line(rows: Sequence[Row], column: str, first: date, last: date) -> list[float | None]:
    """The values of a column, day by day."""
    known = {row["day"]: row[column] for row in rows}
    return [known.get(first + number * ONE_DAY) for number in range((last - first).days + 1)]


def summed_cards(rows: Sequence[Row], labels: Mapping[str, str], days: Days, *, is_comparable: bool) -> list[Card]:
    """Cards of columns that add up, over the days and over as many before them."""
    now, before = within(rows, days), within(rows, days.before)
    before_days = [days.before.first + number * ONE_DAY for number in range((days.last - days.first).days + 1)]
    words = wording.day_list(before_days)
    return [
        Card(
            label, sum(row[column] or 0 for row in now) if now else None,
            previous=sum(row[column] or 0 for row in before) if is_comparable and before else None,
            before=words, line=day_line(rows, column, days.before.first, days.last),
            better="lower" if column in ("error_count", "failure_count") else None,
        )
        for column, label in labels.items()
    ]  # fmt: skip
