"""Delivery: receivers that are down, refuse or redirect, a process that dies, and what must never be in a message."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta

import pytest
from events import ask
from notification_servers import PASSWORD
from notification_world import NOW, OPS, World, deliveries, variables

from analytics_etl.orchestration import notifier

pytest_plugins = ["notification_fixtures"]


def test_a_receiver_that_is_down_gets_it_later_and_holds_up_nobody(world: World) -> None:
    world.check(world.run())
    world.check(world.run(), "volume_is_usual")
    world.mailbox.answer = "451 try later"
    first = world.tell()
    assert set(first.errors) == {"email:a@x.org"}
    assert "451 try later" in first.errors["email:a@x.org"]
    assert deliveries(world)["webhook"] == [("sent", 1), ("sent", 1)]
    assert deliveries(world)["email:a@x.org"] == [("waiting", 1), ("waiting", 0)]  # left alone after the first
    assert set(world.tell(NOW + timedelta(seconds=1)).errors) == {"email:a@x.org"}
    assert deliveries(world)["email:a@x.org"] == [("waiting", 1), ("waiting", 1)]
    assert world.tell(NOW + timedelta(seconds=59)).errors == {}  # not before a minute is over
    assert set(world.tell(NOW + timedelta(seconds=60)).errors) == {"email:a@x.org"}
    world.mailbox.answer = "250 OK"
    assert world.tell(NOW + timedelta(seconds=179)).sent == 1  # the other; the first waits two minutes now
    assert world.tell(NOW + timedelta(seconds=180)).sent == 1
    assert deliveries(world)["email:a@x.org"] == [("sent", 3), ("sent", 2)]
    assert len(world.mailbox.mails) == len(world.hook.requests) == 2


def test_one_refused_address_does_not_hold_up_another(world: World) -> None:
    world.settings = replace(
        world.settings, notify_email=((OPS, "gone@x.org"), ("*", "b@x.org"), ("team:other", "c@x.org"))
    )
    world.mailbox.refused.add("gone@x.org")
    world.check(world.run())
    outcome = world.tell()
    assert [address for address, _ in world.mailbox.mails] == ["b@x.org"]
    assert "550 no such user" in outcome.errors["email:gone@x.org"]
    assert "email:c@x.org" not in deliveries(world)


def test_it_is_given_up_at_last_and_not_silently(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.hook.status = 500
    world.check(world.run())
    now = NOW
    while deliveries(world).get("webhook", [("waiting", 0)])[0][0] == "waiting":
        world.tell(now)
        now += timedelta(hours=1)
    assert deliveries(world)["webhook"] == [("failed", notifier.MOST_ATTEMPTS)]
    assert len(world.hook.requests) == notifier.MOST_ATTEMPTS
    assert len({headers["Idempotency-Key"] for _, headers, _ in world.hook.requests}) == 1
    assert "gave up telling webhook" in caplog.text
    assert PASSWORD not in caplog.text
    assert "t0ken" not in caplog.text


def test_a_redirect_is_no_acceptance(world: World) -> None:
    world.hook.status = 302
    world.check(world.run())
    assert "HTTP 302" in world.tell().errors["webhook"]
    assert len(world.hook.requests) == 1


DIES = """
import os, sys
from datetime import datetime
from analytics_etl.orchestration import notifier
from analytics_etl.orchestration.instance import instance as instance_of
from analytics_etl.alerting.receivers import EmailReceiver
from analytics_etl.config.settings import Settings
from analytics_etl.postgres.database import Database
from analytics_etl.ops import outbox

def die(*_):
    os._exit(9)

real = outbox.Claim.sent
match sys.argv[1]:
    case "collecting": outbox.set_watermark = die
    case "collected": notifier.deliver = die
    case "sending": EmailReceiver._log_in = die
    case "accepted": outbox.Claim.sent = lambda claim, now: (die if "@" in claim.row["receiver"] else real)(claim, now)
settings = Settings.from_environment()
with instance_of(settings) as instance:
    notifier.notify(Database(settings), instance, datetime.fromisoformat(sys.argv[2]))
"""


@pytest.mark.parametrize(("moment", "mails"), [("collecting", 1), ("collected", 1), ("sending", 1), ("accepted", 2)])
def test_a_process_that_dies_loses_nothing_and_repeats_at_most_what_was_just_accepted(
    world: World, moment: str, mails: int
) -> None:
    world.check(world.run())
    command = [sys.executable, "-c", DIES, moment, NOW.isoformat()]
    died = subprocess.run(command, env={**os.environ, **variables(world)}, check=False, capture_output=True, text=True)
    assert died.returncode == 9, died.stderr
    world.tell(NOW + timedelta(seconds=1))
    assert len(world.mailbox.mails) == mails
    assert len({mail["Message-ID"] for _, mail in world.mailbox.mails}) == 1
    assert len({mail.as_bytes() for _, mail in world.mailbox.mails}) == 1
    assert len(world.hook.requests) == 1
    assert [state for found in deliveries(world).values() for state, _ in found] == ["sent"] * 3
    assert world.tell(NOW + timedelta(hours=2)).sent == 0


def test_no_password_anywhere(world: World) -> None:
    """Not when a server repeats it, when it is wrong, or when a check or run quotes it."""
    assert PASSWORD not in repr(world.settings)
    assert "t0ken" not in repr(world.settings)
    assert "pseudonym-k3y" not in repr(replace(world.settings, pseudonym_key="pseudonym-k3y-0001"))
    world.hook.status = 401
    world.settings = replace(world.settings, smtp_url=world.mailbox.url.replace("mailer", "somebody"))
    world.check(world.run(), description=f"It is {PASSWORD}.", sample=[])
    errors = world.tell().errors
    assert "535" in errors["email:a@x.org"]
    assert "HTTP 401 said *** and" in errors["webhook"]
    written = ask(
        world.settings.database_url,
        "select d::text || n::text as text from ops.deliveries as d natural join ops.notifications as n",
    )
    assert len(written) == 3
    for text in [*(row["text"] for row in written), json.dumps(errors)]:
        assert PASSWORD not in text
        assert "t0ken" not in text


def test_nothing_from_events_gets_into_headers(world: World) -> None:
    world.check(
        world.run(), "rows\r\nBcc: evil@x.org", description="a\r\n\r\nb\u202ec",
        sample=[{"module_name": "x\r\n.\r\nRSET https://evil.example/\u2028", "reason": "ip_address is '10.1.2.3'"}],
    )  # fmt: skip
    assert world.tell().errors == {}
    [(address, mail)] = world.mailbox.mails
    assert address == "a@x.org"
    assert mail["Bcc"] is None
    assert "rows  Bcc: evil@x.org" in mail["Subject"]
    body = mail.get_content()
    assert "Expected: a    b c" in body
    assert "10.1.2.3" not in body
    assert "https://" not in body
