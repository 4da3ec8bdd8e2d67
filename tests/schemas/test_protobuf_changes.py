"""Breaking changes of protobuf against Buf's own findings: on real histories, and on pairs that break every rule."""

import gzip
import json
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import REAL_DATA, needs_real_data
from schema_histories import PROTOBUF, protobuf_versions

from analytics_etl.schemas import Action, Category, Comparison, Format, Parser, Version
from analytics_etl.schemas.protobuf.rules import RULES

Finding = tuple[str, str, str | None, int]
"""Category of Buf, rule, path, line; a finding about no line has line 1, one about a removed file has no path."""


def findings(comparison: Comparison) -> Counter[Finding]:
    assert comparison.obstacle is None
    return Counter(
        (category, change.rule, None if change.rule == "FILE_NO_DELETE" else change.file, change.line or 1)
        for change in comparison.breaking
        for category in change.sets
    )


def compare(parser: Parser, old: dict[str, str], new: dict[str, str]) -> Comparison:
    found = parser.examine(Version(Format.PROTOBUF, new), Version(Format.PROTOBUF, old)).comparison
    assert found is not None
    return found


# -- real histories ---------------------------------------------------------------------------------------------------


@needs_real_data
@pytest.mark.parametrize("module", PROTOBUF)
def test_real_histories_break_what_buf_says(parser: Parser, module: str) -> None:
    """All of Buf's findings and no others: precision and recall are 1."""
    with gzip.open(REAL_DATA / "protos" / f"{module}.expected.jsonl.gz", "rt", encoding="utf-8") as lines:
        expected: dict[tuple[str, str], Counter[Finding]] = {}
        for found in map(json.loads, lines):
            finding = found["category"], found["type"], found.get("path"), found["start_line"]
            expected.setdefault((found["from"], found["to"]), Counter())[finding] += 1
    versions = protobuf_versions(module)
    steps = list(pairwise(versions))
    assert set(expected) <= set(steps)
    examined = parser.examine_all((versions[new], versions[old]) for old, new in steps)
    for step, examination in zip(steps, examined, strict=True):
        assert examination.comparison is not None
        assert findings(examination.comparison) == expected.get(step, Counter()), step


# -- pairs ------------------------------------------------------------------------------------------------------------

PAIRS = yaml.safe_load((Path(__file__).parent / "buf_pairs.yaml").read_text(encoding="utf-8"))

BEYOND_BUF = {
    # Buf does not look at the enums of a package that has no enum left at all.
    "messages, enums, services removed": {"PACKAGE_ENUM_NO_DELETE": 3},
    "service deleted with file": {"PACKAGE_ENUM_NO_DELETE": 1},
    # Buf knows required fields by their label, which the feature LEGACY_REQUIRED of editions does not set.
    "edition features": {"MESSAGE_SAME_REQUIRED_FIELDS": 8},
}
"""Findings of ours that Buf does not have, by rule. The other way round there are none."""


def expected_of(pair: dict[str, Any]) -> Counter[Finding]:
    found = Counter[Finding]()
    for text in pair["expected"]:
        rule, categories, path, *lines = text.split()
        for category in categories.split("+"):
            found.update((category, rule, None if path == "-" else path, int(line)) for line in lines)
    return found


@pytest.mark.parametrize("pair", PAIRS, ids=[pair["name"] for pair in PAIRS])
def test_pairs_break_what_buf_says(parser: Parser, pair: dict[str, Any]) -> None:
    found, expected = findings(compare(parser, pair["old"], pair["new"])), expected_of(pair)
    assert expected - found == Counter()
    more = Counter(
        {rule: sum((found - expected)[item] for item in found if item[1] == rule) for _, rule, _, _ in found}
    )
    assert +more == BEYOND_BUF.get(pair["name"], {})


def test_every_rule_is_broken_by_a_pair() -> None:
    assert {finding[1] for pair in PAIRS for finding in expected_of(pair)} == set(RULES)


