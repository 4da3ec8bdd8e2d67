"""Owners: read from the settings, shown on assets, and told of what is theirs."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import dagster as dg
import pytest
from dagster import DagsterRunStatus
from dagster._core.test_utils import create_run_for_test
from events import ask, restored_environment

from analytics_etl.alerting import receivers_of
from analytics_etl.config.owners import Owners, parse_owners
from analytics_etl.config.settings import Settings, SettingsError
from analytics_etl.ops.records import CheckResult
from analytics_etl.orchestration import instance as dagster_instance
from analytics_etl.orchestration import notifier
from analytics_etl.orchestration.definitions import build_defs
from analytics_etl.pipeline.publishing import record_checks
from analytics_etl.postgres.database import Database

NOW = datetime(2025, 3, 11, 0, 30, tzinfo=UTC)
DAY = date(2025, 3, 10)
CONFIGURED = (
    "registry=team:registry,lead@x.org; registry.download_events = team:downloads; ops=team:operators; team:analytics"
)


def test_the_narrowest_name_counts() -> None:
    owners = parse_owners(CONFIGURED)
    assert owners.of("registry.download_events") == ("team:downloads",)
    assert owners.of("registry.module_stats_daily") == ("team:registry", "lead@x.org")
    assert owners.of("usage.anything") == ("team:analytics",)
    assert owners.of_all(["registry.download_events", "ops.watchdog", "registry.download_events"]) == (
        "team:downloads", "team:operators",
    )  # fmt: skip
    assert owners.of_all([]) == (
        "team:analytics", "team:registry", "lead@x.org", "team:downloads", "team:operators",
    )  # fmt: skip
    assert parse_owners("registry=team:registry").of("usage.x") == Owners().default == ("team:data-platform",)


@pytest.mark.parametrize(
    "text",
    [
        "analytics", "team:", "team:a b", "registry=", "=team:a", "Registry=team:a", "a.b.c=team:a", "team:a; team:b",
        "registry=team:a; registry=team:b", "someone@nowhere", "team:a,",
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="ANALYTICS_OWNERS must be owners like team:analytics, or registry="):
        Settings.from_environment({"ANALYTICS_OWNERS": text})


def test_names_of_nothing_are_refused_and_assets_show_their_owners(settings: Settings) -> None:
    with pytest.raises(
        SettingsError, match=r"ANALYTICS_OWNERS names billing, registry.x, expected families \(platform, registry"
    ):
        build_defs(replace(settings, owners=parse_owners("billing=team:billing; registry.x=team:a")))
    graph = build_defs(replace(settings, owners=parse_owners(CONFIGURED))).resolve_asset_graph()

    def owners(*key: str) -> list[str]:
        return list(graph.get(dg.AssetKey(key)).owners)

    assert owners("registry", "download_events") == owners("landing", "download_events") == ["team:downloads"]
    assert owners("registry", "module_stats_daily") == owners("landing", "compilation_events")
    assert owners("registry", "top_modules_30d") == ["team:registry", "lead@x.org"]
    assert owners("ops", "watchdog") == owners("ops", "retention") == ["team:operators"]
    assert all(graph.get(key).owners for key in graph.get_all_asset_keys())


def test_failures_are_told_to_those_they_are_of(settings: Settings) -> None:
    settings = replace(
        settings, owners=parse_owners(CONFIGURED), smtp_url="smtp://127.0.0.1:9",
        notify_email=(("team:downloads", "d@x.org"), ("team:operators", "o@x.org"), ("*", "all@x.org")),
    )  # fmt: skip
    database = Database(settings)
    with restored_environment(), dagster_instance.instance(settings) as instance:
        for table in ("registry.download_events", "registry.module_stats_daily"):
            run = create_run_for_test(
                instance, job_name="daily", status=DagsterRunStatus.SUCCESS, tags={"dagster/schedule_name": "daily"}
            )
            failed = CheckResult(table, "some", DAY, DAY + timedelta(days=1), False, "warn", "Something.", 1, [])  # noqa: FBT003
            record_checks(database, [failed], run.run_id)
        notifier.collect(database, instance, receivers_of(settings), NOW)
    told = ask(
        settings.database_url,
        "select n.owners, array_agg(d.receiver order by d.receiver) as receivers from ops.notifications as n "
        "join ops.deliveries as d using (notification_id) group by n.notification_id, n.owners order by 1",
    )
    assert [(row["owners"], row["receivers"]) for row in told] == [
        (["team:downloads"], ["email:all@x.org", "email:d@x.org", "log"]),
        (["team:registry", "lead@x.org"], ["email:all@x.org", "email:lead@x.org", "log"]),
    ]


def test_an_address_among_the_owners_is_enough_for_mail() -> None:
    mail = {"ANALYTICS_SMTP_URL": "smtp://mail.x.org"}
    assert Settings.from_environment({**mail, "ANALYTICS_OWNERS": "lead@x.org"}).owners.addresses == ("lead@x.org",)
    with pytest.raises(SettingsError, match="belong together"):
        Settings.from_environment({**mail, "ANALYTICS_OWNERS": "team:a"})
