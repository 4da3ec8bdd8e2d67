"""The asset `ops/days`: what its page in the UI says of the newest days."""

from datetime import timedelta

import dagster as dg
from events import DAY, DOWNLOADS, declared, download, load, write

from analytics_etl.catalog.states import MARKS
from analytics_etl.orchestration.assets.days import DAYS_KEY, build_days_asset
from analytics_etl.postgres.database import Database


def test_the_page_shows_states_and_what_to_type(database: Database) -> None:
    late = DAY + timedelta(days=7)
    write(database.settings, "download_events/a.ndjson", [download(0), download(1, late)])
    load(database, DOWNLOADS, DAY, late)
    write(database.settings, "download_events/late.ndjson", [download(2)])
    load(database, DOWNLOADS, late)
    sources = [dg.AssetSpec(dep.asset_key) for dep in build_days_asset(declared()).specs_by_key[DAYS_KEY].deps]
    result = dg.materialize([*sources, build_days_asset(declared())], resources={"database": database})
    [event] = result.asset_materializations_for_node("ops__days")
    states, notes = event.metadata["states"].value, event.metadata["notes"].value
    by_day = [model for model in declared().aggregates.values() if model.cadence == "day"]
    legend, blank, head, rule, *lines = str(states).splitlines()
    assert blank == ""
    assert all(f"{mark.sign} {mark.words}" in legend.replace("&nbsp;", " ") for mark in MARKS.values())
    assert head.startswith("| table | 03-17 | 16 | 15 |"), "the newest day first"
    assert head.count("|") == rule.count("|") == 16
    assert [line.split("|")[1].strip() for line in lines] == [
        *declared().contracts,
        *(
            f"{family}: {sum(model.family == family for model in by_day)} derived tables"
            for family in dict.fromkeys(model.family for model in by_day)
        ),
    ]
    [downloads] = [line for line in lines if DOWNLOADS in line]
    cells = [cell.strip() for cell in downloads.strip("|").split("|")]
    frozen, expected, provisional, unchecked = (
        MARKS[name].sign for name in ("frozen_late", "expected", "provisional", "unchecked")
    )
    assert cells[:9] == [DOWNLOADS, provisional + unchecked, *[expected] * 6, frozen]
    assert 'analytics-etl reopen 2025-03-10 --reason "why"' in str(notes)
    assert event.metadata["days_with_notes"].value == 1