def test_agreement_is_nearly_whole(parser: Parser) -> None:
    """Precision over all pairs, rules that nobody breaks in the real histories included."""
    found, right = 0, 0
    for pair in PAIRS:
        ours = findings(compare(parser, pair["old"], pair["new"]))
        found, right = found + ours.total(), right + (ours & expected_of(pair)).total()
    assert right / found > 0.98  # 642 of 654, see BEYOND_BUF


# -- everything else --------------------------------------------------------------------------------------------------

OLD = """syntax = "proto3";
package p;
// An order.
message Order {
  string id = 1;
  // To be removed.
  string note = 2 [deprecated = true];
  int32 count = 3;
}
"""
NEW = """syntax = "proto3";
package p;
// An order of a shop.
message Order {
  reserved 2;
  reserved "note";
  string id = 1 [deprecated = true];
  optional int64 count = 3;
  string shop = 4;
}
enum Unit { PIECE = 0; }
"""


def test_each_change_has_category_rule_and_place(parser: Parser) -> None:
    found = compare(parser, {"a.proto": OLD}, {"a.proto": NEW, "b.proto": 'syntax = "proto3";'}).changes
    wire, source, addition = Category.BREAKING_WIRE, Category.BREAKING_SOURCE, Category.ADDITION
    assert [(c.category, c.action, c.rule, c.element, c.file, c.line) for c in found] == [
        (source, Action.REMOVED, "FIELD_NO_DELETE", "p.Order.note", "a.proto", 4),
        (source, Action.CHANGED, "FIELD_SAME_TYPE", "p.Order.count", "a.proto", 8),
        (wire, Action.CHANGED, "FIELD_WIRE_JSON_COMPATIBLE_TYPE", "p.Order.count", "a.proto", 8),
        (source, Action.CHANGED, "FIELD_SAME_CARDINALITY", "p.Order.count", "a.proto", 8),
        (addition, Action.ADDED, "file_added", "b.proto", "b.proto", None),
        (Category.DOCUMENTATION, Action.CHANGED, "documentation_changed", "p.Order", "a.proto", 4),
        (Category.DEPRECATION, Action.CHANGED, "deprecated", "p.Order.id", "a.proto", 7),
        (addition, Action.ADDED, "field_added", "p.Order.shop", "a.proto", 9),
        (addition, Action.ADDED, "enum_added", "p.Unit", "a.proto", 11),
    ]
    assert found[1].message == 'The field 3 "count" has the type int64, before int32.'


def test_nothing_changes_without_a_change(parser: Parser) -> None:
    assert compare(parser, {"a.proto": OLD}, {"a.proto": OLD}) == Comparison()


def test_versions_with_faults_are_not_compared(parser: Parser) -> None:
    broken = {"a.proto": "message"}
    assert compare(parser, broken, {"a.proto": NEW}).obstacle == "the old version: a.proto:1:8: Expected message name."
    assert compare(parser, {"a.proto": OLD}, broken).obstacle == "the new version: a.proto:1:8: Expected message name."
    assert compare(parser, {"a.proto": OLD}, {}).obstacle == "the new version: the version has no files"
    other = Version(Format.AVRO, {"a.avsc": '"int"'})
    examined = parser.examine(other, Version(Format.PROTOBUF, {"a.proto": OLD}))
    assert examined.comparison == Comparison(obstacle="protobuf became avro")
    assert examined.catalogue.is_whole


def test_the_same_comes_out_in_every_process() -> None:
    """Hashes of texts differ between processes, and so would the order of sets."""
    packages = {f"{name}.proto": f'syntax = "proto3"; package {name}; message M {{}}' for name in "abcdefgh"}
    found = set()
    for _ in range(3):
        with Parser(1) as parser:
            found.add(compare(parser, packages, {"a.proto": packages["a.proto"]}).changes)
    assert len(found) == 1
    assert [change.element for change in found.pop() if change.rule == "PACKAGE_NO_DELETE"] == list("bcdefgh")
