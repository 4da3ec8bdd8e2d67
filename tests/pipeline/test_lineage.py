"""What is made of what, and what a selection means."""

from datetime import date

import pytest
from events import declared

from analytics_etl.checks.declared import declared_checks
from analytics_etl.config.settings import Settings
from analytics_etl.orchestration.definitions import build_defs
from analytics_etl.pipeline.jobs import Job, JobBuilder, Parts, jobs_of, selected_jobs
from analytics_etl.pipeline.lineage import Lineage, SelectionError

DAY = date(2025, 3, 5)
WEEK, MONTH = date(2025, 3, 3), date(2025, 3, 1)


@pytest.fixture(scope="module")
def lineage() -> Lineage:
    return Lineage.of(declared())


def test_it_is_the_graph_of_the_assets(lineage: Lineage) -> None:
    graph = build_defs(Settings()).resolve_asset_graph()
    names = {key: ".".join(key.path) for key in graph.executable_asset_keys}
    aside = {"ops.retention", "ops.watchdog"}  # of no plan: they have jobs of their own
    of_dagster = {
        name: {names[parent] for parent in graph.get(key).parent_keys if parent in names}
        for key, name in names.items()
        if name not in aside
    }
    assert {name: set(reads) for name, reads in lineage.reads.items()} == of_dagster


@pytest.mark.parametrize("job", ["daily", "weekly", "monthly", "views"])
def test_a_job_makes_what_dagsters_job_of_that_name_does(lineage: Lineage, job: str) -> None:
    keys = build_defs(Settings()).resolve_job_def(job).asset_layer.executable_asset_keys
    assert sorted(Job(job).makes(lineage)) == sorted(".".join(key.path) for key in keys)


def test_a_table_alone_or_with_all_that_is_made_of_it(lineage: Lineage) -> None:
    assert lineage.selected(["registry.version_stats_daily"]) == {"registry.version_stats_daily"}
    assert lineage.selected(["registry.version_stats_daily+"]) == {
        "registry.version_stats_daily",
        *(f"registry.{cadence}_report" for cadence in ("daily", "weekly", "monthly")),
        "reports.index",
    }
    assert lineage.selected(["download_events"]) == {"registry.download_events"}
    both = lineage.selected(["registry.version_stats_daily", "registry.top_modules_30d+"])
    assert both == {"registry.version_stats_daily", "registry.top_modules_30d"}


def test_a_name_that_there_is_not_is_told_with_those_like_it(lineage: Lineage) -> None:
    with pytest.raises(SelectionError, match=r"no table, view or report registry\.langage_stats_daily.*did you mean "
                       r"registry\.language_stats_daily"):  # fmt: skip
        lineage.selected(["registry.langage_stats_daily+"])


def test_selected_jobs_are_of_the_periods_that_hold_the_days() -> None:
    names = {"registry.module_stats_weekly", "registry.module_stats_daily", "usage.top_schemas"}
    assert selected_jobs(declared(), DAY, DAY, names) == [
        # Checks of languages and versions compare them with the modules.
        Job("daily", DAY, DAY, only=Parts(
            (("registry.overview_daily", "matches_modules"), ("registry.module_languages_daily", "match_modules"),
             ("registry.version_stats_daily", "matches_modules")),
            tables=("registry.module_stats_daily",))),
        Job("weekly", WEEK, WEEK, only=Parts(tables=("registry.module_stats_weekly",))),
        Job("views", only=Parts(tables=("usage.top_schemas",))),
    ]  # fmt: skip


def test_neighbouring_days_that_want_the_same_are_one_run(lineage: Lineage) -> None:
    builder = JobBuilder(lineage, declared_checks(declared()))
    for number, table in [(4, "language"), (5, "language"), (6, "org"), (8, "language")]:
        builder.add([f"registry.{table}_stats_daily"], "day", date(2025, 3, number), date(2025, 3, number + 1))
    daily = [job for job in builder.jobs() if job.name == "daily"]
    watched = tuple(f"registry.{name}" for name in ("series", "anomalies", "forecasts", "forecast_accuracy"))
    assert [(job.first, job.last, job.only and job.only.tables) for job in daily] == [
        (date(2025, 3, 4), date(2025, 3, 5), ("registry.language_stats_daily", *watched)),
        (date(2025, 3, 6), date(2025, 3, 6), ("registry.org_stats_daily",)),
        (date(2025, 3, 8), date(2025, 3, 8), ("registry.language_stats_daily", *watched)),
    ]


def test_everything_of_a_family_is_a_run_of_the_family(lineage: Lineage) -> None:
    builder = JobBuilder(lineage, {})
    events = [table for table in declared().contracts if table.startswith("usage.")]
    builder.add(events, "day", DAY, date(2025, 3, 6))
    found = builder.jobs()
    assert found == [job for job in jobs_of(DAY, DAY, ("usage",)) if job.makes(lineage)]
    builder.add(list(declared().contracts), "day", DAY, date(2025, 3, 6))
    assert builder.jobs() == jobs_of(DAY, DAY)


def test_a_family_of_days_alone_has_no_run_of_weeks(lineage: Lineage) -> None:
    """As `new-family` makes one: without a report there is nothing to make of a week."""
    tables = {name for name in lineage.reads if name.startswith("schedules.") and not lineage.is_report(name)}
    small = Lineage({name: lineage.reads[name] for name in tables}, {name: lineage.cadences[name] for name in tables})
    assert [job.name for job in jobs_of(DAY, DAY, ("schedules",)) if job.makes(small)] == ["daily"]
