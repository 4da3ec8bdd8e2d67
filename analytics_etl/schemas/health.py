"""The health of a module's newest version: a score from 0 to 100 with all its parts (docs/health-scoring.md).

Five parts have weights. A part about which nothing is known is left out, the others share its weight, and `coverage` is
the weight of what was known. A formula that changes gets a new version, so that old scores can be told apart.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

from analytics_etl.schemas.measures import Measures

FORMULA = "1"
WEIGHTS = {"complexity": 0.25, "maintainability": 0.35, "unused": 0.15, "deprecated": 0.10, "breaking": 0.15}
GREEN, AMBER = 80, 50
"""The least scores of these badges; red is what is below."""

Knots = tuple[tuple[float, float], ...]
"""(raw number, points): straight lines between them, constant outside."""

# Raw numbers at the median and the quantiles 0.75, 0.9, 0.95 and 0.99 of real schemas: entities of 39 protobuf
# packages, fields and nesting of 519 JSON Schemas.
ENTITIES: Knots = ((23, 0), (84, 25), (115, 50), (167, 75), (184, 100))
FIELDS_PER_ENTITY: Knots = ((4, 0), (7, 25), (11, 50), (14, 75), (26, 100))
NESTING: Knots = ((0, 0), (1, 25), (2, 50), (3, 75), (4, 100))
# Median, quantiles 0.75 and 0.9 and maximum of the protobuf packages, maximum of the JSON Schemas.
LARGEST_ENTITY: Knots = ((13, 100), (20, 75), (32, 50), (44, 25), (131, 0))
# Quantiles 0.75 and 0.95 and maximum of 170 protobuf files; twice the maximum has no points.
IMPORT_DEPTH: Knots = ((2, 100), (3, 75), (4, 50), (8, 0))
# Median, quantiles 0.75, 0.9 and 0.99 and maximum of elements that 141 new versions of JSON Schemas broke.
BROKEN: Knots = ((0, 100), (2, 75), (6, 50), (16, 25), (55, 0))


@dataclass(frozen=True)
class Evidence:
    """What is known of a module on a day. Elements are called as in `elements.element_of`."""

    measures: Measures | None
    """Of the version; None if it could not be read."""
    fault: str = ""
    """Why it could not be read."""
    unused: tuple[str, ...] | None = None
    """Fields of at least 90 days that nobody used in 90 days; None without any usage data."""
    old_fields: int = 0
    """Fields of at least 90 days."""
    unused_days: int = 90
    """The setting, if it is not 90 days."""
    broken: frozenset[str] | None = None
    """Elements that versions of the last 30 days broke; None if the versions could not be compared."""
    dependents: int | None = None
    """Modules that import this one, directly and through others."""


@dataclass(frozen=True)
class Part:
    """One part of a score; without a score the reason says why."""

    name: str
    score: float | None
    raw: Mapping[str, float | None]
    reason: str = ""

    @property
    def weight(self) -> float:
        return WEIGHTS[self.name]


@dataclass(frozen=True)
class Recommendation:
    """Something that would make a module healthier, and what shows it."""

    kind: str
    text: str
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True)
class Health:
    """The score of a module with its parts; None if no part is known."""

    score: float | None
    coverage: float
    parts: tuple[Part, ...]
    recommendations: tuple[Recommendation, ...]
    formula: str = FORMULA

    @property
    def badge(self) -> str:
        if self.score is None:
            return "unknown"
        return "green" if self.score >= GREEN else "amber" if self.score >= AMBER else "red"


def health_of(evidence: Evidence) -> Health:
    """The health of a module."""
    parts = tuple(_parts(evidence))
    known = [(part.weight, part.score) for part in parts if part.score is not None]
    coverage = sum(weight for weight, _ in known)
    score = sum(weight * points for weight, points in known) / coverage if known else None
    return Health(score, coverage, parts, tuple(_recommendations(evidence, parts)))


def points(knots: Knots, raw: float) -> float:
    """The points of a raw number, on straight lines between the knots."""
    for (left, low), (right, high) in pairwise(knots):
        if raw <= right:
            share = max(raw - left, 0) / (right - left)
            return low + share * (high - low)
    return knots[-1][1]


def _parts(evidence: Evidence) -> Iterator[Part]:
    measures = evidence.measures
    if measures is None:
        reason = f"the version could not be read: {evidence.fault}"
        yield from (Part(name, None, {}, reason) for name in WEIGHTS)
        return
    yield _complexity(measures)
    yield _maintainability(measures)
    yield _unused(evidence)
    raw = {"deprecated": len(measures.deprecated), "elements": measures.elements}
    if measures.elements:
        yield Part("deprecated", 100 * (1 - len(measures.deprecated) / measures.elements), raw)
    else:
        yield Part("deprecated", None, raw, "the version declares nothing")
    if evidence.broken is None:
        yield Part("breaking", None, {"broken": None}, "its versions of the last 30 days could not be compared")
    else:
        yield Part("breaking", points(BROKEN, len(evidence.broken)), {"broken": len(evidence.broken)})


def _complexity(measures: Measures) -> Part:
    """Complexity is the mean of three numbers of points; little of it scores high."""
    raw = {
        "entities": measures.entities,
        "fields_per_entity": measures.fields_per_entity,
        "nesting": measures.nesting,
    }
    knots = (ENTITIES, FIELDS_PER_ENTITY, NESTING)
    complexity = sum(points(item, number) for item, number in zip(knots, raw.values(), strict=True)) / len(knots)
    return Part("complexity", 100 - complexity, {**raw, "complexity": complexity})


def _maintainability(measures: Measures) -> Part:
    """The mean of four numbers of points; ratios of nothing are left out."""
    raw = {
        "documented_ratio": measures.documented_ratio,
        "named_ratio": measures.named_ratio,
        "largest_entity": measures.largest_entity,
        "import_depth": measures.import_depth,
    }
    found = [100 * ratio for ratio in (measures.documented_ratio, measures.named_ratio) if ratio is not None]
    found += [points(LARGEST_ENTITY, measures.largest_entity), points(IMPORT_DEPTH, measures.import_depth)]
    return Part("maintainability", sum(found) / len(found), raw)


def _unused(evidence: Evidence) -> Part:
    unused, old = evidence.unused, evidence.old_fields
    if unused is None:
        return Part("unused", None, {"unused": None, "fields": old}, "no usage of fields is known")
    if not old:
        return Part("unused", None, {"unused": 0, "fields": 0}, f"no field is {evidence.unused_days} days old")
    return Part("unused", 100 * (1 - len(unused) / old), {"unused": len(unused), "fields": old})


def _recommendations(evidence: Evidence, parts: tuple[Part, ...]) -> Iterator[Recommendation]:
    raw = {name: number for part in parts for name, number in part.raw.items() if number is not None}
    if raw.get("complexity", 0) > 70:  # noqa: PLR2004 - of the specification, as the numbers below
        text = f"Split the module: its complexity is {raw['complexity']:.0f}."
        yield Recommendation("split_module", text)
    if raw.get("unused", 0) > 5:  # noqa: PLR2004
        text = f"Remove unused fields: nobody used {raw['unused']} of them in {evidence.unused_days} days."
        yield Recommendation("remove_unused_fields", text, evidence.unused or ())
    if raw.get("deprecated", 0) > 3:  # noqa: PLR2004
        text = f"Clean up deprecations: {raw['deprecated']} elements are deprecated."
        yield Recommendation("clean_up_deprecations", text, evidence.measures.deprecated if evidence.measures else ())
    broken = tuple(sorted(evidence.broken or ()))
    if len(broken) > 2:  # noqa: PLR2004
        text = f"Reduce breaking changes: {len(broken)} elements were broken in 30 days."
        yield Recommendation("reduce_breaking_changes", text, broken)
    if broken and (evidence.dependents or 0) >= 5:  # noqa: PLR2004
        text = f"Coordinate breaking changes with the {evidence.dependents} modules that import this one."
        yield Recommendation("coordinate_with_dependents", text, broken)
