"""What live updates begin with, as the database has it: the newest samples, a tenant's dashboard, the alerts."""

from collections.abc import Mapping, Sequence
from typing import Any

from analytics_etl.api.answers import as_of
from analytics_etl.api.periods import days_of
from analytics_etl.catalog.catalog import Catalog
from analytics_etl.config.settings import Settings
from analytics_etl.families.queries import platform
from analytics_etl.families.queries.written import plain
from analytics_etl.ops.versions import progress
from analytics_etl.pipeline import alert_answers
from analytics_etl.pipeline.announcing import Sample, sample_of
from analytics_etl.postgres.database import Database

SECONDS = 5.0
"""Time that one question may take."""
MOST_ROWS = 100
"""Of each part of a dashboard."""
_DAYS = "platform.metric_1d"


def newest_samples(settings: Settings, own: str | None, names: Sequence[str], tenant: str | None) -> list[Sample]:
    """The newest loaded sample of each series of some metrics; `own` is the tenant of whoever asks."""
    if not _is_in_use(settings):
        return []
    database = Database(settings, seconds=SECONDS, tenant_id=own)
    days = days_of(database, _DAYS, "7d")
    pages = (platform.latest(database, days.first, days.last, name, tenant, MOST_ROWS) for name in names)
    return [sample_of(row) for page in pages for row in page.rows]


def dashboard(settings: Settings, own: str | None, tenant: str | None) -> dict[str, Any]:
    """The newest day of a tenant, and what is wrong by the rules; `own` is the tenant of whoever asks."""
    database = Database(settings, seconds=SECONDS, tenant_id=own)
    days = days_of(database, _DAYS, "1d")
    parts: dict[str, Any] = dict.fromkeys(("health", "business", "engagement"), ())
    if _is_in_use(settings):
        parts |= platform.dashboard(database, days.first, days.last, tenant, (), MOST_ROWS)
    newest, is_final = database.run(progress, [_DAYS], days.first, days.last)
    return {
        "tenantId": tenant, "as_of": as_of(newest), "is_final": is_final,
        **{name: plain(parts[name]) for name in ("health", "business", "engagement")},
        "alerts": [alert for alert in alerts(settings, own, is_open=True) if tenant in (None, alert["tenantId"] or "")],
    }  # fmt: skip


def alerts(settings: Settings, own: str | None, *, is_open: bool = False) -> list[Mapping[str, Any]]:
    """The alerts of a tenant, or all of them, the worst first; or those that are open, as many as a dashboard has."""
    database = Database(settings, seconds=SECONDS)
    found = alert_answers.alerts_of(database, Catalog.of(settings), own).found
    if is_open:
        found = [alert for alert in found if alert.is_open][:MOST_ROWS]
    return [plain(row) for row in alert_answers.described(database, found)]


def _is_in_use(settings: Settings) -> bool:
    """Whether there are tables of the platform: not every installation has its events."""
    return _DAYS in Catalog.of(settings).aggregates
