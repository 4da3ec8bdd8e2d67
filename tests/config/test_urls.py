"""URLs of the settings: what libpq reads is what every driver gets, and what is wrong is told without any of it."""

import re
from dataclasses import replace

import pytest
from click.testing import CliRunner
from events import restored_environment
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy.engine import make_url

from analytics_etl.cli import main
from analytics_etl.config.settings import Settings, SettingsError
from analytics_etl.postgres.connection import dagster_storage_url, without_password
from analytics_etl.postgres.sqlalchemy_engine import sqlalchemy_url

SECRET = "Geheim7Wort"
HALVES = ("Geheim7", "7Wort", "Wort")

WRONG = [
    (f"postgresql://u:{SECRET}%zz@h/db", "in its password a % that begins no %XX"),
    (f"postgresql://u:{SECRET}%@h/db", "in its password a % that begins no %XX"),
    (f"postgresql://u:a%00{SECRET}@h/db", "in its password a % that begins no %XX"),
    (f"postgresql://u:{SECRET}@at@h/db", "more than one @"),
    (f"postgresql://u:at@{SECRET}@h/db", "more than one @"),
    (f"postgresql://u:Geheim7/{SECRET}@h/db", "one after a /"),
    (f"postgresql://u:{SECRET}@h:Wort/db", "a port that is no number"),
    (f"postgresql://u:{SECRET}@h:70000/db", "a port that is no number"),
    (f"postgresql://u:{SECRET}", "a port that is no number"),
    (f"postgresql://u:{SECRET}@/db", "names no host"),
    (f"postgresql://u:{SECRET}@[::1/db", "no IPv6 address in brackets"),
    (f"postgresql://u:{SECRET}@[Wort]/db", "no IPv6 address in brackets"),
    (f"postgresql://u:{SECRET}@h|Wort/db", "in its host a character"),
    (f"postgresql://u:Geheim7 {SECRET}@h/db", "a blank"),
    (f"postgresql://u:{SECRET}ä@h/db", "no ASCII"),
    (f"postgresql://u@h/db?password={SECRET}&Wort=1", "as parameter 2 after the ? none that PostgreSQL knows"),
    (f"postgresql://u@h/db?{SECRET}=1", "as parameter 1 after the ? none that PostgreSQL knows"),
    (f"postgresql://u@h/db?password={SECRET}&port=Wort", "a port that is no number"),
    (f"postgresql://u@h/db?sslpassword={SECRET}%zz", "in its value of parameter 1 after the ? a %"),
    (f"host=h user=u password={SECRET}", "must begin with postgresql://"),
    (f"postgres:/u:{SECRET}@h/db", "must begin with postgresql://"),
    (f"mysql://u:{SECRET}@h/db", "must begin with postgresql://"),
]

RIGHT = [
    ("postgresql://u:pa%40ss%2F%3A%25@h:5433/db", {"password": "pa@ss/:%", "host": "h", "port": "5433"}),
    ("postgres://u:p[a]#s?s@h/db", {"password": "p[a]#s?s", "host": "h"}),
    ("postgresql://h/db", {"host": "h", "dbname": "db"}),
    ("postgresql://u:p:q@[fe80::1%25eth0]:5433/db", {"password": "p:q", "host": "fe80::1%eth0", "port": "5433"}),
    ("postgresql://u@[::1]/db?sslmode=require", {"host": "::1", "sslmode": "require"}),
    ("postgresql://u@/db?host=/var/run/postgresql", {"host": "/var/run/postgresql"}),
    ("postgresql://u@h/my%20db?options=-c%20role%3Dr", {"dbname": "my db", "options": "-c role=r"}),
]


@pytest.mark.parametrize(("url", "expected"), WRONG)
def test_a_wrong_url_is_named_and_not_shown(url: str, expected: str) -> None:
    with pytest.raises(SettingsError) as raised:
        Settings.from_environment({"ANALYTICS_DATABASE_URL": url})
    said = str(raised.value)
    assert re.match(r"ANALYTICS_DATABASE_URL (must|has|holds|names) ", said)
    assert expected in said
    assert "\n" not in said
    assert not [part for part in HALVES if part in said]
    assert raised.value.__cause__ is None


@pytest.mark.parametrize(
    "name",
    ["ANALYTICS_SMTP_URL", "ANALYTICS_NOTIFY_WEBHOOK", "ANALYTICS_HEARTBEAT_URL", "ANALYTICS_REPORTS_WEBHOOK"],
)
@pytest.mark.parametrize(
    "rest",
    [
        f"u:{SECRET}%zz@h/x", f"u:{SECRET}@at@h/x", f"u:Geheim7/{SECRET}@h", f"u:{SECRET}@h:Wort/x", f"u:{SECRET}@/x",
        f"u:{SECRET}@[::1/x", f"u:a {SECRET}@h/x", f"u:{SECRET}@h:0/x", f"u:#{SECRET}@h/x",
    ],
)  # fmt: skip
def test_the_same_of_other_urls(name: str, rest: str) -> None:
    scheme = "smtp" if "SMTP" in name else "https"
    with pytest.raises(SettingsError, match=f"{name} must be a URL that begins with {scheme[:4]}") as raised:
        Settings.from_environment({name: f"{scheme}://{rest}"})
    assert "\n" not in str(raised.value)
    assert not [part for part in HALVES if part in str(raised.value)]


