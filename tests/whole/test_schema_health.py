"""Two modules from their registration on: what is in them, what breaks, who depends on whom, what nobody uses."""

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from commands import call, variables
from events import Event, ask, at, declared, download, event_id, load_and_aggregate, rows_in_lake, rows_of, write

from analytics_etl.config.settings import Settings
from analytics_etl.pipeline.module_pages import write_module_pages
from analytics_etl.postgres.database import Database

FIRST, CHANGED, LAST = date(2025, 1, 6), date(2025, 3, 31), date(2025, 4, 14)
MONEY = """syntax = "proto3";
package money.v1;
// An amount.
message Money {
  // ISO 4217.
  string currency = 1;
  int64 units = 2;
}
"""
SHOP = """syntax = "proto3";
package shop.v1;
import "money/v1/money.proto";
message Order {
  string id = 1;
  money.v1.Money total = 2;
  string note = 3;
}
"""


def version(number: int, day: date, module: str, name: str, text: str, path: str) -> Event:
    return {
        "event_id": event_id(number),
        "registered_at": at(number, day),
        "module_name": module,
        "version": name,
        "format": "protobuf",
        "files": {path: text},
        "size_bytes": len(text),
    }


def use(number: int, day: date, module: str, entity: str, field: str) -> Event:
    names = {"module_name": module, "entity": entity, "field": field, "service": "billing"}
    return {"event_id": event_id(number), "used_at": at(number, day), **names}


def rows(settings: Settings, table: str, columns: str, day: date) -> list[Any]:
    text = f"select {columns} from registry.{table} where day = '{day}' order by 1, 2"
    return [tuple(row.values()) for row in ask(settings.database_url, text)]


def moved_scores(settings: Settings) -> list[Any]:
    """(day, module, stored reason) of each score that is not that of the module's day before."""
    moved = ask(
        settings.database_url,
        "select day, module_name, change_reason from (select day, module_name, overall_score, lag(overall_score) over "
        "(partition by module_name order by day) as before from registry.module_health_daily) as scores "
        "left join registry.module_health_changes_daily using (day, module_name) "
        "where scores.overall_score is distinct from before order by 1, 2",
    )
    return [tuple(row.values()) for row in moved]


@pytest.fixture
def life(settings: Settings, database: Database) -> Settings:
    """Two modules and a broken one, from their registration to the last day."""
    shop = "shop/v1/order.proto"
    write(
        settings,
        "module_versions/a.ndjson",
        [
            version(1, FIRST, "money", "1", MONEY, "money/v1/money.proto"),
            version(2, FIRST, "shop", "1", SHOP, shop),
            version(3, CHANGED, "shop", "2", SHOP.replace("  string note = 3;\n", ""), shop),
            version(4, CHANGED, "broken", "1", "message {", "broken.proto"),
        ],
    )
    uses = [use(1, CHANGED, "money", "money.v1.Money", "currency"), use(2, LAST, "shop", "shop.v1.Order", "id")]
    write(settings, "field_usage_events/a.ndjson", uses)
    for day in (FIRST, CHANGED, LAST):
        load_and_aggregate(database, day, day, ["registry"])
    return settings


