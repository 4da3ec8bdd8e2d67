"""The overview: what the newest daily report of each family says is wrong, first things first, in plain sentences.

Incidents of anomalies that began together are one, whichever families they are of.
What is of low severity is counted only: it is in the reports.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any

from analytics_etl.catalog.calendar import report_path
from analytics_etl.reporting import wording
from analytics_etl.reporting.signals import others_at_once

LEVELS = ("critical", "high", "medium", "low")
"""From the worst on."""
_KINDS = ("failure", "alert", "missing", "anomaly", "notice")
"""Of one level, in this order."""
_OF_ANOMALIES = "anomaly_deviation"
"""The metric of alerts on anomalies, which are told as such."""
_MINOR_NOTICES = ("rejected", "changed")
"""Kinds of notices that take nothing away from the numbers; the others say that some are missing or not checked."""
APART = timedelta(minutes=15)
"""Incidents that begin within it after the first belong together, as anomalies of a family do."""
Item = dict[str, Any]


def build_overview(summaries: Iterable[Mapping[str, Any]], schema_version: int) -> dict[str, Any]:
    """The value of the overview, of summaries of the newest daily report of each family."""
    ordered = sorted(summaries, key=lambda summary: summary["family"])
    incidents = [incident for summary in ordered for incident in summary["incidents"]]
    found = [item for summary in ordered for item in summary["items"]]
    known = sorted([*found, *map(_incident_item, _together(incidents))], key=_place)
    items = [item for item in known if item["severity"] != LEVELS[-1]]
    counts = {level: sum(item["severity"] == level for item in items) for level in LEVELS}
    said = [f"{number} {level}" for level, number in counts.items() if number]
    first = f"; the first: {items[0]['family']}: {items[0]['what']}" if items else ""
    parts = [f"{', '.join(said)}{first}" if items else "nothing that anybody has to look at"]
    if minor := len(known) - len(items):
        parts.append(
            f"{wording.plural(minor, 'matter')} of low severity {wording.verb(minor, 'is', 'are')} in the reports"
        )
    return {
        "schema_version": schema_version,
        "title": "What is wrong",
        "sentence": wording.sentence(parts),
        "items": items,
        "reports": [{name: summary[name] for name in ("family", "label", "href")} for summary in ordered],
    }


def summary_of(report: Mapping[str, Any]) -> dict[str, Any]:
    """What the overview says of a report: where it is, and what is wrong by it."""
    period = report["period"]
    rows = {section["name"]: section["rows"] for section in report["sections"]}
    return {
        "family": report["family"],
        "label": period["label"],
        "href": _href(report),
        "items": [*_items(report, rows)],
        "incidents": [*_incidents(report, rows.get("incidents", ()))],
    }


def _items(report: Mapping[str, Any], rows: Mapping[str, Iterable[Mapping[str, Any]]]) -> Iterator[Item]:
    state = report["state"]
    if state["is_failed"]:
        yield _item(report, "critical", "failure", state["sentence"])
    elif not state["is_complete"] and not state["is_under_way"]:
        yield _item(report, "high", "missing", state["sentence"])
    yield from _alerts(report, rows.get("alerts", ()))
    for notice in state["notices"]:
        if notice["kind"] != "failed":  # it is told already
            severity = "low" if notice["kind"] in _MINOR_NOTICES else "medium"
            yield _item(report, severity, "notice", notice["sentence"])


def _alerts(report: Mapping[str, Any], rows: Iterable[Mapping[str, Any]]) -> Iterator[Item]:
    """The open alerts, those of one rule and severity as one."""

    def together(row: Mapping[str, Any]) -> tuple[int, str]:
        return LEVELS.index(row["severity"]), row["rule"]

    still = [row for row in map(_complete, rows) if row["resolved_at"] is None and row["metric"] != _OF_ANOMALIES]
    for (level, rule), group in groupby(sorted(still, key=together), key=together):
        first, *others = group
        state = {"acknowledged": ", taken in hand", "no data": ", no data now"}.get(first["status"], "")
        since = _since(first["since"], report["period"]["start"])
        more = f"; and {wording.plural(len(others), 'more alert')} of {wording.words(rule)}" if others else ""
        yield _item(report, LEVELS[level], "alert", f"{first['sentence']} since {since}{state}{more}")


def _incidents(report: Mapping[str, Any], rows: Iterable[Mapping[str, Any]]) -> Iterator[Item]:
    """The incidents of a report: items without the others at the same time, with what is needed to find those."""
    for row in rows:
        cause = f", because of {wording.name(row['cause'])}" if row["cause"] else ""
        item = _item(report, row["severity"], "anomaly", f"{row['sentence']}{cause}")
        yield {**item, "begins_at": row["begins_at"], "series_count": row["series_count"]}


def _together(incidents: Iterable[Item]) -> Iterator[list[Item]]:
    """Those that began at the same time, the worst first."""
    groups: list[list[Item]] = []
    for one in sorted(incidents, key=_beginning):
        if not groups or _beginning(one) > _beginning(groups[-1][0]) + APART:
            groups.append([])
        groups[-1].append(one)
    for group in groups:
        yield sorted(group, key=lambda one: (LEVELS.index(one["severity"]), -one["series_count"], one["family"]))


def _incident_item(group: list[Item]) -> Item:
    """The worst incident of a group, and how much more there is, in which other families."""
    worst = group[0]
    others = others_at_once(sum(one["series_count"] for one in group))
    families = [family for family in dict.fromkeys(one["family"] for one in group) if family != worst["family"]]
    where = f", also in {', '.join(families)}" if families else ""
    item = {name: value for name, value in worst.items() if name not in ("begins_at", "series_count")}
    return {**item, "what": f"{worst['what']}{others}{where}"}


def _beginning(incident: Item) -> datetime:
    return datetime.fromisoformat(incident["begins_at"])


def _complete(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """An alert of a report; those of earlier versions have its key only."""
    key = row["alert_key"]
    return {"metric": None, "rule": key.partition("{")[0], "sentence": key, "since": row["triggered_at"], **row}


def _since(moment: str, day: str) -> str:
    """A moment in UTC as a person says it on a day: 14:05, 29 November, 29 November 14:05."""
    at = datetime.fromisoformat(moment)
    clock = "" if (at.hour, at.minute) == (0, 0) else f"{at:%H:%M}"
    if at.date() == date.fromisoformat(day) and clock:
        return clock
    return f"{wording.day(at.date())} {clock}".rstrip()


def _item(report: Mapping[str, Any], severity: str, kind: str, what: str) -> Item:
    day = report["period"]["label"]
    return {"severity": severity, "kind": kind, "family": report["family"], "what": what, "day": day,
            "href": _href(report)}  # fmt: skip


def _href(report: Mapping[str, Any]) -> str:
    return report_path(report["family"], "daily", date.fromisoformat(report["period"]["start"]))


def _place(item: Item) -> tuple[int, int, str, str]:
    return LEVELS.index(item["severity"]), _KINDS.index(item["kind"]), item["family"], item["what"]
