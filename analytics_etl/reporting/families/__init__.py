"""The reports of the families. To add one: a module here, its queries in sql/<family>/reports, a line below."""

from collections.abc import Mapping

from analytics_etl.reporting.families import platform, registry, schedules, services, usage
from analytics_etl.reporting.family import FamilyReport

REPORTS: Mapping[str, FamilyReport] = {
    "platform": platform.REPORT,
    "registry": registry.REPORT,
    "schedules": schedules.REPORT,
    "services": services.REPORT,
    "usage": usage.REPORT,
}
