"""Sample versions of modules and uses of their fields: they can be read, and live day by day."""

import json
import re
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from analytics_etl.families.sample import SampleOptions, write_sample
from analytics_etl.schemas import Format, Parser, Version

LAST_DAY = date(2025, 3, 31)
DAYS = 60
TAKEN_OVER = LAST_DAY - timedelta(days=34)

IMPORT = re.compile(r'import "([^"]+)"')

Row = dict[str, Any]


def written(folder: Path, days: int, **options: Any) -> dict[str, dict[str, list[Row]]]:
    """{table: {day: rows}} of a sample without bad rows and second copies."""
    given = SampleOptions(LAST_DAY, days, 2_000, bad_row_ratio=0, duplicate_ratio=0, file_format="ndjson", **options)
    found: dict[str, dict[str, list[Row]]] = {}
    for path in write_sample(folder, given):
        if path.parent.name in ("module_versions", "field_usage_events"):
            rows = [json.loads(line) for line in path.read_text().splitlines()]
            found.setdefault(path.parent.name, {})[path.name.partition(".")[0]] = rows
    return found


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, list[Row]]]:
    return written(tmp_path_factory.mktemp("sample"), DAYS)


def all_of(sample: dict[str, dict[str, list[Row]]], table: str) -> list[Row]:
    return [row for day in sorted(sample[table]) for row in sample[table][day]]


def test_a_version_is_registered_on_one_day_whichever_days_are_made(
    sample: dict[str, dict[str, list[Row]]], tmp_path: Path
) -> None:
    versions = [(row["module_name"], row["version"]) for row in all_of(sample, "module_versions")]
    assert len(set(versions)) == len(versions)
    few = written(tmp_path, 3)
    for table, days in few.items():
        assert list(days) == [str(LAST_DAY - timedelta(days=age)) for age in (2, 1, 0)]
        assert days == {day: sample[table][day] for day in days}


def test_every_day_has_a_few_and_one_has_many(sample: dict[str, dict[str, list[Row]]]) -> None:
    counts = {day: len(rows) for day, rows in sample["module_versions"].items()}
    assert len(counts) == DAYS
    assert counts.pop(str(TAKEN_OVER)) > 50
    assert all(8 <= count <= 16 for count in counts.values()), counts


def test_versions_follow_each_other(sample: dict[str, dict[str, list[Row]]]) -> None:
    known: dict[str, list[str]] = {}
    for row in all_of(sample, "module_versions"):
        before = known.setdefault(row["module_name"], [])
        released = [version for version in before if "nightly" not in version]
        if released:
            assert row["previous_version"] == released[-1]
        before.append(row["version"])
        assert row["size_bytes"] == sum(len(text.encode()) for text in row["files"].values())
    assert sum(len(versions) > 2 for versions in known.values()) > 20


def test_users_have_versions_that_were_registered_before(sample: dict[str, dict[str, list[Row]]]) -> None:
    """First versions are used longer: the world has no earlier ones."""
    registered: dict[tuple[str, str], str] = {}
    for row in all_of(sample, "module_versions"):
        registered[row["module_name"], row["version"]] = row["registered_at"][:10]
    uses = [row for row in all_of(sample, "field_usage_events") if not (row["version"] or ".0.0").endswith(".0.0")]
    early = [
        row for row in uses if row["used_at"][:10] < registered.get((row["module_name"], row["version"]), "")
        and registered[row["module_name"], row["version"]] != str(TAKEN_OVER)
    ]  # fmt: skip
    assert early == []
    assert sum((row["module_name"], row["version"]) in registered for row in uses) > len(uses) / 4


def version_of(row: Row, sources: dict[str, Row]) -> Version:
    """A version, with the files of the modules that it imports, directly and through others."""
    there = {path: text for other in sources.values() for path, text in other["files"].items()}
    needed: dict[str, str] = {}
    waiting = list(row["files"].values())
    while waiting:
        text = waiting.pop()
        named = {path for path in IMPORT.findall(text) if path in there and path not in needed}
        needed |= {path: there[path] for path in named}
        waiting += [there[path] for path in named]
    if row["format"] != "protobuf":  # they name types and ids
        needed = {path: text for path, text in there.items() if path.endswith(next(iter(row["files"]))[-5:])}
    return Version(Format(row["format"]), row["files"], needed)


def newest(sample: dict[str, dict[str, list[Row]]]) -> dict[str, Row]:
    return {row["module_name"]: row for row in all_of(sample, "module_versions")}


def test_sources_can_be_read_and_the_world_is_alive(sample: dict[str, dict[str, list[Row]]]) -> None:
    sources, rows = newest(sample), all_of(sample, "module_versions")
    others = [row for row in rows if row["format"] != "protobuf"]
    with Parser() as parser:
        catalogues = list(parser.parse_all(version_of(row, sources) for row in [*rows[::8], *others[::6]]))
    faults = [str(fault) for catalogue in catalogues for fault in catalogue.faults]
    older = ("is missing: it is not in the version", "leads to nothing in the version", "is no type of the version")
    assert [fault for fault in faults if not any(words in fault for words in older)] == []
    whole = [catalogue for catalogue in catalogues if catalogue.is_whole]
    assert len(whole) > 0.8 * len(catalogues), "the others import modules that are older than the sample"
    assert {catalogue.format for catalogue in whole} == set(Format)
    assert any(item.origin == "other" for catalogue in whole for item in catalogue.imports)
    fields = [field for catalogue in whole for entity in catalogue.entities for field in entity.fields]
    assert 0.02 < sum(field.is_deprecated for field in fields) / len(fields) < 0.3
    assert 0.2 < sum(bool(field.documentation) for field in fields) / len(fields) < 0.9


def test_modules_grow_and_some_break(sample: dict[str, dict[str, list[Row]]]) -> None:
    sources, versions = newest(sample), dict[str, list[Row]]()
    for row in all_of(sample, "module_versions"):
        if "nightly" not in row["version"] and row["format"] == "protobuf":
            versions.setdefault(row["module_name"], []).append(row)
    pairs = [pair for of in versions.values() for pair in zip(of[1:], of, strict=False)][:40]
    with Parser() as parser:
        found = list(parser.examine_all((version_of(new, sources), version_of(old, sources)) for new, old in pairs))
    changes = [each.comparison.changes for each in found if each.comparison and each.comparison.obstacle is None]
    broken = [of for of in changes if any(change.category.is_breaking for change in of)]
    assert broken
    assert len([of for of in changes if of]) > 3 * len(broken)


def test_fields_are_those_of_the_schemas_and_some_are_never_used(sample: dict[str, dict[str, list[Row]]]) -> None:
    sources, rows = newest(sample), all_of(sample, "field_usage_events")
    used: dict[str, set[tuple[str, str]]] = {}
    for row in rows:
        used.setdefault(row["module_name"], set()).add((row["entity"], row["field"]))
    names = sorted(sources, key=lambda name: -len(used.get(name, ())))[:6]
    with Parser() as parser:
        for catalogue, name in zip(
            parser.parse_all(version_of(sources[name], sources) for name in names), names, strict=True
        ):
            there = {(entity.name, field.name) for entity in catalogue.entities for field in entity.fields}
            assert len(used[name] & there) > 0.7 * len(used[name])
            assert there - used[name]
    for column in ("organization_id", "version", "service", "client_sdk"):
        given = sum(row[column] is not None for row in rows)
        assert 0.5 * len(rows) < given < len(rows), column
