"""Running some families only: their tables, checks and reports are run, the others' are left alone."""

from dataclasses import replace
from datetime import timedelta

import pytest
from commands import call, variables
from events import DAY, ask, download, ledger, usage, write

from analytics_etl.catalog.catalog import Catalog
from analytics_etl.config.settings import SQL_DIR, Settings
from analytics_etl.families.sample import FAMILIES, SampleOptions
from analytics_etl.reporting.families import REPORTS


@pytest.mark.parametrize("family", Catalog().families)
def test_a_family_has_all_its_parts(family: str) -> None:
    """What `analytics-etl new-family` cannot write, each with what to do; docs/adding-a-family.md shows how."""
    catalog = Catalog()
    tables = {contract.name for contract in catalog.contracts.values() if contract.family == family}
    assert family in FAMILIES, f"no sample events for {family}: a module in families/sample, a line in families.py"
    made = set(FAMILIES[family](SampleOptions(DAY)))
    assert made == tables, f"sample events of {family} are of {sorted(made)}, its tables are {sorted(tables)}"
    assert any(m.family == family for m in catalog.aggregates.values()), (
        f"no aggregate in {SQL_DIR / family}/aggregates"
    )
    assert family in REPORTS, f"no report for {family}: a module in analytics_etl/reporting/families, a line in REPORTS"
    report = REPORTS[family]
    of_signals = {path.stem for path in (SQL_DIR / "ops/signals/reports").glob("*.sql")}
    queries = {"kpis", *report.lookups, *(section.__name__ for section in report.sections)} | of_signals
    assert queries == set(catalog.reports(family)), (
        f"the queries in {SQL_DIR / family}/reports are not the sections and lookups"
    )


def written(settings: Settings) -> set[str]:
    """The families of which something is in the books or on disk."""
    tables = ask(settings.database_url, "select distinct split_part(table_name, '.', 1) as family from ops.partitions")
    return {row["family"] for row in tables} | {
        path.parent.parent.name for path in settings.reports_dir.rglob("*-*.html")
    }


def test_only_the_families_that_are_named_are_run(settings: Settings) -> None:
    write(settings, "download_events/a.ndjson", [download(1)])
    write(settings, "schema_usage_events/a.ndjson", [usage(2, DAY)])
    given = variables(settings)
    done = call(f"backfill {DAY} {DAY} --family usage --reason trial", given)
    assert done.exit_code == 0, done.output
    assert f"daily {DAY} of usage: usage.schema_usage_events" in done.stderr
    assert "registry" not in done.stderr
    assert written(settings) == {"usage"}
    assert set(ledger(settings.database_url)) == {"schema_usage_events/a.ndjson"}
    checked = ask(
        settings.database_url, "select distinct table_name from ops.check_results where check_name ~ 'key_is'"
    )
    assert {row["table_name"].split(".")[0] for row in checked} == {"usage"}
    assert (settings.reports_dir / "index.html").exists(), "it lists the reports of all families"
    assert ask(settings.database_url, "select state from ops.days where table_name = 'usage.schema_usage_events'")
    (audited,) = ask(settings.database_url, "select subject, reason from ops.audit where action = 'backfill'")
    assert audited == {"subject": f"{DAY} to {DAY} of usage", "reason": "trial"}

    missing = call("backfill --missing --family usage", given)
    assert "nothing to do" in missing.stdout, missing.output


def test_only_the_families_in_use_are_there(settings: Settings) -> None:
    write(settings, "download_events/a.ndjson", [download(1)])
    write(settings, "schema_usage_events/a.ndjson", [usage(2, DAY)])
    given = variables(replace(settings, families=("usage",)))
    done = call(f"run {DAY}", given)
    assert done.exit_code == 0, done.output
    assert "registry." not in done.output
    assert "belongs to no table and is not read: landing/download_events/" in done.output
    assert written(settings) == {"usage"}
    judged = ask(settings.database_url, "select distinct table_name from ops.check_results")
    assert {row["table_name"].split(".")[0] for row in judged} == {"usage"}
    assert "registry." not in call(f"status --from {DAY} --to {DAY}", given).stdout
    assert "nothing to do" in call("backfill --missing", given).stdout

    # Whatever was left out is missing as soon as its family is in use.
    both = variables(replace(settings, families=("registry", "usage")))
    assert "registry.download_events" in call("backfill --missing --dry-run", both).stdout


def test_a_family_in_use_that_there_is_not(settings: Settings) -> None:
    result = call("status", variables(replace(settings, families=("usage", "usages"))))
    assert result.exit_code == 1
    names = "platform, registry, schedules, services, usage"
    assert f"ANALYTICS_FAMILIES names usages, expected some of {names}" in result.stderr


@pytest.mark.parametrize("command", [f"run {DAY}", f"backfill {DAY} {DAY + timedelta(days=1)}", "backfill --missing"])
def test_a_family_that_there_is_not(settings: Settings, command: str) -> None:
    result = call(f"{command} --family usages", variables(settings))
    assert result.exit_code == 2
    names = "platform, registry, schedules, services, usage"
    assert f"there is no family usages; expected --family with one of {names}" in result.stderr
    assert not written(settings)
