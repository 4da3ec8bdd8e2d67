"""Reports that are sent: to whom, when, what is in the mail, once; and once more when their numbers have changed."""

import json
from dataclasses import replace
from datetime import date, timedelta
from email.message import EmailMessage
from typing import Any

import dagster as dg
import pytest
from events import DAY, aggregate, ask, declared, download, load, load_and_aggregate, write
from notification_world import NOW, SCHEDULED, World, deliveries

from analytics_etl.alerting.messages import BY_TAG
from analytics_etl.alerting.receivers import email_of
from analytics_etl.catalog.catalog import Catalog
from analytics_etl.config.report_receivers import parse_report_receivers
from analytics_etl.config.settings import CHECKOUT, Settings, SettingsError
from analytics_etl.orchestration import notifier
from analytics_etl.orchestration.assets.reports import build_report_asset, report_key
from analytics_etl.orchestration.partitions import Partitions
from analytics_etl.pipeline import reports
from analytics_etl.reporting import render_mail
from analytics_etl.reporting.mail import LONGEST_HTML

FAMILIES_IN_USE = ("registry",)

pytest_plugins = ["notification_fixtures"]

BEFORE = DAY - timedelta(days=7)
BY_A_PERSON = {BY_TAG: "somebody"}
LATER = NOW.replace(year=2999)


def report(world: World, day: date, tags: dict[str, str], **options: Any) -> bool:
    """Materialize the registry's daily report as a run with these tags does; whether it succeeded."""
    asset = build_report_asset(declared(), "registry", "day", Partitions.since(world.settings.start_date))
    sources = [dg.AssetSpec(dep.asset_key) for dep in asset.specs_by_key[report_key("registry", "day")].deps]
    tags = {name: value for name, value in tags.items() if name != "dagster/partition"}
    return dg.materialize(
        [*sources, asset], resources={"database": world.database}, tags=tags, partition_key=day.isoformat(), **options
    ).success


def arrives(world: World, day: date, *numbers: int) -> None:
    """More downloads of a day are loaded."""
    write(world.settings, f"download_events/{day}_{numbers[0]}.ndjson", [download(n, day) for n in numbers])
    load(world.database, "registry.download_events", day)
    aggregate(world.database, day, day, families=["registry"])


def text_of(mail: EmailMessage, kind: str) -> str:
    part = mail.get_body((kind,))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n")


@pytest.fixture
def reporting(world: World) -> World:
    """Two Mondays are loaded, one with a download, one with two; the report of the first was written by a person."""
    world.settings = replace(
        world.settings, notify_email=(("team:registry", "a@x.org"), ("team:other", "other@x.org")), notify_webhook=None,
        reports_to=parse_report_receivers("registry.*=team:registry,webhook; *.daily=b@x.org; *.weekly=c@x.org"),
        reports_webhook=world.hook.url, reports_url="https://reports.example.org",
    )  # fmt: skip
    write(world.settings, "download_events/a.ndjson", [download(1, BEFORE), download(2), download(3)])
    load_and_aggregate(world.database, BEFORE, DAY, ["registry"])
    assert report(world, BEFORE, BY_A_PERSON)
    assert world.tell(LATER).new == len(world.mailbox.mails) == len(world.hook.requests) == 0
    return world


