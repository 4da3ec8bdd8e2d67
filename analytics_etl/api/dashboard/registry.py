"""Pages of the registry: its overview, its modules, one module, its organisations, one organisation."""

from collections.abc import Mapping

from analytics_etl.api.dashboard.values import (
    Card,
    Page,
    Question,
    Section,
    Table,
    bars,
    daily_figure,
    is_whole,
    links,
    missing_note,
    next_link,
    summed_cards,
    within,
)
from analytics_etl.families.queries import registry, registry_details, registry_modules, registry_schemas
from analytics_etl.families.queries.registry_details import Health
from analytics_etl.families.queries.registry_overview import DAYS_BEFORE, OVERVIEW, overview_of_newest_day
from analytics_etl.reporting import wording

_MODULES, _ORGANIZATIONS = "registry.module_stats_daily", "registry.org_stats_daily"
_HEALTH = "registry.module_health_daily"
TONES: Mapping[str, str] = {"green": "good", "amber": "warn", "red": "bad"}
"""Of the badges of health."""
_FIGURES: Mapping[str, tuple[str, str]] = {
    "modules": ("Modules", "count"), "versions": ("Versions", "count"),
    "total_downloads_30d": ("Downloads in 30 days", "count"), "active_users_7d": ("Active users in 7 days", "count"),
    "download_cache_hit_rate": ("Downloads from a cache", "ratio"), "error_ratio": ("Errors", "ratio"),
}  # fmt: skip
_TOP = {
    "rank": "#", "module_name": "Module", "download_count": "Downloads", "view_count": "Views",
    "total_download_bytes": "Size",
}  # fmt: skip
_LANGUAGE = {
    "language": "Language", "compilation_count": "Compilations", "compilation_share_ratio": "Share",
    "success_ratio": "Succeeded", "p50_duration_ms": "Median", "p95_duration_ms": "95th percentile",
}  # fmt: skip
_DAYS = {
    "day": "Day", "download_count": "Downloads", "failed_download_count": "Failed", "view_count": "Views",
    "compilation_count": "Compilations", "active_users_1d": "Users", "error_ratio": "Errors",
}  # fmt: skip
_SHOWN = 10


def overview(question: Question) -> Page:
    """The registry as a whole: its figures, its days, its modules and languages."""
    database, days = question.database, question.days(OVERVIEW)
    found = overview_of_newest_day(database)
    by_day = registry.overview(database, days.before.first, days.last)
    top = registry_modules.top_of_days(database, days.first, days.last, _SHOWN)
    growing = registry_modules.trending(database, "up", _SHOWN)
    languages = registry.languages(database, days.first, days.last)
    cards = [
        Card(
            label, found.now[name], kind, found.before[name], f"{wording.plural(DAYS_BEFORE[name], 'day')} before",
            "lower" if name == "error_ratio" else "higher" if kind == "ratio" else None,
        )
        for name, (label, kind) in _FIGURES.items()
    ] if found else []  # fmt: skip
    module_links = {"module_name": links(question, [*top.rows, *growing.rows], "module_name", "/module", "name")}
    return Page("Overview", "/", [
        Section("How much was downloaded?", Table("days", within(by_day.rows, days)[::-1], _DAYS),
                daily_figure(by_day.rows, "download_count", days, "Successful downloads per day")),
        Section("Which modules are used most?", Table("top_modules", top.rows, _TOP, module_links),
                bars(top.rows, "module_name", "download_count", "Successful downloads")),
        Section("Which modules grow?", Table("growing_modules", growing.rows, {
                    "rank": "#", "module_name": "Module", "growth_ratio": "Growth", "download_count": "Last 7 days",
                    "previous_download_count": "7 days before",
                }, module_links), empty="No module grew in the last 7 days against the 7 before."),
        Section("Which languages are compiled?", Table("languages", languages.rows, _LANGUAGE),
                bars(languages.rows, "language", "compilation_count", "Compilations by language", "failure_count")),
        Section("How long do compilations take?", Table("compilation_performance", languages.rows, {
                    "language": "Language", "avg_duration_ms": "Mean", "p50_duration_ms": "Median",
                    "p95_duration_ms": "95th percentile", "p99_duration_ms": "99th percentile",
                }), bars(languages.rows, "language", "p95_duration_ms", "95th percentile of the duration")),
    ], cards, days, missing_note(by_day.coverage, days))  # fmt: skip


