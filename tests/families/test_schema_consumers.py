"""Questions about recommendations and about who downloads which versions, against rows put into tables."""

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from commands import call, variables
from conftest import Server, settings_in
from events import declared, put

from analytics_etl.config.settings import Settings
from analytics_etl.families.queries import QueryError
from analytics_etl.families.queries.registry_schemas import consumers, recommendations
from analytics_etl.pipeline import publishing
from analytics_etl.postgres.database import Database

DAYS = FIRST, SECOND, LAST = date(2025, 3, 29), date(2025, 3, 30), date(2025, 3, 31)
OPEN = [(FIRST, "shop", "split_module"), (LAST, "shop", "split_module"), (SECOND, "money", "split_module"),
        (LAST, "money", "split_module")]  # fmt: skip


ORDERS = {
    "1": {"type": "record", "name": "Order", "fields": [{"name": "total", "type": "string"}]},
    "2": {"type": "record", "name": "Order", "fields": []},
    "3": {"type": "record", "name": "Order", "fields": [{"name": "total", "type": "int", "default": 0}]},
}
"""Avro: 3 reads what 2 wrote, and not what 1 wrote."""


@pytest.fixture(scope="module")
def filled(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    settings = settings_in(tmp_path_factory.mktemp("consumers"), server.clone(), FIRST)
    put(settings, {
        "registry.module_health_daily": [
            {"day": day, "module_name": module} for day in DAYS for module in ("shop", "money")
        ],
        "registry.recommendations_daily": [
            {"day": day, "module_name": module, "recommendation_kind": kind, "recommendation": f"Split it ({day.day})."}
            for day, module, kind in OPEN
        ],
        "registry.module_catalog_daily": [
            {"day": day, "module_name": "shop", "version": version, "registered_at": day}
            for day, version in ((FIRST, "1"), (SECOND, "2"))
        ] + [
            {"day": day, "module_name": "order", "version": version, "registered_at": day, "format": "avro"}
            for day, version in zip(DAYS, ("0", "1", "2"), strict=True)
        ],
        "registry.module_versions_daily": [
            {"day": day, "module_name": "order", "version": version, "registered_at": day, "format": "avro",
             "files": json.dumps({"order.avsc": json.dumps(schema)})}
            for day, version, schema in zip(DAYS, ("0", "1", "2"), ("{", ORDERS["1"], ORDERS["2"]), strict=True)
        ],
        "registry.version_consumers_daily": [
            {"day": LAST, "module_name": "shop", "version": "1", "organization_id": "acme", "downloads": 3}
        ],
        "registry.version_clients_daily": [
            {"day": LAST, "module_name": "shop", "version": version, "sdk": "go", "sdk_version": sdk_version,
             "downloads": downloads}
            for version, sdk_version, downloads in (("1", "1.2", 2), ("1", "1.3", 1), ("2", "1.3", 4))
        ],
    })  # fmt: skip
    publishing.refresh(Database(settings), declared().views["registry.recommendations"])
    yield settings
    server.drop(settings.database_url or "")


def answered(settings: Settings, question: str) -> list[dict[str, Any]]:
    result = call(f"query registry {question} --format json", variables(settings))
    assert result.exit_code == 0, result.output
    rows: list[dict[str, Any]] = json.loads(result.stdout)["rows"]
    return rows


@pytest.mark.parametrize(
    ("options", "places"),
    [("", [0, 1, 2]), ("--state open", [0, 1]), ("--state closed --module shop", [2]), ("--module money", [0])],
)
def test_recommendations_with_their_state_and_days(filled: Settings, options: str, places: list[int]) -> None:
    """That of shop was closed on the second day and came again; that of money is open since then."""
    expected = [
        ("money", "open", str(SECOND), str(LAST), "Split it (31)."),
        ("shop", "open", str(LAST), str(LAST), "Split it (31)."),
        ("shop", "closed", str(FIRST), str(FIRST), "Split it (29)."),
    ]
    keys = ("module_name", "state", "first_seen_day", "last_seen_day", "recommendation")
    found = [tuple(row[key] for key in keys) for row in answered(filled, f"recommendations {options}")]
    assert found == [expected[place] for place in places]


def test_before_the_first_run_there_are_no_recommendations(database: Database) -> None:
    page = recommendations(database)
    assert (page.rows, page.coverage and page.coverage.table) == ([], "registry.module_health_daily")
    with pytest.raises(QueryError):
        recommendations(database, "a\x00")


def test_who_is_behind_organisations_or_clients(filled: Settings) -> None:
    """The newest version is 2: acme has 1, as go 1.2 has; go 1.3 has both."""
    question = f"consumers shop --from {FIRST} --to {LAST}"
    assert [(r["organization_id"], r["versions_behind"]) for r in answered(filled, question)] == [("acme", 1)]
    found = answered(filled, f"{question} --by client")
    assert [(r["sdk"], r["sdk_version"], r["versions_behind"], r["downloads"]) for r in found] == [
        ("go", "1.2", 1, 2), ("go", "1.3", 0, 5),
    ]  # fmt: skip
    page = consumers(Database(filled), "shop", FIRST, LAST, by_client=True)
    assert page.coverage is not None
    assert page.coverage.table == "registry.version_clients_daily"


def test_transitive_compatibility_is_with_all_older_versions(filled: Settings, tmp_path: Path) -> None:
    """Version 0 is no schema at all."""
    new = tmp_path / "order.avsc"
    new.write_text(json.dumps(ORDERS["3"]), encoding="utf-8")

    def checked(options: str) -> tuple[int, list[str], str]:
        done = call(f"check-schema {new} --against order {options}", variables(filled))
        return done.exit_code, [line for line in done.stdout.splitlines() if line.startswith("✗")], done.stderr

    assert checked("--enforce BACKWARD") == (0, [], "")
    assert checked("--enforce FULL --enforce FORWARD_TRANSITIVE")[0] == 1
    code, broken, said = checked("--enforce BACKWARD_TRANSITIVE")
    assert (code, len(broken)) == (1, 1)
    assert "TYPE_MISMATCH" in broken[0]
    assert broken[0].endswith("(against version 1)")
    assert "not compared with version 0: the old version: order.avsc" in said
    other = call(f"check-schema {new} --against {new} --enforce FULL_TRANSITIVE", variables(filled))
    assert (other.exit_code, "transitive compatibility is about" in other.stderr) == (2, True)
