"""A report is about one moment, whatever other runs commit while it is written."""

from typing import Any

import pytest
from events import DAY, declared, download, execute, load_and_aggregate, view, write

from analytics_etl.config.settings import Settings
from analytics_etl.pipeline.reports import write_report
from analytics_etl.postgres.database import Database
from analytics_etl.postgres.snapshot import Snapshot

FAMILIES_IN_USE = ("registry",)


def test_what_is_committed_while_a_report_is_written_is_not_in_it(
    settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(settings, "download_events/a.ndjson", [download(n) for n in range(30)])
    write(settings, "module_view_events/a.ndjson", [view(n) for n in range(20)])
    load_and_aggregate(database, DAY, DAY, ["registry"])

    def written() -> dict[str, Any]:
        return dict(write_report(database, declared(), "registry", "day", DAY).value)

    written()  # the first one is published, which later ones tell
    before, plain, questions = written(), Snapshot.query, 0

    def query(self: Snapshot, *arguments: Any) -> list[dict[str, Any]]:
        nonlocal questions
        found = plain(self, *arguments)
        questions += 1
        if questions == 1:
            for table, model in declared().aggregates.items():
                if model.family == "registry" and not model.is_in_lake_only:
                    execute(settings.database_url, f"delete from {table}")
        return found

    monkeypatch.setattr(Snapshot, "query", query)
    assert written() == before
    assert questions > 10
    monkeypatch.undo()
    assert {kpi["name"]: kpi["value"] for kpi in before["kpis"]}["download_count"] == 30
    assert written()["kpis"] != before["kpis"]