@pytest.mark.parametrize(("url", "expected"), RIGHT)
def test_all_drivers_get_what_libpq_reads(url: str, expected: dict[str, str]) -> None:
    settings = Settings.from_environment({"ANALYTICS_DATABASE_URL": url})
    read = conninfo_to_dict(settings.database_url or "")
    assert {name: read[name] for name in expected} == expected
    for made in (sqlalchemy_url(settings), dagster_storage_url(settings)):
        parts = make_url(made)
        got = {
            "user": parts.username, "password": parts.password, "dbname": parts.database,
            "host": parts.host, "port": str(parts.port) if parts.port else None,
        } | {name: str(value) for name, value in parts.query.items()}  # fmt: skip
        got["options"] = str(got["options"]).partition(" -c timezone")[0]
        assert {name: got[name] for name in expected} == expected


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://u:{SECRET}@h/db", f"postgresql://u@h/db?password={SECRET}",
        f"postgresql://u@h/db?sslmode=require&sslpassword={SECRET}", f"postgresql://u:{SECRET}?#[x]@h/db",
    ],
)  # fmt: skip
def test_whatever_a_driver_says_the_password_is_hidden(url: str) -> None:
    settings = Settings.from_environment({"ANALYTICS_DATABASE_URL": url})
    said = f"FATAL: {url} and {sqlalchemy_url(settings)} and {conninfo_to_dict(url)}"
    assert SECRET not in without_password(said, settings)
    assert SECRET not in repr(settings)


COMMANDS = [
    "run 2025-03-31", "backfill 2025-03-30 2025-03-31", "backfill --missing", "status", "doctor", "changes", "archive",
    "archive --dry-run", "restore registry.download_events 2025-03-31 --reason x", "forget x --reason x",
    "report 2025-03-31", "export", "reopen 2025-03-31 --reason x",
    "query usage statistics --grain 1d --from 2025-03-30 --to 2025-03-31", "ui", "stop",
    "exec -- dagster --version", "metrics", "metrics --serve", "prune --dry-run", "notify", "watchdog", "db-url",
    "sql -c 1", "migrate", "demo", "sample", "drop 2025-03-31 --reason x",
    "import-schemas . --registered-at 2025-03-31", "accept-gap 2025-03-30 2025-03-31 --reason x",
    "serve", "token list", "alerts list", "anomalies list",
]  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_says_so_in_a_line(command: str) -> None:
    environment = {"ANALYTICS_DATABASE_URL": f"postgresql://u:{SECRET}%zz@h/db"}
    with restored_environment():
        done = CliRunner().invoke(main, command.split(), env=environment)
    assert done.exit_code == 1
    assert done.output == (
        "Error: ANALYTICS_DATABASE_URL has in its password a % that begins no %XX; a % of a password or name is "
        "written %25\n"
    )
    assert isinstance(done.exception, SystemExit)


def test_every_command_is_tried() -> None:
    without_settings = {"check-schema", "new-family"}
    assert {command.split()[0] for command in COMMANDS} == set(main.commands) - without_settings


def test_settings_are_not_changed_by_reading_a_secret() -> None:
    settings = replace(Settings(), database_url=f"postgresql://u:{SECRET}@h/db")
    assert set(settings.secrets) == {SECRET}


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("ftp://reports.example.org", "must be a URL that begins with https:// or http://"),
        ("reports.example.org", "must be a URL that begins with https:// or http://"),
        ("https://reports.example.org/#all", "must be a URL that begins with https:// or http://"),
        (f"https://u:{SECRET}@reports.example.org", "names a user, a password or something after a ?"),
        (f"https://reports.example.org/?token={SECRET}", "names a user, a password or something after a ?"),
    ],
)
def test_what_everybody_sees_holds_no_secret(url: str, expected: str) -> None:
    with pytest.raises(SettingsError) as raised:
        Settings.from_environment({"ANALYTICS_REPORTS_URL": url})
    assert str(raised.value).startswith(f"ANALYTICS_REPORTS_URL {expected}")
    assert SECRET not in str(raised.value)


def test_where_reports_are_read_ends_without_a_slash() -> None:
    assert Settings.from_environment({}).reports_url is None
    for written in ("https://etl.example.org:8443/reports", "https://etl.example.org:8443/reports/"):
        found = Settings.from_environment({"ANALYTICS_REPORTS_URL": written})
        assert found.reports_url == "https://etl.example.org:8443/reports"


@pytest.mark.parametrize(
    "where",
    ["local", "local[4]", "local[*]", "spark://a:7077,b:7077", "sc://h", f"sc://h:15002/;use_ssl=true;token={SECRET}"],
)
def test_where_spark_runs(where: str) -> None:
    settings = Settings.from_environment({"ANALYTICS_ENGINE": "spark", "ANALYTICS_SPARK": where})
    assert (settings.engine, settings.spark) == ("spark", where)
    assert settings.secrets == ([SECRET] if SECRET in where else [])
    assert SECRET not in repr(settings)


@pytest.mark.parametrize(
    "where", ["yarn", "local[0]", "spark://host", f"sc://h:x/;token={SECRET}", f"sc://h;token={SECRET}"]
)
def test_where_spark_cannot_run_is_said_without_the_token(where: str) -> None:
    with pytest.raises(SettingsError, match=r"ANALYTICS_SPARK must be local\[\*\], local\[4\], spark://") as raised:
        Settings.from_environment({"ANALYTICS_SPARK": where})
    assert SECRET not in str(raised.value)
