"""The families there are samples of."""

from collections.abc import Callable

from analytics_etl.families.sample import registry, schedules, usage
from analytics_etl.families.sample.options import SampleOptions
from analytics_etl.families.sample.tables import EventTable

FAMILIES: dict[str, Callable[[SampleOptions], dict[str, EventTable]]] = {
    "registry": registry.make_tables,
    "schedules": schedules.make_tables,
    "usage": usage.make_tables,
}
"""Name -> what gives the event tables of the family. The order is that in which a day's files are written."""


def make_families(options: SampleOptions) -> list[dict[str, EventTable]]:
    """The event tables of each family that is asked for."""
    if unknown := set(options.families) - set(FAMILIES):
        raise ValueError(f"families must be some of {', '.join(FAMILIES)}, but there is {', '.join(sorted(unknown))}")
    return [make(options) for name, make in FAMILIES.items() if name in options.families]
