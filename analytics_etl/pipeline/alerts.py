"""Judging alerts day by day from the series, and what is to be told of them. What people see is in `alert_queries`.

A day is judged from the state at the end of the judged day before it. A day that was published again is judged again,
with all days after it, so any order of days gives the same transitions.
"""

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from analytics_etl.catalog.catalog import Catalog
from analytics_etl.ops import alerts as books
from analytics_etl.ops import live
from analytics_etl.pipeline.alert_rules import rules_in_use
from analytics_etl.pipeline.anomalies import measures_of
from analytics_etl.postgres.connection import Connection
from analytics_etl.postgres.database import Database
from analytics_etl.signals.alerts.machine import Evaluation, evaluate
from analytics_etl.signals.alerts.matching import matchers_of
from analytics_etl.signals.alerts.notices import Notice, ToldState, notices, told_from_json, told_to_json
from analytics_etl.signals.alerts.rules import Absent, Change, Rule, alert_key, leaves
from analytics_etl.signals.alerts.sentences import DEVIATION, OFF_A_LINE, Measures, sentence
from analytics_etl.signals.alerts.silences import Recurrence, Silence
from analytics_etl.signals.alerts.states import (
    OPEN,
    AlertState,
    Command,
    Status,
    Transition,
    from_json,
    initial,
    to_json,
)
from analytics_etl.signals.alerts.watching import EPOCH, alerts_of, points_of
from analytics_etl.signals.series import DAY, HOUR, Series, SeriesKey
from analytics_etl.signals.words import Measured

OWN = "ops"
"""The family of the pipeline's own series."""
HISTORY = timedelta(days=2)
"""What happened longer ago is recorded and not told: somebody loads history."""
_DAY = timedelta(days=1)
_GRAINS = {"1h": HOUR, "1d": DAY}
_OWN_MEASURES = {
    "published_rows": Measured("count"),
    "publish_duration_ms": Measured("ms", "table"),
    "rejected_ratio": Measured("ratio", "table"),
}


def judge(database: Database, catalog: Catalog, rules: Mapping[str, Rule] | None = None) -> int:
    """Judge the days that are due, and all days after the first of them; return how many there were."""
    keep_days = database.settings.alert_keep_days
    with database.transaction() as connection:
        tables = watched_tables(catalog)
        if not tables or not books.unjudged_days(connection, tables, keep_days):
            return 0
        books.begin_judging(connection)
        due = books.unjudged_days(connection, tables, keep_days)  # another process may have judged them
        if not due:
            return 0
        days = books.days_of(connection, tables, due[0])
        in_use = rules_in_use(connection, catalog) if rules is None else rules
        judging = _Judging(in_use, timedelta(days=keep_days))
        judging.take_states(map(from_json, books.states_before(connection, due[0])))
        books.forget_from(connection, due[0])
        said, measures = commands_after(connection, midnight(due[0])), all_measures(catalog)
        for day in days:
            series = series_of_days(connection, catalog, judging.rules.values(), day, day)
            found = judging.judge_day(day, series, said)
            books.record_day(connection, day, judging.kept(), _rows(found, judging.rules, measures))
        books.forget_before(connection, keep_days)
        live.tell(connection, "alerts")
        return len(days)


def watched_tables(catalog: Catalog) -> list[str]:
    """The tables that alerts are judged from."""
    return [table for table in catalog.aggregates if table.split(".")[1] in ("series", "anomalies")]


def series_of_days(
    connection: Connection, catalog: Catalog, rules: Iterable[Rule], first: date, last: date
) -> list[Series]:  # fmt: skip
    """The points of the days first to last of all series that rules read."""
    metrics = sorted({selector.metric for rule in rules for selector in rule.selectors})
    after = last + _DAY
    found: list[Series] = []
    for table in watched_tables(catalog):
        family, name = table.split(".")
        if name == "series":
            found += series_of_rows(books.points(connection, table, metrics, first, after), family)
        elif DEVIATION in metrics:
            found += series_of_rows(books.deviations(connection, table, first, after, OFF_A_LINE), family, DEVIATION)
    for row in books.own_points(connection, first, after):
        key = SeriesKey("", OWN, row["entity"], row["metric"])
        found.append(Series.of(key, DAY, [_micros(midnight(row["day"]))], [row["value"]]))
    return _joined(found)