def modules(question: Question) -> Page:
    """All modules of the period in pages, or those of a search."""
    days = question.days(_MODULES)
    found = registry_modules.top_of_days(
        question.database, days.first, days.last, question.limit, question.cursor, question.search
    )
    more = next_link(question, "/modules", found.next, q=question.search)
    module_links = {"module_name": links(question, found.rows, "module_name", "/module", "name")}
    empty = "No module with these letters in its name was downloaded in these days."
    return Page("Modules", "/modules", [
        Section("Modules by downloads", Table("modules", found.rows, _TOP, module_links, more),
                empty=empty if question.search else "No module was downloaded in these days."),
    ], (), days, missing_note(found.coverage, days), question.search)  # fmt: skip


def module(question: Question, name: str) -> Page:
    """One module: what was done with it, its versions, its health and what is behind that."""
    database, days = question.database, question.days(_MODULES)
    series = registry_details.series_of_module(database, name, days.before.first, days.last)
    versions = registry_details.version_downloads(database, name, days.first, days.last)
    judged = question.days(_HEALTH)
    health = registry_details.health_of_module(database, name, judged.first, judged.last)
    consumers, clients = (
        registry_schemas.consumers(database, name, days.first, days.last, by_client=by_client)
        for by_client in (False, True)
    )
    cards = summed_cards(series.rows, {
        "download_count": "Downloads", "view_count": "Views", "compilation_count": "Compilations",
        "total_download_bytes": "Downloaded",
    }, days, is_comparable=is_whole(series.coverage, days.before))  # fmt: skip
    cards = [Card(c.label, c.value, "bytes" if c.label == "Downloaded" else "count", c.previous, c.before, None, c.line)
             for c in cards]  # fmt: skip
    newest = health.history.rows[0] if health.history.rows else None
    if newest:
        cards.append(Card(f"Health of {newest['version']}", newest["overall_score"], "score"))
    organization_links = {"organization_id": links(question, consumers.rows, "organization_id", "/organization", "id")}
    return Page(name, "/modules", [
        Section("How much was it used?", Table("days", within(series.rows, days)[::-1], {
                    "day": "Day", "download_count": "Downloads", "failed_download_count": "Failed",
                    "view_count": "Views", "unique_users": "Users", "compilation_count": "Compilations",
                }), daily_figure(series.rows, "download_count", days, "Successful downloads per day")),
        Section("Which versions are downloaded?", Table("versions", versions.rows, {
                    "version": "Version", "downloads": "Downloads", "download_share_ratio": "Share",
                }), bars(versions.rows, "version", "downloads", "Downloads by version")),
        *_health(question, health),
        Section("Who downloads it?", Table("consumers", consumers.rows, {
                    "organization_id": "Organisation", "newest_downloaded_version": "Newest version",
                    "versions_behind": "Versions behind", "downloads": "Downloads",
                    "last_download_day": "Last download",
                }, organization_links), empty="Nobody downloaded it in these days."),
        Section("Which clients download it?", Table("clients", clients.rows, {
                    "sdk": "Client", "sdk_version": "Its version", "newest_downloaded_version": "Newest version",
                    "versions_behind": "Versions behind", "downloads": "Downloads",
                    "last_download_day": "Last download",
                }), empty="No client downloaded it in these days."),
    ], cards, days, missing_note(series.coverage, days),
        badge=(TONES.get(newest["badge"], "muted"), newest["badge"]) if newest else None,
        path="/module", parameters={"name": name})  # fmt: skip