def test_two_modules_and_what_becomes_of_them(life: Settings) -> None:
    def found(table: str, columns: str, day: date) -> list[Any]:
        return rows(life, table, columns, day)

    assert found("module_catalog_daily", "module_name, version, previous_version, field_count, fault", CHANGED) == [
        ("broken", "1", None, 0, "broken.proto:1:9: Expected message name."),
        ("shop", "2", "1", 2, None),
    ]
    assert found("schema_changes_daily", "element, rule, category", CHANGED) == [
        ("shop.v1.Order.note", "FIELD_NO_DELETE", "breaking_source"),
        ("shop.v1.Order.note", "FIELD_NO_DELETE_UNLESS_NAME_RESERVED", "breaking_wire"),
        ("shop.v1.Order.note", "FIELD_NO_DELETE_UNLESS_NUMBER_RESERVED", "breaking_wire"),
    ]
    assert found("module_elements_daily", "element, field, type, number, is_documented", FIRST) == [
        ("money.v1.Money", None, None, None, True),
        ("money.v1.Money.currency", "currency", "string", 1, True),
        ("money.v1.Money.units", "units", "int64", 2, False),
        ("shop.v1.Order", None, None, None, False),
        ("shop.v1.Order.id", "id", "string", 1, False),
        ("shop.v1.Order.note", "note", "string", 3, False),
        ("shop.v1.Order.total", "total", "money.v1.Money", 2, False),
    ]
    assert found("module_dependents_daily", "module_name, imported_modules, dependents", CHANGED) == [
        ("broken", None, None),
        ("money", None, "shop"),
        ("shop", "money", None),
    ]
    assert found("unused_fields_daily", "module_name, element, first_seen_day", LAST) == [
        ("money", "money.v1.Money.units", FIRST),
        ("shop", "shop.v1.Order.total", FIRST),
    ]
    # money: documented 2 of 3, so maintainability (66.67 + 3 x 100) / 4; shop: documented 0 of 3; 1 of 2 fields unused;
    # the removal of `note` counts once, 87.5 points.
    assert found("module_health_daily", "module_name, badge, unused_score, breaking_score, breaking_count", LAST) == [
        ("broken", "unknown", None, None, None),
        ("money", "green", 50, 100, 0),
        ("shop", "green", 50, 87.5, 1),
    ]
    scores: dict[object, object] = dict(found("module_health_daily", "module_name, overall_score", LAST))
    assert scores["broken"] is None
    assert scores["money"] == pytest.approx(0.25 * 100 + 0.35 * (200 / 3 + 300) / 4 + 0.15 * 50 + 0.25 * 100)
    assert scores["shop"] == pytest.approx(0.25 * 100 + 0.35 * 75 + 0.15 * 50 + 0.10 * 100 + 0.15 * 87.5)
    # Each score that differs from the day before has its reason. The first two days are 84 days apart; on the second
    # one no field is 90 days old.
    assert moved_scores(life) == [
        (FIRST, "money", "the first score in 30 days"),
        (FIRST, "shop", "the first score in 30 days"),
        (CHANGED, "shop", "the first score in 30 days"),
        (LAST, "money", "unused unknown to 50: unused fields 1, fields that are old enough 2"),
        (LAST, "shop", "unused unknown to 50: unused fields 1, fields that are old enough 2"),
    ]


def test_a_change_is_checked_against_what_is_registered(life: Settings, tmp_path: Path) -> None:
    """The total is not used, the id is; the amount comes from the other module."""
    order = tmp_path / "shop" / "v1" / "order.proto"
    order.parent.mkdir(parents=True)
    order.write_text(SHOP.replace("  string id = 1;\n  money.v1.Money total = 2;\n", "  money.v1.Money sum = 4;\n"))
    result = call(f"check-schema {tmp_path} --against shop --enforce FILE", variables(life))
    assert result.exit_code == 1
    place = "✗ shop/v1/order.proto:4: FIELD_NO_DELETE (FILE, PACKAGE) breaking source: shop.v1.Order"
    assert [line.removeprefix(place) for line in result.stdout.splitlines()] == [
        '.id: The field 1 "id" was removed. Used by billing in 90 days, last on 2025-04-14.',
        '.total: The field 2 "total" was removed. Nobody used it in 90 days.',
        "2 rules broken; other changes: 2 addition, 4 breaking wire",
    ]
    said = json.loads(call(f"check-schema {tmp_path} --against shop@1 --format json", variables(life)).stdout)
    uses = {change["element"]: change.get("use") for change in said["changes"] if change["rule"] == "FIELD_NO_DELETE"}
    assert uses == {
        "shop.v1.Order.id": {"usage_count": 1, "services": ["billing"], "last_used_day": "2025-04-14"},
        "shop.v1.Order.total": {"usage_count": 0, "services": [], "last_used_day": None},
    }
    result = call(f"check-schema {tmp_path} --against shop@9", variables(life))
    assert result.exit_code == 1
    assert "shop@9 is no folder or file here, and no version of the registry" in result.stderr


