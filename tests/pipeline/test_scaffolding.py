"""A family that is written from its DDL: the files fit the rules, the migration makes the contract's table, and the
aggregate gives what its case says.
"""

import shutil
from datetime import date
from pathlib import Path

import psycopg
import pytest
import yaml
from click.testing import CliRunner

from analytics_etl.catalog.catalog import Catalog
from analytics_etl.catalog.models import window_parameters
from analytics_etl.cli import main
from analytics_etl.config.settings import SQL_DIR, Settings
from analytics_etl.pipeline import scaffolding
from analytics_etl.pipeline.scaffolding import Checkout, ScaffoldingError


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    shutil.copytree(SQL_DIR, tmp_path / "checkout" / "sql")
    return Checkout(tmp_path / "checkout")


def test_a_family_from_its_ddl(checkout: Checkout, settings: Settings) -> None:
    scaffolding.write_template(checkout, "hosts", "ping_events")
    written = scaffolding.write_family(checkout, "hosts")
    catalog = Catalog(checkout.sql)
    assert "hosts" in catalog.families
    model = catalog.aggregates["hosts.ping_stats_daily"]
    assert model.key == ("day", "host")
    assert catalog.checks["hosts.ping_stats_daily_matches_events"].dependencies == (
        "hosts.ping_events",
        "hosts.ping_stats_daily",
    )

    up, down = (next(path for path in written if path.name.endswith(f".{way}.sql")) for way in ("up", "down"))
    case = yaml.safe_load((checkout.cases("hosts", "ping_stats_daily") / "two_days.yaml").read_text())
    assert settings.database_url is not None
    with psycopg.connect(settings.database_url) as connection:
        connection.execute(up.read_bytes())
        connection.execute("create table hosts.day_of_case partition of hosts.ping_events default")
        for row in case["given"]["hosts.ping_events"]:
            connection.execute(
                "insert into hosts.ping_events (event_id, occurred_at, host, success) "
                "values (gen_random_uuid(), %s, %s, true)",
                [row["occurred_at"], row["host"]],
            )
        statement = model.statement(window_parameters(date(2025, 3, 31), date(2025, 4, 1)))
        assert connection.execute(statement.encode()).fetchall() == [(date(2025, 3, 31), "a", 2)]
        assert case["expect"] == [{"day": date(2025, 3, 31), "host": "a", "event_count": 2}]
        with pytest.raises(psycopg.errors.RaiseException, match="holds rows"), connection.transaction():
            connection.execute(down.read_bytes())
        connection.execute("truncate hosts.ping_events")
        connection.execute(down.read_bytes())
        assert connection.execute("select to_regclass('hosts.ping_events')").fetchone() == (None,)


def test_the_revision_follows_the_newest(checkout: Checkout) -> None:
    newest = max(path.name[:4] for path in checkout.versions.glob("[0-9]*.py"))
    scaffolding.write_template(checkout, "hosts", "ping_events")
    written = scaffolding.write_family(checkout, "hosts")
    revision = next(path for path in written if path.suffix == ".py").read_text()
    assert f'down_revision = "{newest}"' in revision
    assert f'revision = "{int(newest) + 1:04}"' in revision


def test_a_text_of_stated_values_is_no_group(checkout: Checkout) -> None:
    path = scaffolding.write_template(checkout, "hosts", "ping_events")
    path.write_text(path.read_text().replace("check (host <> '')", "check (host in ('a', 'b'))"))
    scaffolding.write_family(checkout, "hosts")
    assert Catalog(checkout.sql).aggregates["hosts.ping_stats_daily"].key == ("day",)


def test_what_is_there_is_kept(checkout: Checkout) -> None:
    scaffolding.write_template(checkout, "hosts", "ping_events")
    scaffolding.write_family(checkout, "hosts")
    before = {path: path.read_bytes() for path in checkout.root.rglob("*") if path.is_file()}
    for again in (scaffolding.write_family, lambda c, n: scaffolding.write_template(c, n, "other_events")):
        with pytest.raises(ScaffoldingError, match="is there already"):
            again(checkout, "hosts")
    with pytest.raises(ScaffoldingError, match="is there already"):
        scaffolding.write_template(checkout, "registry", "ping_events")
    assert before == {path: path.read_bytes() for path in checkout.root.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", ["", "Hosts", "1hosts", "ops", "pg_hosts", "hosts;drop", "a" * 40, "hosts/../x"])
def test_names_that_cannot_be(checkout: Checkout, name: str) -> None:
    with pytest.raises(ScaffoldingError, match="cannot be the name of a family"):
        scaffolding.write_family(checkout, name)


def test_a_ddl_that_is_no_contract_names_its_file(checkout: Checkout) -> None:
    path = scaffolding.write_template(checkout, "hosts", "ping_events")
    path.write_text(path.read_text().replace("latency_ms bigint", "latency_ms smallint"))
    with pytest.raises(ScaffoldingError, match=r"ping_events\.sql: latency_ms has the type smallint, expected one of"):
        scaffolding.write_family(checkout, "hosts")


def test_the_command_says_what_comes_first() -> None:
    result = CliRunner().invoke(main, ["new-family", "hosts"])
    assert result.exit_code == 2
    assert "has no DDL" in result.stderr
    assert "analytics-etl new-family hosts --table ping_events" in result.stderr
