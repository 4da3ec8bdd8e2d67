"""Reports that are sent to people: when, once, and again if their numbers have changed.

A report is sent when it is published, which is when all its days are loaded, by a run that a schedule or sensor has
started. Later versions with other key figures are told once each, at most one a day, and only of reports that were
sent: what is left comes with the next version, at the latest with the final one. Not here: deliveries (`notifier`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from analytics_etl.alerting import is_to_be_notified
from analytics_etl.alerting.messages import LONGEST_BODY, SUBJECT_LENGTH
from analytics_etl.alerting.receivers import report_receivers
from analytics_etl.alerting.text import harmless
from analytics_etl.catalog.calendar import report_path
from analytics_etl.ops import outbox
from analytics_etl.postgres.database import Database
from analytics_etl.reporting import differing, figures_of, render_mail

KIND = "report"


@dataclass(frozen=True)
class ReportDelivery:
    """Writes messages about the reports of one run into the outbox."""

    database: Database
    tags: Mapping[str, str]
    """The tags of the run."""

    def published(self, report: Mapping[str, Any]) -> None:
        """Send a report that is about to be published; a second call with it does nothing."""
        if self._is_wanted(report):
            self._add(report, key_of(report), None)

    def written(self, report: Mapping[str, Any]) -> None:
        """Tell what has changed in a report that was sent, if anything has."""
        if not self._is_wanted(report):
            return
        with self.database.transaction() as connection:
            told = outbox.newest_details(connection, key_of(report))
        if told is None or not differing(report, told["report"]["figures"]):
            return
        day = datetime.now(UTC).date().isoformat()
        self._add(report, f"{key_of(report)}:{day}", told["report"]["figures"])

    def _is_wanted(self, report: Mapping[str, Any]) -> bool:
        return is_to_be_notified(self.tags) and bool(self._receivers(report))

    def _receivers(self, report: Mapping[str, Any]) -> list[str]:
        return report_receivers(self.database.settings, report["family"], report["cadence"])

    def _add(self, report: Mapping[str, Any], key: str, told: Mapping[str, float | None] | None) -> None:
        settings = self.database.settings
        path = report_path(report["family"], report["cadence"], date.fromisoformat(report["period"]["start"]))
        link = None if settings.reports_url is None else f"{settings.reports_url}/{path}"
        mail = render_mail(report, told, link)
        where = f"The whole report: {link}\n" if link else "The whole report is attached.\n"
        body = harmless(mail.text, LONGEST_BODY - len(where), keep_lines=True) + where
        details = {
            "severity": "info",
            "alerts": [],
            "group_labels": {},
            "report": {
                "family": report["family"],
                "cadence": report["cadence"],
                "period": report["period"],
                "state": report["state"]["sentence"],
                "is_final": report["state"]["is_final"],
                "figures": figures_of(report),
                "figures_before": told,
                "url": link,
                "path": path,
                "html": mail.html,
            },
        }
        outgoing = outbox.Outgoing(
            key, KIND, harmless(mail.subject, SUBJECT_LENGTH), body, details,
            settings.owners.of_all([report["family"]]), self._receivers(report),
        )  # fmt: skip
        with self.database.transaction() as connection:
            outbox.add(connection, outgoing, datetime.now(UTC))


def key_of(report: Mapping[str, Any]) -> str:
    """What the messages about a report have in common."""
    return f"report:{report['family']}:{report['cadence']}:{report['period']['start']}"
