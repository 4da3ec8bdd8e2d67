"""A report as a mail: subject, text, and HTML that mail clients leave as it is, each with what changed at its top.

Clients drop SVG, scripts and style sheets, and cut off what is longer than about 100 kB. So the HTML has tables with
styles of their own elements, the first rows of each section, and as many sections as fit; the whole report is attached.
Clients also make links of whatever looks like one: names from events are changed so that they do not.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from analytics_etl.reporting import wording
from analytics_etl.reporting.cells import headline, reading
from analytics_etl.reporting.render import badge, compared_with, mail_template
from analytics_etl.reporting.value import QUALITY_TOPIC

LONGEST_HTML = 90_000
"""Bytes; Gmail cuts at 102 kB."""
_ROWS = 8
_COLUMNS = 6
_NO_CELLS = ("states", "new", "figure", "failed", "days")
"""Kinds of columns that mean nothing without the page around them."""


class Mail(NamedTuple):
    """A report as a person gets it."""

    subject: str
    text: str
    html: str


def figures_of(report: Mapping[str, Any]) -> dict[str, float | None]:
    """{key figure: its value}, by which it is known whether the numbers of a report have changed."""
    return {kpi["name"]: kpi["value"] for kpi in report["kpis"]}


def differing(report: Mapping[str, Any], told: Mapping[str, float | None]) -> list[str]:
    """A line for each key figure that is not what was told before."""
    lines = []
    for kpi in report["kpis"]:
        if kpi["name"] in told and not _are_same(told[kpi["name"]], kpi["value"]):
            old, new = (headline(value, kpi["kind"]) for value in (told[kpi["name"]], kpi["value"]))
            if old == new:  # rounded, which neither is then NULL
                old, new = (f"{value:,}" for value in (told[kpi["name"]], kpi["value"]))
            lines.append(f"{kpi['label']}: {new}, was {old}")
    return lines


def _are_same(one: float | None, other: float | None) -> bool:
    """Whether two values differ by no more than the order in which something was added up."""
    return one == other if one is None or other is None else math.isclose(one, other, rel_tol=1e-9)


def render_mail(report: Mapping[str, Any], told: Mapping[str, float | None] | None, link: str | None) -> Mail:
    """The mail of a report; with `told`, the figures that were sent before, it is about what has changed since."""
    report = _without_links(report)
    changes = {
        "heading": "What changed since it was sent" if told is not None else "What changed",
        "lines": differing(report, told) if told is not None else _movements(report),
        "nothing": report["comparison"]["sentence"],
    }
    word = "CHANGED: " if told is not None else ""
    about = f"{report['family']} {report['cadence']} report {report['period']['name']}"
    subject = f"[analytics_etl] {word}{about}: {badge(report['state'])[2]}"
    sections = [_section(section) for section in report["sections"] if section["topic"] != QUALITY_TOPIC]
    return Mail(subject, _text(report, changes, sections), _html(report, changes, sections, link))


def _movements(report: Mapping[str, Any]) -> list[str]:
    """The key figures that moved against the period before, those that moved most first."""
    found = [kpi for kpi in report["kpis"] if kpi["change"]]
    found.sort(key=lambda kpi: abs(kpi["change_ratio"] or 0), reverse=True)
    return [f"{kpi['label']} {headline(kpi['value'], kpi['kind'])}, {_moved(report, kpi)}" for kpi in found]


def _moved(report: Mapping[str, Any], kpi: Mapping[str, Any]) -> str:
    """How a key figure moved against the period before; empty if there is nothing to compare it with."""
    if kpi["change"] is None or (kpi["change_ratio"] is None and kpi["kind"] != "ratio"):
        return ""
    by = wording.points(kpi["change"]) if kpi["kind"] == "ratio" else wording.change(kpi["change_ratio"])
    return f"{by} vs {compared_with(report)[0]}"


def _section(section: Mapping[str, Any]) -> dict[str, Any]:
    """A section with the first rows as texts."""
    columns = [column for column in section["columns"] if column["kind"] not in _NO_CELLS][:_COLUMNS]
    rows = section["rows"][:_ROWS]
    cells = [[_cell(row.get(column["name"]), column["kind"]) for column in columns] for row in rows]
    rest = len(section["rows"]) - len(rows)
    return {
        "question": section["question"], "sentence": section["sentence"], "columns": columns, "rows": cells,
        "rest": rest,
    }  # fmt: skip


def _without_links(value: Any) -> Any:
    """A value whose texts hold nothing that a client makes a link of."""
    if isinstance(value, Mapping):
        return {name: _without_links(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_without_links(each) for each in value]
    return value.replace("://", "[:]//").replace("www.", "www[.]") if isinstance(value, str) else value


def _cell(value: Any, kind: str) -> str:
    return wording.name(reading(value, kind))


def _text(
    report: Mapping[str, Any], changes: Mapping[str, Any], sections: Sequence[Mapping[str, Any]]
) -> str:  # fmt: skip
    """The text; where the whole report is, who sends it says."""
    figures = [
        f"{kpi['label']}: {headline(kpi['value'], kpi['kind'])}{f' ({by})' if (by := _moved(report, kpi)) else ''}"
        for kpi in report["kpis"]
    ]
    lines = [
        report["title"], "",
        changes["heading"], *(f"- {line}" for line in changes["lines"] or [changes["nothing"]]), "",
        report["state"]["sentence"], *(f"! {notice['sentence']}" for notice in report["state"]["notices"]), "",
        "The figures", *(f"- {line}" for line in figures), report["comparison"]["sentence"], "",
    ]  # fmt: skip
    for section in sections:
        lines += [section["question"], section["sentence"], ""]
    return "\n".join(lines) + "\n"


def _html(
    report: Mapping[str, Any], changes: Mapping[str, Any], sections: Sequence[Mapping[str, Any]], link: str | None
) -> str:
    for count in range(len(sections), -1, -1):
        html = mail_template().render(
            report=report, changes=changes, sections=sections[:count], link=link, moved=lambda kpi: _moved(report, kpi)
        )
        if len(html.encode()) <= LONGEST_HTML:
            break
    return html
