"""Questions about the registry as a whole: its days, its languages, its organisations."""

from dataclasses import replace
from datetime import date

from analytics_etl.families.queries import Page
from analytics_etl.families.queries.coverage import ask_days, coverage_of_days
from analytics_etl.families.queries.keyset import Key
from analytics_etl.families.queries.texts import check_texts
from analytics_etl.postgres.database import Database

_LANGUAGES, _COMPILATIONS = "registry.language_stats_daily", "registry.compilation_events"
_DAY_AND_RANK = Key({"first_day": date, "rank": int})


def overview(database: Database, first: date, last: date) -> Page:
    """The registry as a whole at the end of each of the days first to last; a day without events has no row."""
    return ask_days(database, ["registry.overview_daily"], "registry.overview_of_days", first, last, {})


def languages(database: Database, first: date, last: date, *, by_day: bool = False) -> Page:
    """Compilations of each language in the days first to last together, or `by_day`; the most compiled first.

    Everything is exact. Percentiles of days together are those of the events; they are None for a language that has
    compilations on a day whose events were not kept, of which the highest daily one remains.
    """
    if by_day:
        return ask_days(database, [_LANGUAGES], "registry.languages_of_days", first, last, {})
    found = ask_days(database, [_LANGUAGES], "registry.languages_of_range", first, last, {})
    events = coverage_of_days(database, _COMPILATIONS, first, last, is_raw=True)
    missing = found.coverage.missing if found.coverage else ()
    lack = ", so percentiles of the range are not known"
    return replace(found, coverage=replace(events, missing=missing, lack=lack))


def organizations(
    database: Database, first: date, last: date, organization: str | None = None, *, by_day: bool = False,
    limit: int = 100, after: str | None = None,
) -> Page:  # fmt: skip
    """What each organisation did in the days first to last together, or `by_day`; the most requests first.

    The rank is that among all organisations. Of all days together a user counts once. `after` is the cursor of the page
    before.
    """
    check_texts({"organization": organization})
    wanted = {"organization": organization or "", "by_day": by_day, **_DAY_AND_RANK.parameters(after, limit)}
    tables = ["registry.org_stats_daily", "registry.module_activity_daily"]
    found = ask_days(database, tables, "registry.organizations", first, last, wanted)
    return replace(_DAY_AND_RANK.page(found.rows, limit), coverage=found.coverage)
