"""The report assets link to where reports are served, as far as a setting says where that is."""

from dataclasses import replace

import dagster as dg
import pytest
from events import DAY, SCHEDULE_EVENTS, aggregate, declared, load, record, write

from analytics_etl.config.settings import Settings
from analytics_etl.orchestration.assets.reports import build_index_asset, build_report_asset
from analytics_etl.orchestration.partitions import Partitions
from analytics_etl.postgres.database import Database


@pytest.mark.parametrize("url", [None, "https://reports.example.org/all"])
def test_the_pages_of_reports_and_index_link_to_them(settings: Settings, url: str | None) -> None:
    database = Database(replace(settings, reports_url=url))
    write(settings, "schedule_events/a.ndjson", [record(1, "mongo", DAY)])
    load(database, SCHEDULE_EVENTS, DAY)
    aggregate(database, DAY, DAY, ("day",), ["schedules"])
    partitions = Partitions.since(settings.start_date)
    report = build_report_asset(declared(), "schedules", "day", partitions)
    index = build_index_asset(declared(), ["schedules"])
    shown = {}
    for asset, day in ((report, DAY.isoformat()), (index, None)):
        deps = {dep.asset_key for spec in asset.specs for dep in spec.deps}
        result = dg.materialize(
            [*map(dg.AssetSpec, deps), asset], resources={"database": database}, partition_key=day
        )  # fmt: skip
        [event] = result.asset_materializations_for_node(asset.op.name)
        shown[asset.op.name] = event.metadata.get("page")
        assert isinstance(event.metadata["html"], dg.PathMetadataValue)
    if url is None:
        assert shown == {"schedules__daily_report": None, "reports__index": None}
        return
    assert shown == {
        "schedules__daily_report": dg.UrlMetadataValue(f"{url}/schedules/daily/{DAY}.html"),
        "reports__index": dg.UrlMetadataValue(f"{url}/index.html"),
    }
