"""Reports of tenants: each says what its tenant did, and nothing of any other."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from conftest import Server, settings_in
from events import DAY, aggregate, event_id, load, write
from jsonschema import Draft202012Validator, FormatChecker

from analytics_etl.catalog.catalog import Catalog
from analytics_etl.config.settings import TEMPLATES_DIR, Settings
from analytics_etl.pipeline.reports import write_index, write_report
from analytics_etl.pipeline.tenant_reports import folders_to_index, remove_of_tenants, tenant_folder
from analytics_etl.postgres.database import Database

REPORT = f"platform/daily/{DAY}"
SAMPLE: dict[str, Any] = {"type": "counter", "category": "business", "unit": "EUR", "labels": {}}
HOT: dict[str, Any] = {"name": "cpu_percent", "type": "gauge", "category": "system", "unit": "percent"}
# Numbers that occur nowhere else, so that they are found wherever they are shown.
SAMPLES = [
    {**SAMPLE, "name": "acme_revenue", "value": 4411, "tenant_id": "acme", "user_id": "u1"},
    {**SAMPLE, "name": "acme_revenue", "value": 0, "tenant_id": "acme"},
    {**HOT, "value": 97, "labels": {"service_id": "acme_shop"}, "tenant_id": "acme"},
    {**SAMPLE, "name": "globex_revenue", "value": 8833, "tenant_id": "globex"},
    {**HOT, "value": 96, "labels": {"service_id": "globex_shop"}, "tenant_id": "globex"},
    {**SAMPLE, "name": "house_revenue", "value": 6622},
    {**HOT, "value": 99, "labels": {"service_id": "house_shop"}},
]  # fmt: skip


@pytest.fixture(scope="module")
def database(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A day with samples of two tenants and of the platform."""
    settings = settings_in(tmp_path_factory.mktemp("tenants"), server.clone(), DAY, ("platform",))
    dated = [{"event_id": event_id(n), "recorded_at": f"{DAY}T10:00:0{n}Z", **s} for n, s in enumerate(SAMPLES)]
    write(settings, "metric_samples/a.ndjson", dated)
    found = Database(settings)
    load(found, "platform.metric_samples", DAY)
    aggregate(found, DAY, DAY, ("day",), ["platform"])
    yield found
    server.drop(settings.database_url or "")


def written(database: Database, folder: Path, **parameters: int) -> Settings:
    """The settings with which the day's reports were written into a folder."""
    given = {**database.settings.parameters, **parameters}
    settings = replace(database.settings, reports_dir=folder, parameters=given)
    write_report(Database(settings), Catalog.of(settings), "platform", "day", DAY)
    write_index(folder)
    return settings


