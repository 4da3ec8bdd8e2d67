"""Why the score of a module is another one than on the day before, in words: which part moved, from what to what, why.

A score follows from its parts, and these from raw numbers, so the numbers that differ are the reason (`health`).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from analytics_etl.schemas.health import WEIGHTS

Scored = Mapping[str, Any]
"""A row of `registry.module_health_daily`: score, parts, raw numbers, version, reason, formula."""

_RAW: Mapping[str, Mapping[str, str]] = {
    "complexity": {
        "entity_count": "entities", "fields_per_entity": "fields per entity", "nesting_depth": "nesting"
    },
    "maintainability": {
        "documented_ratio": "documented", "named_ratio": "well named",
        "largest_entity_fields": "fields of the largest entity", "import_depth": "import depth",
    },
    "unused": {"unused_field_count": "unused fields", "old_field_count": "fields that are old enough"},
    "deprecated": {"deprecated_count": "deprecated elements", "element_count": "elements"},
    "breaking": {"breaking_count": "elements broken in 30 days"},
}  # fmt: skip
"""{part: {column of a raw number: its name}}."""
_FORMS = (".4g", ".8g", ".12g", ".17g")
"""Of numbers: the first one that tells two from each other."""


@dataclass(frozen=True)
class Steps:
    """Versions that broke something: that came since the day before, and that count no more since then."""

    came: Sequence[str] = ()
    went: Sequence[str] = ()

    def __str__(self) -> str:
        came = [f"by {_versions(self.came)}"] if self.came else []
        went = [f"no more by {_versions(self.went)}, of more than 30 days ago"] if self.went else []
        return f" ({', '.join([*came, *went])})" if came or went else ""


def reason_of(now: Scored, before: Scored | None, steps: Steps) -> str:
    """The reason, a part a line; before is the day before with a score of the module, None if there is none."""
    if before is None:
        return "the first score in 30 days"
    return "\n".join(_lines(now, before, steps))


def _lines(now: Scored, before: Scored, steps: Steps) -> Iterator[str]:
    for column, noun in (("version", "version"), ("formula_version", "formula")):
        if now[column] != before[column]:
            yield f"{noun} {before[column]} to {now[column]}"
    lost = []
    for part in WEIGHTS:
        score, earlier = now[f"{part}_score"], before[f"{part}_score"]
        if score is None and earlier is not None:
            lost.append(f"{part} {_texts(earlier, None)}")
        elif score != earlier:
            raw = ", ".join(_raw_numbers(part, now, before))
            yield f"{part} {_texts(earlier, score)}: {raw}{steps if part == 'breaking' else ''}"
    if lost:
        reasons, known = (now["reason"] or "").split("\n"), (before["reason"] or "").split("\n")
        new = [reason for reason in reasons if reason not in known]
        yield f"{', '.join(lost)}: {'; '.join(new or reasons)}"


def _raw_numbers(part: str, now: Scored, before: Scored) -> Iterator[str]:
    """The raw numbers of a part that moved; all it has now if it was unknown, or if none is known to have moved."""
    is_new = before[f"{part}_score"] is None
    numbers = [(name, column, _raw(column, now), _raw(column, before)) for column, name in _RAW[part].items()]
    moved = [number for number in numbers if number[2] != number[3] and None not in number and not is_new]
    for name, column, new, old in moved or numbers:
        if new is not None:
            yield f"{name} {_texts(old if moved else new, new, is_ratio=column.endswith('_ratio'))}"


def _raw(column: str, row: Scored) -> float | None:
    """A raw number of a row. The elements of a version follow from how many of them are deprecated, and the share."""
    if column != "element_count":
        found: float | None = row[column]
        return found
    count, score = row["deprecated_count"], row["deprecated_score"]
    return round(count / (1 - score / 100)) if count and score is not None else None


def _texts(before: float | None, after: float | None, *, is_ratio: bool = False) -> str:
    """`before to after`, with as many digits as it takes to see the difference; one number if there is none."""
    for form in _FORMS:
        texts = [_text(number, form, is_ratio=is_ratio) for number in (before, after)]
        if texts[0] != texts[1] or before == after:
            break
    return texts[0] if before == after else " to ".join(texts)


def _text(number: float | None, form: str, *, is_ratio: bool) -> str:
    if number is None:
        return "unknown"
    if is_ratio:
        return f"{format(100 * number, form)} %"
    return str(int(number)) if number == int(number) else format(number, form)


def _versions(names: Sequence[str]) -> str:
    return f"{'version' if len(names) == 1 else 'versions'} {', '.join(names)}"