def all_measures(catalog: Catalog) -> Measures:
    """What the series that rules read say of their numbers: those of the families, and the pipeline's own."""
    families = {family: measures_of(catalog, family) for family, _ in catalog.measures}
    return {
        (family, metric): measured
        for family, of_family in {**families, OWN: _OWN_MEASURES}.items()
        for metric, measured in of_family.items()
    }


def midnight(day: date) -> datetime:
    """The beginning of a day."""
    return datetime.combine(day, time(), UTC)


@dataclass
class _Judging:
    """The alerts of all rules while days are judged one after the other."""

    rules: Mapping[str, Rule]
    keep: timedelta
    """How long an alert that is over is remembered."""
    states: dict[str, AlertState] = field(default_factory=dict)

    def take_states(self, states: Iterable[AlertState]) -> None:
        """Go on from the end of a judged day."""
        self.states = {alert_key(state.rule, state.labels): state for state in states if state.rule in self.rules}

    def judge_day(self, day: date, series: Sequence[Series], said: Mapping[str, list[Command]]) -> list[Transition]:
        """Judge all alerts up to the end of a day."""
        until, found = midnight(day + _DAY), []
        for rule in self.rules.values():
            watched = {one.key: one for one in alerts_of(rule, series)}
            known = [key for key, state in self.states.items() if state.rule == rule.name]
            for key in sorted({*watched, *known}):
                labels = watched[key].labels if key in watched else self.states[key].labels
                state = self.states.get(key) or initial(rule.name, labels, midnight(day))
                points = points_of(watched[key], state.until, until) if key in watched else []
                commands = [one for one in said.get(key, ()) if state.until < one.at <= until]
                judged = evaluate(rule, state, points, commands, until)
                self.states[key] = judged.state
                found += judged.transitions
        return found

    def kept(self) -> dict[str, Mapping[str, Any]]:
        """The states that the next day needs, as JSON; those of which there is nothing to know are left out."""
        self.states = {key: state for key, state in self.states.items() if not self._is_blank(state)}
        return {key: to_json(state) for key, state in self.states.items()}

    def _is_blank(self, state: AlertState) -> bool:
        """Whether a state made anew would do as well: nothing has happened lately, and its rule looks at one point."""
        rule = self.rules[state.rule]
        looks_back = any(isinstance(one, Absent) or isinstance(one.value, Change) for one in leaves(rule.condition))
        is_idle = state.is_over_since(state.until - self.keep if state.incident else state.until)
        return is_idle and not looks_back and len(rule.selectors) == 1


def notices_to_tell(connection: Connection, catalog: Catalog, now: datetime) -> tuple[list[Notice], dict[str, Rule]]:
    """What is to be told of judged days, and the rules; the caller's transaction hands it over."""
    books.begin_judging(connection)
    last = books.judged_until(connection)
    if last is None:
        return [], {}
    rules, until = rules_in_use(connection, catalog), midnight(last + _DAY)
    stored = books.told(connection)
    told = ToldState(EPOCH) if stored is None else told_from_json(stored)
    if until <= told.until:
        return [], rules
    history = Silence((), EPOCH, now - HISTORY, OWN, "What happened so long ago is history.")
    told = replace(told, open={key: alert for key, alert in told.open.items() if alert.rule in rules})
    happened = [*_found_later(connection, told), *map(transition_of, books.transitions(connection, told.until, until))]
    silences = [history, *map(_silence, books.silences(connection))]
    found, told = notices(rules, told, [one for one in happened if one.rule in rules], silences, until)
    books.set_told(connection, told_to_json(told))
    return found, rules


def _found_later(connection: Connection, told: ToldState) -> Iterator[Transition]:
    """Ends of open alerts that were found when a day that had been told was judged again."""
    known = {row["alert_key"]: row for row in books.transitions(connection, None, told.until)}  # the last one of each
    for key, alert in told.open.items():
        row = known.get(key)
        if row is None or (row["state_after"] not in (*OPEN, Status.NO_DATA)):
            labels = {name: value for name, value in alert.labels.items() if name not in ("alertname", "severity")}
            yield Transition(
                alert.rule, "", labels, alert.incident, told.until + timedelta(microseconds=1), None,
                alert.status, Status.RESOLVED, None, None,
            )  # fmt: skip