def test_what_postgresql_computes_and_others_are_made_of_is_in_the_lake(life: Settings) -> None:
    """So the overview is computed where its large input lies."""
    made = ask(
        life.database_url,
        "select distinct table_name, engine from ops.partitions where table_name = any(%s) order by 1",
        [["registry.registry_size_daily", "registry.overview_daily", "registry.module_catalog_daily"]],
    )
    assert [(row["table_name"], row["engine"]) for row in made] == [
        ("registry.module_catalog_daily", "python"),
        ("registry.overview_daily", "duckdb"),
        ("registry.registry_size_daily", "postgresql"),
    ]
    assert rows_of(life.database_url, "registry.registry_size_daily") == rows_in_lake(
        life, "registry.registry_size_daily"
    )


def test_a_page_of_a_module_is_written_when_something_on_it_changes(life: Settings, database: Database) -> None:
    pages, listed = life.reports_dir / "modules", life.reports_dir / "modules.json"

    def written() -> set[str]:
        """The pages that are written now; the list says what they say."""
        before = {path.name: path.stat().st_ino for path in pages.glob("*")}
        count = write_module_pages(database, declared())
        after = {path.name: path.stat().st_ino for path in pages.glob("*")}
        found = {name.rpartition(".")[0] for name, node in after.items() if before.get(name) != node}
        assert len(found) == count
        entries = json.loads(listed.read_text())["modules"]
        assert sorted(entry["links"]["html"] for entry in entries) == sorted(
            f"modules/{p.name}" for p in pages.glob("*.html")
        )
        return found

    assert written() == {"broken", "money", "shop"}
    assert written() == set()
    page = json.loads((pages / "shop.json").read_text())
    assert page["score"]["overall_score"] == 81.875
    assert page["last_change_day"] == str(LAST)
    sections = {section["name"]: section["rows"] for section in page["sections"]}
    assert [(row["day"], row["moved"]) for row in sections["scores"]] == [
        (str(LAST), "unused unknown to 50: unused fields 1, fields that are old enough 2"),
        (str(CHANGED), "the first score in 30 days"),
    ]
    assert [(row["version"], row["first_day"]) for row in sections["versions"]] == [
        ("2", str(CHANGED)),
        ("1", str(FIRST)),
    ]
    assert [row["element"] for row in sections["changes"]] == ["shop.v1.Order.note"]
    assert [row["element"] for row in sections["unused_fields"]] == ["shop.v1.Order.total"]
    assert ">shop<" in (pages / "money.html").read_text()  # it depends on money
    assert "unknown" in (pages / "broken.svg").read_text()
    # The next day one module is downloaded, and another one gets a version that depends on nothing; one page is lost.
    after = LAST + timedelta(days=1)
    write(life, "download_events/a.ndjson", [download(1, after, module_name="money", version="1", client_sdk="go")])
    fixed = 'syntax = "proto3";\nmessage Fixed {\n}'
    write(life, "module_versions/b.ndjson", [version(5, after, "broken", "2", fixed, "broken.proto")])
    load_and_aggregate(database, after, after, ["registry"])
    assert written() == {"money", "broken"}
    page = json.loads((pages / "money.json").read_text())
    clients = next(section["rows"] for section in page["sections"] if section["name"] == "clients")
    assert [(row["sdk"], row["newest_downloaded_version"], row["versions_behind"]) for row in clients] == [
        ("go", "1", 0)
    ]
    assert "green" in (pages / "broken.svg").read_text()
    (pages / "shop.svg").unlink()
    assert written() == {"shop"}
    # A day without events writes nothing, and what is no page of a module does not stay.
    load_and_aggregate(database, after + timedelta(days=1), after + timedelta(days=1), ["registry"])
    assert written() == set()
    (pages / "gone.html").write_text("of a module that is no more")
    assert written() == set()
    assert not (pages / "gone.html").exists()
