"""Changes in SARIF 2.1.0, the form in which code hosts show findings beside the lines of a change."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from analytics_etl.schemas.changes import Change
from analytics_etl.schemas.values import Fault

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def sarif(
    changes: Sequence[Change], errors: Collection[Change], faults: Sequence[Fault], uses: Mapping[Change, str]
) -> dict[str, Any]:
    """A log with all changes: those in `errors` as errors, other breaking ones as warnings, the rest as notes.

    Faults are messages of the tool, since then nothing was compared. `uses` says who uses what a change is about.
    """
    rules = sorted({change.rule for change in changes})
    sets = {change.rule: list(change.sets) for change in changes}
    driver = {
        "name": "analytics-etl",
        "rules": [{"id": rule, "properties": {"tags": sets[rule]}} for rule in rules],
    }
    notifications = [
        {"level": "error", "message": {"text": fault.message}, "locations": list(_places(fault.file, fault.line, None))}
        for fault in faults
    ]
    run = {
        "tool": {"driver": driver},
        "invocations": [{"executionSuccessful": not faults, "toolExecutionNotifications": notifications}],
        "results": [_result(change, rules, uses.get(change, ""), is_error=change in errors) for change in changes],
    }
    return {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}


def _result(change: Change, rules: list[str], use: str, *, is_error: bool) -> dict[str, Any]:
    return {
        "ruleId": change.rule,
        "ruleIndex": rules.index(change.rule),
        "level": "error" if is_error else "warning" if change.category.is_breaking else "note",
        "message": {"text": f"{change.message} {use}".strip()},
        "locations": list(_places(change.file, change.line, change.element)),
        "properties": {"category": change.category, "action": change.action},
    }


def _places(file: str | None, line: int | None, element: str | None) -> Iterator[dict[str, Any]]:
    place: dict[str, Any] = {}
    if file is not None:
        place["physicalLocation"] = {"artifactLocation": {"uri": quote(file)}}
        if line is not None:
            place["physicalLocation"]["region"] = {"startLine": line}
    if element is not None:
        place["logicalLocations"] = [{"fullyQualifiedName": element}]
    if place:
        yield place
