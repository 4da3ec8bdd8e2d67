"""The score of a module: expected values are computed by hand; the page on the score has an example that must hold."""

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from analytics_etl.config.settings import CHECKOUT
from analytics_etl.schemas import (
    Catalogue,
    Entity,
    Fault,
    Field,
    File,
    Format,
    Import,
    Kind,
    Label,
    Origin,
    Parser,
    Version,
)
from analytics_etl.schemas.health import BROKEN, NESTING, WEIGHTS, Evidence, Health, health_of, points
from analytics_etl.schemas.measures import measures_of

PAGE = (CHECKOUT / "docs" / "health-scoring.md").read_text(encoding="utf-8")
FIELDS = ("id", "oldNote", "placed_at", "lines")


def score_of(health: Health, part: str) -> float | None:
    return next(item.score for item in health.parts if item.name == part)


def test_the_example_of_the_page_holds(parser: Parser) -> None:
    (source,) = re.findall(r"```proto\n(.*?)```", PAGE, re.DOTALL)
    catalogue = parser.parse(Version(Format.PROTOBUF, {"order.proto": source}))
    evidence = evidence_of(catalogue, unused=("shop.v1.Order.oldNote",), old_fields=5, broken={"shop.v1.Order.lines"})
    health = health_of(replace(evidence, dependents=2))
    rows = dict(re.findall(r"^\| (\w+) \| ([0-9.]+) \| .*\|$", PAGE, re.MULTILINE))
    assert {part.name: pytest.approx(part.score, abs=0.005) for part in health.parts} == {
        name: float(rows[name]) for name in WEIGHTS
    }
    (total,) = re.findall(r"\*\*([0-9.]+)\*\*", PAGE)
    assert health.score == pytest.approx(float(total), abs=0.005)
    assert health.coverage == pytest.approx(1)
    assert (health.badge, health.formula) == ("green", "1")
    assert health.recommendations == ()


def test_the_page_has_the_weights_and_the_knots() -> None:
    weights = dict(re.findall(r"^\| (\w+) \| (\d+) % \|", PAGE, re.MULTILINE))
    assert {name: int(text) / 100 for name, text in weights.items()} == WEIGHTS
    knots = re.search(r"^\| broken elements \| (.*?) \|", PAGE, re.MULTILINE)
    assert knots is not None
    assert tuple(tuple(map(float, pair.split(": "))) for pair in knots[1].split(", ")) == BROKEN


@pytest.mark.parametrize(("raw", "expected"), [(-1, 0), (0, 0), (0.5, 12.5), (1, 25), (3.5, 87.5), (4, 100), (9, 100)])
def test_points_lie_on_lines_between_knots(raw: float, expected: float) -> None:
    assert points(NESTING, raw) == expected


def entity(number: int, fields: int = 1, **more: Any) -> Entity:
    items = tuple(Field(f"f_{index}", index, "string", Label.SINGULAR, **more) for index in range(fields))
    return Entity("a.proto", f"E{number}", Kind.MESSAGE, None, number % 5, items)


def catalogue(*entities: Entity, **more: Any) -> Catalogue:
    return Catalogue(Format.PROTOBUF, (File("a.proto", "", "proto3"),), entities, **more)


def evidence_of(of: Catalogue, *, broken: Iterable[str] = (), **more: Any) -> Evidence:
    return Evidence(measures_of(of), broken=frozenset(broken), **more)


def test_what_is_not_known_is_left_out() -> None:
    """2 entities, no use known, nothing compared: complexity 100, maintainability 75, deprecated 100."""
    health = health_of(Evidence(measures_of(catalogue(entity(0), entity(5)))))
    assert (score_of(health, "unused"), score_of(health, "breaking")) == (None, None)
    assert [part.reason for part in health.parts if part.score is None] == [
        "no usage of fields is known",
        "its versions of the last 30 days could not be compared",
    ]
    assert health.coverage == pytest.approx(0.70)
    assert health.score == pytest.approx((0.25 * 100 + 0.35 * 75 + 0.10 * 100) / 0.70)


def test_unused_fields_count_among_those_that_are_old_enough() -> None:
    one = catalogue(entity(0, 4))
    assert score_of(health_of(evidence_of(one, unused=("E0.f_3",), old_fields=2)), "unused") == 50
    assert score_of(health_of(evidence_of(one, unused=(), old_fields=0)), "unused") is None


def test_a_version_that_cannot_be_read_has_no_score() -> None:
    health = health_of(Evidence(None, str(Fault("Expected message name.", "a.proto", 1, 8))))
    assert (health.score, health.coverage, health.badge, health.recommendations) == (None, 0, "unknown", ())
    assert health.parts[0].reason == "the version could not be read: a.proto:1:8: Expected message name."


def test_recommendations_come_beyond_their_limits() -> None:
    large = catalogue(*(entity(number, 26, is_deprecated=number == 0) for number in range(190)))
    unused = tuple(f"E3.f_{index}" for index in range(6))
    found = health_of(evidence_of(large, unused=unused, old_fields=9, broken={"E1", "E2", "E3"}, dependents=5))
    assert [(item.kind, len(item.evidence)) for item in found.recommendations] == [
        ("split_module", 0),
        ("remove_unused_fields", 6),
        ("clean_up_deprecations", 26),
        ("reduce_breaking_changes", 3),
        ("coordinate_with_dependents", 3),
    ]
    assert score_of(found, "complexity") == 0
    few = health_of(evidence_of(catalogue(entity(0, 3, is_deprecated=True)), unused=(), broken="ab", dependents=4))
    assert few.recommendations == ()


def test_badges() -> None:
    assert [Health(score, 1, (), ()).badge for score in (80, 79.9, 50, 49.9)] == ["green", "amber", "amber", "red"]


def test_names_are_judged_by_the_style_of_the_format() -> None:
    def ratio(format_: Format, *names: str) -> float | None:
        fields = tuple(Field(name, None, "string", Label.OPTIONAL) for name in names)
        one = Entity("a", "Good", Kind.MESSAGE, None, 0, fields)
        return measures_of(Catalogue(format_, (), (one,))).named_ratio

    assert ratio(Format.PROTOBUF, "order_id", "orderId", "ID") == 0.5  # the message and one field of four names
    assert ratio(Format.JSON_SCHEMA, "orderId", "shopId", "order_note", "id") == pytest.approx(2 / 3)
    assert ratio(Format.AVRO, "id", "note") is None


def test_import_depth_goes_round_circles_once() -> None:
    imports = tuple(Import(one, other, Origin.OWN) for one, other in ("ab", "bc", "ca", "cd"))
    files = tuple(File(path, "", "avro") for path in "abc")
    assert measures_of(Catalogue(Format.AVRO, files, (), imports)).import_depth == 3