def preview(rule: Rule, state: AlertState, said: Sequence[Command]) -> Evaluation:
    """The state with what people said since the last judged day, as if they had said it at its end."""
    moved = [replace(one, at=state.until + timedelta(microseconds=n)) for n, one in enumerate(said, 1)]
    until = state.until + timedelta(microseconds=len(said))
    return evaluate(rule, replace(state, gap_after=None), [], moved, until)


def commands_after(connection: Connection, after: datetime) -> dict[str, list[Command]]:
    """What people did after a moment, by alert."""
    found: dict[str, list[Command]] = {}
    for row in books.commands(connection, after):
        found.setdefault(row["alert_key"], []).append(Command(row["kind"], row["given_at"], row["who"]))
    return found


def series_of_rows(rows: Iterable[Mapping[str, Any]], family: str, metric: str | None = None) -> Iterator[Series]:
    """The series of rows in their order; `metric` takes the place of theirs, which becomes a label."""
    grouped: dict[tuple[SeriesKey, int], list[Mapping[str, Any]]] = {}
    for row in rows:
        labels = dict(json.loads(row["series_labels"]))
        if metric:
            labels["metric"] = row["metric"]
        key = SeriesKey(
            row["tenant_id"] or "", family, row["entity"], metric or row["metric"], tuple(sorted(labels.items()))
        )
        grouped.setdefault((key, _GRAINS[row["grain"]]), []).append(row)
    for (key, grain), of in grouped.items():
        weights = [math.nan if row.get("weight") is None else row["weight"] for row in of]
        yield Series.of(key, grain, [_micros(row["bucket"]) for row in of], [row["value"] for row in of], weights)


def _joined(parts: Iterable[Series]) -> list[Series]:
    """One series for each key and grain."""
    found: dict[tuple[SeriesKey, int], list[Series]] = {}
    for part in parts:
        found.setdefault((part.key, part.grain), []).append(part)
    return [
        of[0] if len(of) == 1 else
        Series.of(key, grain, [t for one in of for t in one.times], [v for one in of for v in one.values])
        for (key, grain), of in found.items()
    ]  # fmt: skip


def _rows(found: Iterable[Transition], rules: Mapping[str, Rule], measures: Measures) -> Iterator[dict[str, Any]]:
    positions: dict[tuple[str, datetime], int] = {}
    for one in found:
        rule, key = rules[one.rule], alert_key(one.rule, one.labels)
        position = positions[key, one.at] = positions.get((key, one.at), -1) + 1
        yield {
            "alert_key": key, "happened_at": one.at, "position": position, "family": one.labels.get("family", ""),
            "severity": rule.severity_in(one.after), "rule": one.rule, "rule_version": one.version,
            "alert_labels": dict(one.labels), "incident": one.incident, "who": one.who,
            "state_before": str(one.before), "state_after": str(one.after), "value": one.value, "since": one.since,
            "metric": rule.metric, "sentence": sentence(rule, one.labels, one.value, measures),
        }  # fmt: skip


def transition_of(row: Mapping[str, Any]) -> Transition:
    """A transition as the books have it."""
    return Transition(
        row["rule"], row["rule_version"], row["alert_labels"], row["incident"], row["happened_at"], row["who"],
        Status(row["state_before"]), Status(row["state_after"]), row["value"], row["since"],
    )  # fmt: skip


def _silence(row: Mapping[str, Any]) -> Silence:
    recurrence = row["recurrence"]
    return Silence(
        matchers_of(row["matchers"]), row["starts_at"], row["ends_at"], row["who"], row["reason"] or "",
        recurrence and Recurrence(
            frozenset(recurrence["weekdays"]), time.fromisoformat(recurrence["start"]),
            time.fromisoformat(recurrence["end"]),
        ),
    )  # fmt: skip


def _micros(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)