def test_a_report_is_in_the_mail_and_it_is_sent_once(reporting: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also if a run dies after the message was written, and before the report counts as published."""
    world = reporting
    with monkeypatch.context() as patched:
        patched.setattr(reports, "record_report", lambda *_: 1 / 0)
        assert not report(world, DAY, SCHEDULED, raise_on_error=False)
    assert report(world, DAY, SCHEDULED)
    assert report(world, DAY, SCHEDULED)
    world.tell(LATER)
    assert deliveries(world) == {name: [("sent", 1)] for name in ("email:a@x.org", "email:b@x.org", "reports webhook")}
    assert [address for address, _ in world.mailbox.mails] == ["a@x.org", "b@x.org"]
    mail = world.mailbox.mails[0][1]
    assert mail["Subject"] == "[analytics_etl] registry daily report 2025-03-10: provisional"
    text, html = text_of(mail, "plain"), text_of(mail, "html")
    assert text.startswith("Registry daily report: Monday 10 March 2025\n\nWhat changed\n- ")
    assert "\n- Downloads 2, +100" in text.partition("The figures")[0]
    assert "\nThe whole report: https://reports.example.org/registry/daily/2025-03-10.html" in text
    assert html.index("What changed") < html.index("complete but provisional") < html.index("The figures")
    assert '<a href="https://reports.example.org/registry/daily/2025-03-10.html">' in html
    assert not any(part in html for part in ("<svg", "<script", "<style", "var(--", "<img"))
    [attached] = mail.iter_attachments()
    assert isinstance(attached, EmailMessage)
    file = world.settings.reports_dir / "registry/daily/2025-03-10.html"
    assert attached.get_filename() == "registry-daily-2025-03-10.html"
    assert attached.get_content().replace("\r\n", "\n") == file.read_text(encoding="utf-8")
    [(_, headers, sent)] = world.hook.requests
    assert (headers["Authorization"], len(headers["Idempotency-Key"])) == (world.hook.authorization, 40)
    about = (sent["kind"], sent["family"], sent["cadence"], sent["period"]["name"], sent["is_final"])
    assert about == ("report", "registry", "daily", "2025-03-10", False)
    assert (sent["figures"]["download_count"], sent["figures_before"]) == (2, None)
    assert sent["html"] == html
    [row] = ask(world.settings.database_url, "select * from ops.notifications")
    twice = {bytes(email_of(notifier._message(row), "a@x.org", "e@x.org", world.settings.reports_dir)) for _ in "ab"}
    assert len(twice) == 1  # a repeated mail is recognised


def test_what_has_changed_since_is_told_once(reporting: World) -> None:
    """A person's run tells nobody, the next one of a sensor all that has changed since the report was sent."""
    world = reporting
    assert report(world, DAY, SCHEDULED)
    world.tell(LATER)
    world.mailbox.mails.clear()
    world.hook.requests.clear()
    arrives(world, DAY, 4)
    assert report(world, DAY, BY_A_PERSON)
    assert world.tell(LATER).new == len(world.mailbox.mails) == 0
    arrives(world, DAY, 5)
    assert all(report(world, DAY, {"dagster/sensor_name": "late_data"}) for _ in range(2))
    world.tell(LATER)
    [(_, mail), (_, _)] = world.mailbox.mails
    assert mail["Subject"] == "[analytics_etl] CHANGED: registry daily report 2025-03-10: provisional"
    text = text_of(mail, "plain")
    assert "\nWhat changed since it was sent\n- Downloads: 4, was 2\n" in text
    assert world.hook.requests[0][2]["figures_before"]["download_count"] == 2
    arrives(world, DAY, 6)  # more of the same day is told another day
    assert report(world, DAY, {"dagster/sensor_name": "late_data"})
    assert world.tell(LATER).sent == 0


def test_a_mail_of_many_rows_fits_and_nothing_in_it_is_a_link() -> None:
    value = json.loads((CHECKOUT / "tests/golden/ordinary_day.json").read_text(encoding="utf-8"))
    hostile = "<b>https://evil.example/x</b> www.evil.example"
    value["sections"][1]["rows"] = [
        {**value["sections"][1]["rows"][0], "module_name": f"{hostile}{n}"} for n in range(500)
    ]
    value["sections"][1]["sentence"] = hostile
    mail = render_mail(value, None, "https://reports.example.org/x.html")
    assert "and 492 more" in mail.html
    assert mail.html.count("://") == 1
    assert "<b>https" not in mail.html
    assert "www.evil" not in mail.html + mail.text
    value["sections"] = [{**value["sections"][0], "rows": [], "sentence": "x" * 9_000} for _ in range(30)]
    assert LONGEST_HTML - 10_000 < len(render_mail(value, None, None).html.encode()) <= LONGEST_HTML


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"ANALYTICS_REPORTS_TO": "registry=a@x.org"}, "must be families, cadences and receivers like registry.daily="),
        ({"ANALYTICS_REPORTS_TO": "registry.hourly=a@x.org"}, "must be families, cadences"),
        ({"ANALYTICS_REPORTS_TO": "registry.daily=a"}, "must be families, cadences"),
        ({"ANALYTICS_REPORTS_TO": "registry.daily=a@x.org"}, "ANALYTICS_SMTP_URL must name a mail server"),
        ({"ANALYTICS_REPORTS_TO": "*.*=webhook"}, "ANALYTICS_REPORTS_WEBHOOK and the receiver webhook"),
        ({"ANALYTICS_REPORTS_WEBHOOK": "http://x.org/"}, "ANALYTICS_REPORTS_WEBHOOK and the receiver webhook"),
        ({"ANALYTICS_REPORTS_TO": "*.*=team:a", "ANALYTICS_SMTP_URL": "smtp://x"}, "no address of it: team:a=a@x.org"),
        ({"ANALYTICS_REPORTS_TO": "no.*=a@x.org", "ANALYTICS_SMTP_URL": "smtp://x"}, "names no, expected some of"),
    ],
)
def test_reports_to_nobody_are_refused(given: dict[str, str], why: str) -> None:
    with pytest.raises(SettingsError, match=why.replace("*", r"\*")):
        Catalog.of(Settings.from_environment(given))
