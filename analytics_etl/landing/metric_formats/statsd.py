"""StatsD lines, `name:value|type`, with what DogStatsD adds: `|@rate`, `|#tags`, several values, `|T` and a time.

Counters are increases: a sampled one counts for all that its rate left out. Timers, histograms and distributions are
observations; a sampled one has the label sample_rate, since a sample cannot count more than once. Sets, gauges that are
told by how much they change, events and service checks are rejected: they are no values that a sample can hold.
"""

import re
from collections.abc import Iterator
from decimal import Decimal

from analytics_etl.landing.csv_records import Record
from analytics_etl.landing.lines import Lines
from analytics_etl.landing.metric_formats.samples import NO_TIME, SampleError, labels_text, moment, number

_TYPES = {"c": "counter", "g": "gauge", "ms": "histogram", "h": "histogram", "d": "histogram"}
_NAME = re.compile(r"[^\s:|@#,;=\[\]]+")
_VALUE = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?", re.ASCII)
_OF_THE_SENDER = ("e:", "card:")
"""Parts that tell the server how to find the sender's own tags."""


def records(lines: Lines, named: str | None) -> Iterator[Record]:
    """The samples of a file; `named` is the time in its name, for lines without one."""
    for line_number, text in lines.numbered():
        line = (text or "").strip()
        if not line:
            continue
        try:
            samples = _samples(line, named)
        except SampleError as error:
            lines.reject(line_number, str(error), line)
            continue
        for sample in samples:
            yield line_number, sample, line


def _samples(line: str, named: str | None) -> list[list[str]]:
    """The fields of each value of a line, in the order of COLUMNS."""
    if line.startswith(("_e{", "_sc|")):
        raise SampleError("is an event or a service check of DogStatsD, which is no sample of a metric")
    name, colon, rest = line.partition(":")
    values, *parts = rest.split("|")
    if not colon or not parts:
        raise SampleError("the line is no StatsD: expected name:value|type")
    if not _NAME.fullmatch(name):
        raise SampleError("the name has a blank, or tags in it, which are read behind |# only")
    kind = parts[0]
    if kind == "s":
        raise SampleError("is a set, which counts different texts and has no value; count them before")
    if kind not in _TYPES:
        raise SampleError(f"type: expected {', '.join(_TYPES)}, got {kind[:100]}")
    recorded_at, rate, labels = _described(parts[1:])
    if recorded_at is None and named is None:
        raise SampleError(NO_TIME)
    if rate is not None and _TYPES[kind] == "histogram":
        labels["sample_rate"] = str(rate)
    unit, text = "ms" if kind == "ms" else "", labels_text(labels)
    return [
        [str(position), recorded_at or named or "", name, _TYPES[kind], unit, _value(value, kind, rate), text]
        for position, value in enumerate(values.split(":"), 1)
    ]


def _described(parts: list[str]) -> tuple[str | None, Decimal | None, dict[str, str]]:
    """Time, rate if it is below 1, and labels of a line, by the parts behind its type."""
    recorded_at, rate = None, None
    labels: dict[str, str] = {}
    for part in parts:
        if part.startswith("@"):
            rate = _rate(part[1:])
        elif part.startswith("T"):
            recorded_at = moment(part[1:], 0)
        elif part.startswith("#"):
            for tag in filter(None, part[1:].split(",")):
                _add(labels, *tag.partition(":")[::2])
        elif part.startswith("c:"):
            _add(labels, "container_id", part[2:])
        elif not part.startswith(_OF_THE_SENDER):
            raise SampleError("the line is no StatsD: expected @rate, #tags or T and a time behind the type")
    return recorded_at, None if rate == 1 else rate, labels


def _add(labels: dict[str, str], name: str, value: str) -> None:
    if labels.setdefault(name, value) != value:
        raise SampleError(f"the tag {name[:100]} has several values")


def _rate(text: str) -> Decimal:
    rate = Decimal(text) if _VALUE.fullmatch(text) else Decimal(0)
    if not 0 < rate <= 1:
        raise SampleError(f"sample rate: expected a number above 0 and at most 1, got {text[:100]}")
    return rate


def _value(text: str, kind: str, rate: Decimal | None) -> str:
    """The value of a sample; a counter's is divided by the rate."""
    if kind == "g" and text[:1] in ("+", "-"):
        raise SampleError("value: with a sign a gauge changes by it, and the value before is not in the line")
    if not _VALUE.fullmatch(text):
        number(text)  # NaN and infinities, for the contract to reject
        return text
    return text if kind != "c" or rate is None else str(float(Decimal(text) / rate))
