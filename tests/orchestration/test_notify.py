"""The sensor, the command and the settings of notifications."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest
from click.testing import CliRunner
from notification_servers import PASSWORD
from notification_world import OPS, World, variables

from analytics_etl.alerting import receivers_of
from analytics_etl.cli import main
from analytics_etl.config.settings import Settings, SettingsError
from analytics_etl.orchestration import notifier

FAMILIES_IN_USE = ("registry",)

pytest_plugins = ["notification_fixtures"]


def test_the_sensor_tells_and_gives_a_sign_of_life_unless_something_is_stuck(world: World) -> None:
    beaten = world.settings.home / "beats" / "heart"
    world.settings = replace(world.settings, heartbeat_file=beaten, heartbeat_url=world.hook.url)
    sensor = notifier.build_notification_sensor()

    def evaluate() -> str:
        context = dg.build_sensor_context(instance=world.instance, resources={"database": world.database})
        reason = sensor(context)
        assert isinstance(reason, dg.SkipReason)
        return reason.skip_message or ""

    world.mailbox.answer = "451 try later"
    world.check(world.run())
    assert evaluate() == "1 new, 2 sent, 1 receiver with errors"
    assert not beaten.exists()
    assert evaluate() == "0 new, 0 sent, 0 receivers with errors"  # it waits
    assert not beaten.exists()
    assert len(world.hook.requests) == 1
    world.mailbox.answer = "250 OK"
    world.tell(datetime.now(UTC) + timedelta(minutes=2))
    assert evaluate() == "0 new, 0 sent, 0 receivers with errors"
    assert beaten.exists()
    assert len(world.hook.requests) == 2
    world.hook.status = 500
    evaluate()  # a sign that cannot be given is no failure


def test_the_command(world: World) -> None:
    def call(arguments: str) -> Any:
        return CliRunner(env={"COLUMNS": "300", **variables(world)}).invoke(main, arguments.split())

    world.check(world.run())
    told = call("notify")
    assert (told.exit_code, "1 new, 3 sent" in told.output) == (0, True), told.output
    world.hook.status = 503
    tested = call("notify --test")
    assert tested.exit_code == 1
    assert "✓ email:a@x.org" in tested.output
    assert "✗ webhook: http://127.0.0.1" in tested.output
    assert "HTTP 503" in tested.output
    assert world.subjects[-1] == "[analytics_etl] TEST: does this arrive?"
    listed = call("notify --list")
    assert "CHECK FAILED: registry.download_events 2025-03-10: rows_are_few  →  webhook: sent" in listed.output
    world.check(world.run(), "volume_is_usual")
    assert call("notify").exit_code == 1
    found = call("doctor")
    assert "✗ notifications: waiting for another attempt: 1, given up: 0; " in found.output
    for result in (told, tested, listed, found):
        assert PASSWORD not in result.output
        assert "t0ken" not in result.output


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("ANALYTICS_SMTP_URL", f"http://me:{PASSWORD}@host", "begins with smtp:// or smtps://"),
        ("ANALYTICS_SMTP_URL", f"smtp://me:{PASSWORD}@host:port", "names a host"),
        ("ANALYTICS_NOTIFY_WEBHOOK", f"file:///{PASSWORD}", "begins with http:// or https://"),
        ("ANALYTICS_HEARTBEAT_URL", f"http://host/{PASSWORD} x", "begins with http:// or https://"),
        ("ANALYTICS_NOTIFY_EMAIL", "me@x.org", "ANALYTICS_SMTP_URL and ANALYTICS_NOTIFY_EMAIL belong together"),
        ("ANALYTICS_NOTIFY_EMAIL", "team:a=me", "addresses, or owner=address"),
        ("ANALYTICS_NOTIFY_SENDER", "a@x.org\nBcc: b@x.org", "an e-mail address"),
    ],
)
def test_settings_that_make_no_sense(name: str, value: str, expected: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        Settings.from_environment({name: value})
    assert name in str(refusal.value)
    assert expected in str(refusal.value)
    assert PASSWORD not in str(refusal.value)


def test_addresses_by_owner() -> None:
    settings = Settings.from_environment(
        {"ANALYTICS_SMTP_URL": "smtp://localhost", "ANALYTICS_NOTIFY_EMAIL": f"{OPS}=a@x.org,b@x.org; c@x.org"}
    )
    assert settings.notify_email == ((OPS, "a@x.org"), (OPS, "b@x.org"), ("*", "c@x.org"))
    names = [receiver.name for receiver in receivers_of(settings) if receiver.is_for(["team:other"])]
    assert names == ["log", "email:c@x.org"]
