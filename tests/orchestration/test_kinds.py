"""What an asset says it is: where its rows lie."""

from analytics_etl.config.settings import Settings
from analytics_etl.orchestration.assets.metadata import asset_key
from analytics_etl.orchestration.definitions import build_defs


def test_a_fine_grained_table_is_said_to_be_files(settings: Settings) -> None:
    assets = build_defs(settings).resolve_asset_graph()
    found = {table: assets.get(asset_key(f"registry.{table}")).kinds for table in ("module_activity_daily",
             "module_stats_daily", "download_events")}  # fmt: skip
    assert found == {
        "module_activity_daily": {"parquet", "sql"},
        "module_stats_daily": {"postgres", "sql", "table"},
        "download_events": {"postgres", "parquet", "duckdb", "table"},
    }
