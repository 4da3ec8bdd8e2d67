"""Outputs that are not the terminal's: Markdown of the UI, mails, webhooks, metrics, each with one hostile text."""

import json
import logging
from datetime import UTC, date, datetime
from email import message_from_bytes
from email.policy import default
from itertools import pairwise

import pytest
from markdown_it import MarkdownIt
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector
from test_terminal import CLIPBOARD, HOSTILE, SHOWN, acting

from analytics_etl.alerting.messages import CheckFailure, RunFailure, checks_failed, run_failed, tick_failed
from analytics_etl.alerting.receivers import LogReceiver, email_of
from analytics_etl.alerting.webhook import webhook_body
from analytics_etl.monitoring.metrics import _gauge
from analytics_etl.orchestration.assets.metadata import table_of_rows

DAY = date(2025, 3, 31)
HEADERS = "x\r\nBcc: evil@example.org\r\n\r\n<b>body</b>"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (HOSTILE[1:], SHOWN[1:]),
        ("a | b", "a | b"),
        ("a \\| b", "a \\¦ b"),
        ("a \\\\| b", "a \\\\| b"),
        ("|" * 3 + "\\", "|" * 3 + "\\"),
        ("`x` ``y", "'x' ''y"),
        ("[x](javascript:alert(1)) <img src=x onerror=1> ![i](http://e)", None),
        ("</code><script>", None),
        ("", None),
        ("\\", None),
    ],
)
def test_a_cell_of_a_table_in_the_ui_stays_one(text: str, shown: str | None) -> None:
    tokens = MarkdownIt("commonmark", {"html": True}).enable("table").parse(
        table_of_rows([{"a": text, "b": 1}, {"a": None, "b": text}])
    )  # fmt: skip
    cells = [after for before, after in pairwise(tokens) if before.type in ("th_open", "td_open")]
    assert [cell.content for cell in cells[:2]] == ["a", "b"]
    assert len(cells) == 6
    parts = [[(child.type, child.content) for child in cell.children or []] for cell in cells[2:]]
    assert parts[0] == parts[3] == [("code_inline", text or " " if shown is None else shown)]
    assert (parts[1], parts[2]) == ([("code_inline", "1")], [("code_inline", "None")])


def test_a_long_cell_is_cut_without_breaking_the_table() -> None:
    for number in range(190, 205):
        table = table_of_rows([{"a": "x" * number + "\\|`|" * 20, "b": 1}])
        tokens = MarkdownIt("commonmark").enable("table").parse(table)
        assert [token.type for token in tokens].count("td_open") == 2


def failed(text: str) -> CheckFailure:
    sample = [{"module_name": text, text: 1}]
    return CheckFailure(1, "registry.download_events", "rows_are_few", DAY, date(2025, 4, 1), "warn", text, 1, sample)


MESSAGES = {
    "checks": checks_failed("run", [failed(HEADERS)], ["ops"]),
    "run": run_failed(RunFailure("run", "daily", (DAY, DAY), {HEADERS: HEADERS}, HEADERS), [failed(HOSTILE)], ["ops"]),
    "tick": tick_failed("sensor", HEADERS, datetime(2025, 3, 31, tzinfo=UTC), HEADERS + CLIPBOARD, "key", ["ops"]),
}


@pytest.mark.parametrize("name", MESSAGES)
def test_a_mail_has_the_headers_we_gave_it(name: str) -> None:
    mail = message_from_bytes(bytes(email_of(MESSAGES[name], "a@x.org", "etl@x.org")), policy=default)
    assert set(mail.keys()) == {
        *("Subject", "From", "To", "Message-ID", "Auto-Submitted", "X-Analytics-ETL-Kind", "MIME-Version"),
        *("Content-Type", "Content-Transfer-Encoding"),
    }
    assert (mail["To"], mail.get_content_type()) == ("a@x.org", "text/plain")
    assert acting(mail["Subject"]) == acting(mail.get_content().replace("\r\n", "\n")) == []


@pytest.mark.parametrize("name", MESSAGES)
def test_a_webhook_and_the_log_get_what_cannot_act(name: str, caplog: pytest.LogCaptureFixture) -> None:
    sent = json.loads(json.dumps(webhook_body(MESSAGES[name])))
    texts = [*sent["commonAnnotations"].values(), *(alert["annotations"]["summary"] for alert in sent["alerts"])]
    assert [acting(text) for text in texts] == [[]] * len(texts)
    with caplog.at_level(logging.WARNING), LogReceiver().handing_over(MESSAGES[name]):
        pass
    assert acting(caplog.records[0].getMessage()) == []


def test_a_label_of_a_metric_ends_where_it_ends() -> None:
    labels = ['"} 1\nforged{x="', "a\\", HOSTILE]

    class Hostile(Collector):
        def collect(self) -> list[GaugeMetricFamily]:
            return [_gauge("rows", "Rows.", [((label,), 1) for label in labels], ("table",))]

    registry = CollectorRegistry()
    registry.register(Hostile())
    [family] = text_string_to_metric_families(generate_latest(registry).decode())
    assert [sample.labels["table"] for sample in family.samples] == labels
