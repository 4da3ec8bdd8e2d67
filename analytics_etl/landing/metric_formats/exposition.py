"""Prometheus text and OpenMetrics: the lines of one scrape, or of several one after the other.

prometheus_client reads name and labels of a series. It reads whole families, ends at the first bad line, and would hold
a family in memory, so each line is given to it alone; what a family's TYPE and UNIT say is kept here.

Buckets, counts and sums of histograms and summaries are cumulative counters, each a series of its own; quantiles are
gauges. So are untyped samples, infos and states. Exemplars are not kept.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from analytics_etl.landing.csv_records import Record
from analytics_etl.landing.lines import Lines
from analytics_etl.landing.metric_formats.samples import NO_TIME, SampleError, labels_text, moment, number
from analytics_etl.landing.rejections import FileState

_LONGEST_KEPT = 1_000
"""Characters of a series that is kept, since it will come again in the next scrape."""

_METADATA = re.compile(r'#[ \t]+(TYPE|UNIT|HELP)[ \t]+("(?:[^"\\]|\\.)*"|[^\s"]+)(?:[ \t]+(.*))?')
_IS_METADATA = re.compile(r"#[ \t]+(TYPE|UNIT|HELP)([ \t]|$)")
_BEFORE_EXEMPLAR = re.compile(r'((?:[^"#]|"(?:[^"\\]|\\.)*")*) # \{')
_CUMULATIVE = {"counter": ("", "_total"), "histogram": ("_bucket", "_count", "_sum"), "summary": ("_count", "_sum")}
"""{type of a family: endings of its series that are totals since some start}"""
_GAUGES = {
    "counter": ("_created",),
    "histogram": ("_created",),
    "summary": ("", "_created"),
    "gaugehistogram": ("_bucket", "_gcount", "_gsum"),
    "info": ("_info", ""),
    "gauge": ("",),
    "stateset": ("",),
    "unknown": ("",),
    "untyped": ("",),
}
_ENDINGS = {ending for table in (_CUMULATIVE, _GAUGES) for endings in table.values() for ending in endings}
_IN_UNIT = ("", "_total", "_sum", "_gsum")
"""Endings of series that are in the unit of their family; buckets and counts are numbers of observations."""


@dataclass(frozen=True)
class _Family:
    """What the metadata before a series says of it."""

    name: str | None = None
    kind: str = "untyped"
    unit: str = ""


def records(lines: Lines, state: FileState, named: str | None, *, is_openmetrics: bool) -> Iterator[Record]:
    """The samples of a file; `named` is the time in its name, for samples without one."""
    family = _Family()
    is_ended = not is_openmetrics
    last = 0
    for last, text in lines.numbered():
        line = (text or "").strip()
        if not line:
            continue
        if is_openmetrics:
            is_ended = line == "# EOF"
        if is_openmetrics and is_ended:
            family = _Family()
            continue
        try:
            if line.startswith("#"):
                family = _described(line, family)
            else:
                yield last, _sample(line, family, named, is_openmetrics=is_openmetrics), line
        except SampleError as error:
            lines.reject(last, str(error), line)
    if not is_ended and state.state == "read":
        state.fail("cut_off", "does not end with # EOF, so that the end may be missing; the lines are loaded", last)


def _described(line: str, family: _Family) -> _Family:
    """The family after a line of metadata or a comment."""
    found = _METADATA.fullmatch(line)
    if found is None:
        if _IS_METADATA.match(line):
            raise SampleError("the line is no metadata: expected # TYPE, # UNIT or # HELP, a name and a text")
        return family
    what, name, text = found.groups()
    if name.startswith('"'):
        try:
            name = json.loads(name)
        except ValueError as error:
            raise SampleError("the name in quotes cannot be read") from error
    if name != family.name:
        family = _Family(name)
    if what == "HELP":
        return family
    if text is None:
        raise SampleError(f"the line has no {what.lower()} behind the name")
    return replace(family, kind=text.strip()) if what == "TYPE" else replace(family, unit=text.strip())


def _sample(line: str, family: _Family, named: str | None, *, is_openmetrics: bool) -> list[str]:
    """The fields of a sample, in the order of COLUMNS."""
    if is_openmetrics and " # {" in line and (found := _BEFORE_EXEMPLAR.match(line)):
        line = found[1]
    end = line.rfind("}") + 1
    if end == 0:
        end = len(line.split(maxsplit=1)[0])
    tail = line[end:].split()
    if len(tail) not in (1, 2):
        raise SampleError("expected a value, and perhaps a time, behind name and labels")
    read = _series if end <= _LONGEST_KEPT else _series.__wrapped__
    name, kind, unit, labels = read(line[:end], family, is_openmetrics=is_openmetrics)
    recorded_at = named if len(tail) == 1 else moment(tail[1], 0 if is_openmetrics else 3)
    if recorded_at is None:
        raise SampleError(NO_TIME)
    return ["1", recorded_at, name, kind, unit, number(tail[0]), labels]


@lru_cache(maxsize=8192)
def _series(head: str, family: _Family, *, is_openmetrics: bool) -> tuple[str, str, str, str]:
    """Name, type, unit and labels of what stands before the value."""
    try:
        if is_openmetrics:
            [metric] = openmetrics.text_string_to_metric_families(f"{head} 0\n# EOF\n")  # type: ignore[no-untyped-call]
        else:
            [metric] = text_string_to_metric_families(f"{head} 0\n")
        [sample] = metric.samples
    except (ValueError, LookupError) as error:
        what = "OpenMetrics" if is_openmetrics else "Prometheus text"
        # What comes behind the colon repeats the line, and reasons are kept longer than personal data.
        why = str(error).partition(":")[0] or "name and labels cannot be read"
        raise SampleError(f"the line is no {what}: {why}") from error
    kind, is_cumulative, unit = _meaning(sample.name, family)
    labels = {key: value for key, value in sample.labels.items() if value}  # a label without a value is none
    return sample.name, kind, unit, labels_text(labels, is_cumulative=is_cumulative)


def _meaning(name: str, family: _Family) -> tuple[str, bool, str]:
    """(type, whether it is cumulative, unit) of a series. The contract rejects a type that nobody knows."""
    ending = name[len(family.name) :] if family.name and name.startswith(family.name) else None
    unit = family.unit if ending in _IN_UNIT else ""
    if ending in _CUMULATIVE.get(family.kind, ()):
        return "counter", True, unit
    if family.kind not in _GAUGES and ending in _ENDINGS:
        return family.kind, False, unit
    return "gauge", False, unit if ending in _GAUGES.get(family.kind, ()) else ""
