"""Questions about registered schemas: their health, who downloads and uses what, and the source of a version."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from analytics_etl.families.queries import Coverage, Page
from analytics_etl.families.queries.asking import ask
from analytics_etl.families.queries.coverage import are_there, ask_days
from analytics_etl.families.queries.cursor import LARGEST_ANSWER, LARGEST_PAGE, whole
from analytics_etl.families.queries.texts import check_texts
from analytics_etl.ops.partitions import newest_day
from analytics_etl.postgres.database import Database
from analytics_etl.schemas import Format, Version

_VERSIONS, _CATALOG = "registry.module_versions_daily", "registry.module_catalog_daily"
_ELEMENTS, _USES = "registry.module_elements_daily", "registry.field_usage_daily"
_HEALTH, _RECOMMENDATIONS = "registry.module_health_daily", "registry.recommendations"
_CONSUMERS, _CLIENTS = "registry.version_consumers_daily", "registry.version_clients_daily"


@dataclass(frozen=True)
class Registered:
    """A registered version of a module."""

    module: str
    version: str
    source: Version


@dataclass(frozen=True)
class Use:
    """The use of one element by services, in the last days of which any use is known."""

    services: Sequence[str]
    """Names, in order; empty for unknown ones."""
    usage_count: int = 0
    last_used_day: date | None = None


@dataclass(frozen=True)
class Usage:
    """What is known of the use of a module."""

    days: int
    """How many days up to the newest one with any use in the registry; the setting `schema_unused_days`."""
    fields: Mapping[str, tuple[str, Use]]
    """{element: (its entity, its use)} of each field."""

    def of(self, element: str) -> Use | None:
        """The use of a field, or of all fields of an entity; None of what has no fields, as an import."""
        used = [use for name, (entity, use) in self.fields.items() if element in (name, entity)]
        if not used:
            return None
        days = [use.last_used_day for use in used if use.last_used_day is not None]
        services = sorted({service for use in used for service in use.services})
        return Use(services, sum(use.usage_count for use in used), max(days, default=None))


def health(database: Database, first: date, last: date, module: str | None = None) -> Page:
    """The health of a module, or of all, on the days first to last; the lowest scores of a day first."""
    wanted = {"module": module or ""}
    check_texts(wanted)
    return ask_days(database, [_HEALTH], "registry.health_of_modules", first, last, wanted)


def recommendations(database: Database, module: str | None = None, state: str | None = None) -> Page:
    """The recommendations of a module, or of all, each time they were open; of one state, open or closed, or both."""
    wanted = {"module": module or "", "state": state or ""}
    check_texts(wanted)
    if not are_there(database, [_RECOMMENDATIONS]):
        return Page([], coverage=Coverage(_HEALTH))
    return whole(ask(database, "registry.recommendations_of_modules", {**wanted, "limit": LARGEST_ANSWER + 1}))


def consumers(database: Database, module: str, first: date, last: date, *, by_client: bool = False) -> Page:
    """Which organisations, or client libraries, downloaded a module in the days first to last; those that are most
    versions behind first.
    """
    check_texts({"module": module})
    table, query = (_CLIENTS, "clients_of_module") if by_client else (_CONSUMERS, "consumers_of_module")
    return ask_days(database, [table, _CATALOG], f"registry.{query}", first, last, {"module": module})


def registered_version(database: Database, module: str, version: str = "") -> Registered | None:
    """A version of a module, the newest one if none is named; None if there is none."""
    check_texts({"module": module, "version": version})
    if not are_there(database, [_VERSIONS, _CATALOG]):
        return None
    wanted: dict[str, str | int] = {"module": module, "wanted_version": version, "limit": 1}
    for row in ask(database, "registry.source_of_version", wanted):
        return Registered(module, row["version"], Version(Format(row["format"]), row["files"]))
    return None


def versions_before(database: Database, registered: Registered) -> Iterator[Registered]:
    """The versions of a module that were registered before one of them, newest first; one source at a time."""
    wanted: dict[str, str | int] = {"module": registered.module, "wanted_version": registered.version}
    for row in ask(database, "registry.versions_before", {**wanted, "limit": LARGEST_ANSWER}):
        found = registered_version(database, registered.module, row["version"])
        if found is not None:
            yield found


def files_that_provide(database: Database, schema_format: Format, name: str) -> dict[str, str]:
    """Path and text of the files of modules whose newest versions have what others import by a name."""
    wanted = {"schema_format": schema_format.value, "quoted_name": json.dumps(name, ensure_ascii=False)}
    rows = ask(database, "registry.sources_that_provide", {**wanted, "limit": LARGEST_PAGE})
    return {path: text for row in rows for path, text in row["files"].items()}


def usage_of(database: Database, registered: Registered) -> Usage | None:
    """The use of each field of a version in the last days; None if none of the module's is known."""
    last = database.run(newest_day, [_USES]) if are_there(database, [_ELEMENTS, _USES]) else None
    if last is None:
        return None
    wanted: dict[str, str | int] = {"module": registered.module, "wanted_version": registered.version}
    days = int(database.settings.parameters["schema_unused_days"])
    start, end = last - timedelta(days=days - 1), last + timedelta(days=1)
    rows = ask(database, "registry.uses_of_elements", {**wanted, "limit": 2**31 - 1}, start, end)
    fields: dict[str, tuple[str, Use]] = {}
    for row in rows:
        services = [] if row["service"] is None else [row["service"]]
        _, before = fields.get(row["element"], ("", Use([])))
        used = [day for day in (before.last_used_day, row["last_used_day"]) if day is not None]
        use = Use([*before.services, *services], before.usage_count + row["usage_count"], max(used, default=None))
        fields[row["element"]] = row["entity"], use
    return Usage(days, fields) if fields else None
