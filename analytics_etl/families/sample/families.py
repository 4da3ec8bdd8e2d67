"""The families that have sample events."""

from collections.abc import Callable

from analytics_etl.families.sample import platform, registry, schedules, services, usage
from analytics_etl.families.sample.options import SampleOptions
from analytics_etl.families.sample.tables import EventTable

FAMILIES: dict[str, Callable[[SampleOptions], dict[str, EventTable]]] = {
    "platform": platform.make_tables,
    "registry": registry.make_tables,
    "schedules": schedules.make_tables,
    "services": services.make_tables,
    "usage": usage.make_tables,
}
"""Family -> function that makes its event tables. A day's files are written in this order."""


def make_families(options: SampleOptions) -> list[dict[str, EventTable]]:
    """The event tables of each family of the options."""
    if unknown := set(options.families) - set(FAMILIES):
        raise ValueError(f"families must be some of {', '.join(FAMILIES)}, but there is {', '.join(sorted(unknown))}")
    return [make(options) for name, make in FAMILIES.items() if name in options.families]