def _health(question: Question, health: Health) -> list[Section]:
    """How healthy a module is, and why."""
    unknown = "No version of this module is registered, so its health is not known."
    if not health.history.rows:
        return [Section("How healthy is it?", Table("health", [], {"part": "Part"}), empty=unknown)]
    newest = health.history.rows[0]
    score = "not known" if newest["overall_score"] is None else f"{newest['overall_score']:.0f} of 100"
    reasons = (newest["reason"] or "").splitlines()
    dependents = [{"module_name": name} for name in (newest["dependents"] or "").splitlines()]
    moved = [{**row, "change_reason": row["change_reason"].replace("\n", "; ")}
             for row in health.history.rows if row["change_reason"]]  # fmt: skip
    recommendations = [{**row, "evidence": ", ".join(row["evidence"])} for row in health.recommendations]
    return [
        Section("How healthy is it?", Table("health", health.parts, {
                    "part": "Part", "score": "Score", "weight": "Weight",
                }), bars([p for p in health.parts if p["score"] is not None], "part", "score", "Parts of the score"),
                wording.sentence([f"version {newest['version']} has a score of {score}", *reasons])),
        Section("Why did its score move?", Table("health_changes", moved, {
                    "day": "Day", "version": "Version", "overall_score": "Score", "change_reason": "Why",
                }), empty="It did not, in these days."),
        Section("What would make it healthier?", Table("recommendations", recommendations, {
                    "recommendation": "What to do", "state": "State", "first_seen_day": "Since",
                    "last_seen_day": "Last seen", "evidence": "Elements",
                }, kinds={"recommendation": "text", "state": "text", "evidence": "text"}),
                empty="Nothing: no recommendation is or was open."),
        Section("Which fields does nobody use?", Table("unused_fields", health.unused, {
                    "element": "Field", "first_seen_day": "Since", "is_deprecated": "Deprecated",
                }), empty="Every old field is used, or no use is known."),
        Section("What is deprecated?", Table("deprecated_fields", health.deprecated, {
                    "element": "Element", "deprecated_since_day": "Since", "usage_count": "Uses",
                    "last_used_day": "Last use",
                }), empty="Nothing is deprecated."),
        Section("Who still uses what is deprecated?", Table("users_of_deprecated", health.users_of_deprecated, {
                    "element": "Element", "service": "Service", "usage_count": "Uses", "last_used_day": "Last use",
                }), empty="Nobody, as far as is known."),
        Section("Which organisations and clients do?", Table("consumers_of_deprecated", health.consumers_of_deprecated,
                    {"element": "Element", "organization_id": "Organisation", "sdk": "Client", "usage_count": "Uses",
                     "last_used_day": "Last use"},
                ), empty="None, as far as is known."),
        Section("What broke in 30 days?", Table("breaking_changes", health.breaking, {
                    "day": "Day", "version": "Version", "previous_version": "Before", "message": "Change",
                }), empty="No version of the last 30 days broke anything."),
        Section("Which modules import it?", Table("dependents", dependents, {"module_name": "Module"}, {
                    "module_name": links(question, dependents, "module_name", "/module", "name"),
                }), empty="No module imports it."),
    ]  # fmt: skip


def organizations(question: Question) -> Page:
    """All organisations, the most requests first."""
    days = question.days(_ORGANIZATIONS)
    found = registry.organizations(
        question.database, days.first, days.last, limit=question.limit, after=question.cursor
    )
    named = [row for row in found.rows if row["organization_id"]]
    return Page("Organisations", "/organizations", [
        Section("Who asks most?", Table("organizations", found.rows, {
                    "rank": "#", "organization_id": "Organisation", "api_requests": "Requests",
                    "downloads": "Downloads", "compilations": "Compilations", "active_users": "Users",
                }, {"organization_id": links(question, found.rows, "organization_id", "/organization", "id")},
                next_link(question, "/organizations", found.next)),
                bars(named, "organization_id", "api_requests", "Requests by organisation")),
    ], (), days, missing_note(found.coverage, days))  # fmt: skip


def organization(question: Question, organization_id: str) -> Page:
    """One organisation, day by day."""
    days = question.days(_ORGANIZATIONS)
    found = registry_details.organization_days(question.database, organization_id, days.before.first, days.last)
    modules = registry_details.modules_of_organization(
        question.database, organization_id, days.first, days.last, question.limit
    )
    cards = summed_cards(found.rows, {
        "requests": "Requests", "downloads": "Downloads", "compilations": "Compilations",
        "versions_created": "Versions registered",
    }, days, is_comparable=is_whole(found.coverage, days.before))  # fmt: skip
    rows = within(found.rows, days)
    if rows:
        cards.append(Card("Storage", rows[-1]["storage_bytes"], "bytes"))
    return Page(organization_id, "/organizations", [
        Section("What did it do?", Table("days", rows[::-1], {
                    "day": "Day", "requests": "Requests", "downloads": "Downloads", "compilations": "Compilations",
                    "active_users": "Users", "modules_created": "Modules", "versions_created": "Versions",
                    "storage_bytes": "Storage",
                }), daily_figure(found.rows, "requests", days, "Requests per day")),
        Section("Which modules does it download most?", Table("modules", modules.rows, {
                    "module_name": "Module", "downloads": "Downloads", "version_count": "Versions",
                    "last_download_day": "Last download",
                }, {"module_name": links(question, modules.rows, "module_name", "/module", "name")}),
                bars(modules.rows, "module_name", "downloads", "Successful downloads by module"),
                empty="It downloaded nothing in these days."),
    ], cards, days, missing_note(found.coverage, days),
        path="/organization", parameters={"id": organization_id})  # fmt: skip