def value_of(folder: Path, tenant: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((tenant_folder(folder, tenant) / f"{REPORT}.json").read_text())
    return found


def test_a_report_tells_nothing_of_another_tenant(database: Database, tmp_path: Path) -> None:
    written(database, tmp_path)
    own = {"acme": ("acme_revenue", "acme_shop", "4411"), "globex": ("globex_revenue", "globex_shop", "8833")}
    foreign = {
        "acme": ("globex", "8833", "8,833", "house", "6622", "6,622"),
        "globex": ("acme", "4411", "4,411", "house", "6622", "6,622"),
    }
    for tenant, expected in own.items():
        files = [path for path in tenant_folder(tmp_path, tenant).parent.rglob("*") if path.is_file()]
        text = (tenant_folder(tmp_path, tenant) / f"{REPORT}.json").read_text()
        assert [word for word in expected if word not in text] == []
        seen = {path.name: word for path in files for word in foreign[tenant] if word in path.read_text()}
        assert seen == {}
        assert {"index.html", "index.json", f"{DAY}.html", f"{DAY}.json"} <= {path.name for path in files}


def test_what_the_report_of_a_tenant_says(database: Database, tmp_path: Path) -> None:
    written(database, tmp_path)
    value = value_of(tmp_path, "acme")
    schema = json.loads((TEMPLATES_DIR / "report.schema.json").read_text())
    Draft202012Validator(schema, format_checker=FormatChecker()).validate(value)
    assert {kpi["name"]: kpi["value"] for kpi in value["kpis"]} == {
        "sample_count": 3, "active_users": 1, "unhealthy_ratio": 1.0, "reset_count": 0
    }  # fmt: skip
    sections = {section["name"]: section for section in value["sections"]}
    assert list(sections) == ["trend", "health", "business", "dimensions", "metrics", "labels"]
    assert [row["service_id"] for row in sections["health"]["rows"]] == ["acme_shop"]
    assert [(row["name"], row["total_value"]) for row in sections["business"]["rows"]] == [("acme_revenue", 4411)]
    assert [row["name"] for row in sections["metrics"]["rows"]] == ["acme_revenue", "cpu_percent"]
    assert not {"tenant", "tenant_count"} & {c["name"] for s in value["sections"] for c in s["columns"]}
    assert (value["tenant"], value["state"]["is_complete"]) == ("acme", True)
    html = (tenant_folder(tmp_path, "acme") / f"{REPORT}.html").read_text()
    assert "Data quality" not in html
    assert '<a href="../../index.html">' in html


def test_the_index_lists_the_tenants(database: Database, tmp_path: Path) -> None:
    written(database, tmp_path)
    index = json.loads((tmp_path / "index.json").read_text())
    schema = json.loads((TEMPLATES_DIR / "index.schema.json").read_text())
    Draft202012Validator(schema, format_checker=FormatChecker()).validate(index)
    assert index["tenants"] == [
        {"tenant": name, "href": f"tenants/{name}/reports/index.html"} for name in ("acme", "globex")
    ]
    assert [entry["links"]["json"] for entry in index["reports"]] == [f"{REPORT}.json"]
    page = (tmp_path / "index.html").read_text()
    for each in index["tenants"]:
        assert f'href="{each["href"]}"' in page
        assert (tmp_path / each["href"]).exists()


def test_reports_are_written_again_only_if_they_say_something_else(database: Database, tmp_path: Path) -> None:
    written(database, tmp_path)
    pages = [tenant_folder(tmp_path, name) / f"{REPORT}.html" for name in ("acme", "globex")]
    before = [page.stat().st_ino for page in pages]
    pages[0].with_suffix(".json").write_text("{}")
    written(database, tmp_path)
    assert [page.stat().st_ino == inode for page, inode in zip(pages, before, strict=True)] == [False, True]


def test_only_the_largest_tenants_have_reports(database: Database, tmp_path: Path) -> None:
    written(database, tmp_path)
    written(database, tmp_path, platform_tenant_reports=1)
    assert [path.name for path in (tmp_path / "tenants").iterdir()] == ["acme"], "3 samples against 2"
    written(database, tmp_path, platform_tenant_reports=0)
    assert list((tmp_path / "tenants").iterdir()) == []
    assert "tenants" not in json.loads((tmp_path / "index.json").read_text())


def test_reports_of_tenants_go_with_the_report_beside_them(tmp_path: Path) -> None:
    other: date = DAY + timedelta(days=1)
    for tenant, days in {"acme": (DAY, other), "globex": (DAY,)}.items():
        for day in days:
            for suffix in ("html", "json"):
                file = tenant_folder(tmp_path, tenant) / f"platform/daily/{day}.{suffix}"
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text("{}")
        (tenant_folder(tmp_path, tenant) / "index.json").write_text("{}")
    assert folders_to_index(tmp_path) == []
    remove_of_tenants(tmp_path, [tmp_path / f"{REPORT}.html"])
    assert folders_to_index(tmp_path) == [tenant_folder(tmp_path, "acme")]
    left = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("platform/*/*"))
    assert left == [f"tenants/acme/reports/platform/daily/{other}.{suffix}" for suffix in ("html", "json")]
