"""What the API says of exported files, and of the states of the platform's days."""

import hashlib
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from conftest import Server, settings_in
from events import execute, put
from served import serving

from analytics_etl.catalog.catalog import Catalog
from analytics_etl.ops import api_tokens
from analytics_etl.pipeline.exports import Exporter, Wanted
from analytics_etl.postgres.database import Database

DAY = date(2025, 3, 31)
PATH = "/api/v1/pipeline/exports"


@pytest.fixture
def settings(server: Server, tmp_path: Path) -> Any:
    settings = settings_in(tmp_path, server.clone(), DAY)
    rows = [
        {"day": day, "module_name": "a", "version": "1", "downloads": 1, "unique_users": 1}
        for day in (DAY - timedelta(days=1), DAY)
    ]
    put(settings, {"registry.version_stats_daily": rows, "registry.language_stats_daily": []})
    yield settings
    server.drop(settings.database_url or "")


def test_the_files_of_the_exports(settings: Any) -> None:
    with serving(settings) as client:
        assert client.get(PATH).json()["rows"] == []
        database = Database(settings)
        list(Exporter(database, Catalog.of(settings), settings.exports_dir, Wanted(families=["registry"])).export())
        files = client.get(PATH).json()["rows"]
        assert [(file["period_start"], file["format"], file["row_count"]) for file in files] == [
            ("2025-03-30", "csv", 1), ("2025-03-30", "parquet", 1), ("2025-03-31", "csv", 1),
            ("2025-03-31", "parquet", 1),
        ]  # fmt: skip
        for file in files:
            content = (settings.exports_dir / file["path"]).read_bytes()
            assert (file["size_bytes"], file["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
            assert (file["table_name"], file["cadence"]) == ("registry.version_stats_daily", "daily")
        page = client.get(f"{PATH}?limit=3").json()
        assert [*page["rows"], *client.get(f"{PATH}?cursor={page['next_cursor']}").json()["rows"]] == files
        assert client.get(f"{PATH}?table=registry.version_stats_daily").json()["rows"] == files
        assert client.get(f"{PATH}?table=registry.language_stats_daily").json()["rows"] == []
        assert client.get(f"{PATH}?tenant=../..").json()["rows"] == []
        assert client.get(f"{PATH}?tenant=").status_code == 422
        (settings.exports_dir / "manifest.json").write_text("{")
        damaged = client.get(PATH)
        assert (damaged.status_code, str(settings.exports_dir) in damaged.text) == (503, False)


def bearer(settings: Any, tenant: str | None) -> dict[str, str]:
    until = datetime.now(UTC) + timedelta(days=1)
    token = Database(settings).run(api_tokens.create, "test", "a viewer", "viewer", until, tenant)[1]
    return {"Authorization": f"Bearer {token}"}


def test_the_states_of_the_days_of_the_platform(settings: Any) -> None:
    execute(settings.database_url, "insert into ops.days (table_name, day, state, is_final, final_from, rows) values "
            "('platform.metric_1d', '2025-03-31', 'provisional', false, '2025-04-03', 7), "
            "('registry.overview_daily', '2025-03-31', 'provisional', false, '2025-04-03', 1)")  # fmt: skip
    viewer, of_tenant = bearer(settings, None), bearer(settings, "acme")
    with serving(settings) as client:
        path = "/analytics/aggregation/status"
        [row] = client.get(path, headers=viewer).json()["rows"]
        assert (row["table_name"], row["day"], row["state"], row["row_count"]) == (
            "platform.metric_1d", "2025-03-31", "provisional", 7,
        )  # fmt: skip
        assert client.get(f"{path}?table=registry.overview_daily", headers=viewer).json()["rows"] == []
        assert client.get(path, headers=of_tenant).status_code == 403
        both = client.get("/api/v1/pipeline/days", headers=viewer).json()["rows"]
        assert len(both) == 2
