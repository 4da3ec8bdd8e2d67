"""The overview: everything that the newest daily report of each family says is wrong, first things first."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from itertools import groupby
from typing import Any

from analytics_etl.catalog.calendar import report_path
from analytics_etl.reporting import wording

LEVELS = ("critical", "high", "medium", "low")
"""From the worst on."""
_KINDS = ("failure", "alert", "missing", "anomaly", "notice")
"""Of one level, in this order."""
Item = dict[str, Any]


def build_overview(summaries: Iterable[Mapping[str, Any]], schema_version: int) -> dict[str, Any]:
    """The value of the overview, of summaries of the newest daily report of each family."""
    ordered = sorted(summaries, key=lambda summary: summary["family"])
    items = sorted((item for summary in ordered for item in summary["items"]), key=_place)
    counts = {level: sum(item["severity"] == level for item in items) for level in LEVELS}
    said = [f"{number} {level}" for level, number in counts.items() if number]
    first = f"; the first: {items[0]['family']}: {items[0]['what']}" if items else ""
    return {
        "schema_version": schema_version,
        "title": "What is wrong",
        "sentence": wording.sentence([f"{', '.join(said)}{first}" if items else "nothing that anybody knows of"]),
        "items": items,
        "reports": [{name: summary[name] for name in ("family", "label", "href")} for summary in ordered],
    }


def summary_of(report: Mapping[str, Any]) -> dict[str, Any]:
    """What the overview says of a report: where it is, and what is wrong by it."""
    period = report["period"]
    return {"family": report["family"], "label": period["label"], "href": _href(report), "items": [*_items(report)]}


def _items(report: Mapping[str, Any]) -> Iterator[Item]:
    state = report["state"]
    rows = {section["name"]: section["rows"] for section in report["sections"]}
    if state["is_failed"]:
        yield _item(report, "critical", "failure", state["sentence"])
    elif not state["is_complete"] and not state["is_under_way"]:
        yield _item(report, "high", "missing", state["sentence"])
    for row in rows.get("alerts", ()):
        if row["resolved_at"] is None:
            value = "" if row["value"] is None else f", value {wording.count(row['value'])}"
            hand = ", taken in hand" if row["acknowledged_at"] else ""
            since = row["triggered_at"][:16].replace("T", " ")
            what = f"{wording.name(row['alert_key'], 96)} since {since}{value}{hand}"
            yield _item(report, row["severity"], "alert", what)
    by_incident = sorted(rows.get("begun_anomalies", ()), key=lambda row: row["incident_id"])
    for _, group in groupby(by_incident, key=lambda row: row["incident_id"]):
        of_incident = sorted(group, key=lambda row: LEVELS.index(row["severity"]))
        worst, more = of_incident[0], len(of_incident) - 1
        cause = f", because of {wording.name(worst['cause'])}" if worst["cause"] else ""
        others = f"; and {wording.plural(more, 'more series', 'more series')} at the same time" if more else ""
        what = f"{wording.name(worst['of'])}: {worst['sentence']}{cause}{others}"
        yield _item(report, worst["severity"], "anomaly", what)
    for notice in state["notices"]:
        if notice["kind"] != "failed":  # it is told already
            yield _item(report, "low", "notice", notice["sentence"])


def _item(report: Mapping[str, Any], severity: str, kind: str, what: str) -> Item:
    day = report["period"]["label"]
    return {"severity": severity, "kind": kind, "family": report["family"], "what": what, "day": day,
            "href": _href(report)}  # fmt: skip


def _href(report: Mapping[str, Any]) -> str:
    return report_path(report["family"], "daily", date.fromisoformat(report["period"]["start"]))


def _place(item: Item) -> tuple[int, int, str, str]:
    return LEVELS.index(item["severity"]), _KINDS.index(item["kind"]), item["family"], item["what"]
