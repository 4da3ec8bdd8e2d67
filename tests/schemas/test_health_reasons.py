"""Why a score moved: whatever moves it is named, in words that were written by hand."""

from typing import Any

import pyarrow as pa
import pytest

from analytics_etl.families.functions.module_health import module_health
from analytics_etl.schemas.health_reasons import Steps, reason_of

MEASURES = (
    '{"entities":%d,"fields_per_entity":%g,"nesting":%d,"largest_entity":%d,"elements":%d,"documented_ratio":%s,'
    '"named_ratio":1.0,"import_depth":1,"deprecated":%s}'
)


def scored(version: str = "1", measures: str | None = "", **known: Any) -> dict[str, Any]:
    """The row of a module: by default with 10 elements, of which none is deprecated and half are documented."""
    given = {
        "version": version, "fault": None, "unused_days": 90, "has_usage": True, "old_field_count": 4,
        "unused_elements": "A.x", "is_compared": True, "broken_elements": None, "dependent_count": 0,
        "raw_measures": measure() if measures == "" else measures, **known,
    }  # fmt: skip
    names = [
        "version",
        "formula_version",
        "reason",
        "overall_score",
        "entity_count",
        "fields_per_entity",
        "nesting_depth",
        "documented_ratio",
        "named_ratio",
        "largest_entity_fields",
        "import_depth",
        "unused_field_count",
        "old_field_count",
        "deprecated_count",
        "breaking_count",
        *(f"{part}_score" for part in ("complexity", "maintainability", "unused", "deprecated", "breaking")),
    ]
    texts = {"version", "formula_version", "reason"}
    schema = pa.schema([(name, pa.string() if name in texts else pa.float64()) for name in names])
    (batch,) = module_health(iter([pa.RecordBatch.from_pylist([given])]), schema)
    (row,) = batch.to_pylist()
    return dict(row)


def measure(
    entities: int = 2, fields: float = 4, nesting: int = 0, largest: int = 4, elements: int = 10,
    documented: str = "0.5", deprecated: str = "[]",
) -> str:  # fmt: skip
    return MEASURES % (entities, fields, nesting, largest, elements, documented, deprecated)


BEFORE = scored()
LARGEST = "fields of the largest entity"


@pytest.mark.parametrize(
    ("now", "reason"),
    [
        (scored(), ""),
        (scored("2", measure(fields=5.5)), "version 1 to 2\ncomplexity 100 to 95.83: fields per entity 4 to 5.5"),
        (scored("2", measure(entities=23, nesting=1)),
         "version 1 to 2\ncomplexity 100 to 91.67: entities 2 to 23, nesting 0 to 1"),
        (scored("2", measure(documented="0.6", largest=14)),
         f"version 1 to 2\nmaintainability 87.5 to 89.11: documented 50 % to 60 %, {LARGEST} 4 to 14"),
        (scored("2", measure(largest=12_345)),
         f"version 1 to 2\nmaintainability 87.5 to 62.5: {LARGEST} 4 to 12345"),
        (scored(unused_elements="A.x\nA.y"), "unused 75 to 50: unused fields 1 to 2"),
        (scored(old_field_count=5), "unused 75 to 80: fields that are old enough 4 to 5"),
        (scored(has_usage=False), "unused 75 to unknown: no usage of fields is known"),
        (scored("2", measure(deprecated='["A.x"]')),
         "version 1 to 2\ndeprecated 100 to 90: deprecated elements 0 to 1"),
        (scored("2", broken_elements="A.x\nA.y"),
         "version 1 to 2\nbreaking 100 to 75: elements broken in 30 days 0 to 2 (by version 2)"),
    ],
)  # fmt: skip
def test_what_moved_is_named(now: dict[str, Any], reason: str) -> None:
    steps = Steps(["2"]) if now["breaking_count"] else Steps()
    assert reason_of(now, BEFORE, steps) == reason
    assert (now["overall_score"] == BEFORE["overall_score"]) == (reason == "")


def test_a_version_that_cannot_be_read_and_a_new_formula() -> None:
    lost = (
        "complexity 100 to unknown, maintainability 87.5 to unknown, unused 75 to unknown, deprecated 100 to unknown, "
    )
    assert reason_of(scored("2", None, fault="a.proto: no"), BEFORE, Steps()) == (
        f"version 1 to 2\n{lost}breaking 100 to unknown: the version could not be read: a.proto: no"
    )
    now = {**BEFORE, "formula_version": "2", "unused_score": 70.0}
    numbers = "unused 75 to 70: unused fields 1, fields that are old enough 4"
    assert reason_of(now, BEFORE, Steps()) == f"formula 1 to 2\n{numbers}"


def test_the_elements_of_a_version_are_known_where_some_are_deprecated() -> None:
    """1 of 10 is 90 points, 1 of 20 is 95."""
    before, now = (scored("1", measure(elements=count, deprecated='["A.x"]')) for count in (10, 20))
    assert reason_of(now, before, Steps()) == "deprecated 90 to 95: elements 10 to 20"


def test_a_part_that_becomes_known_has_its_numbers() -> None:
    assert reason_of(scored(), scored(has_usage=False), Steps()) == (
        "unused unknown to 75: unused fields 1, fields that are old enough 4"
    )


def test_versions_that_broke_something_are_named_when_they_come_and_when_they_go() -> None:
    before, now = scored(broken_elements="A.x"), scored(broken_elements="A.y\nA.z")
    assert reason_of(now, before, Steps(["3", "4"], ["1"])) == (
        "breaking 87.5 to 75: elements broken in 30 days 1 to 2 "
        "(by versions 3, 4, no more by version 1, of more than 30 days ago)"
    )


def test_a_difference_is_seen_however_small_it_is() -> None:
    """1 of 100,001 elements less."""
    now = {**BEFORE, "documented_ratio": 0.49999999, "maintainability_score": 87.49999975}
    assert reason_of(now, BEFORE, Steps()) == "maintainability 87.5 to 87.49999975: documented 50 % to 49.999999 %"


def test_the_first_score_says_so() -> None:
    assert reason_of(BEFORE, None, Steps(["1"])) == "the first score in 30 days"
