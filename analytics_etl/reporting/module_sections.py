"""The sections of the page of a module."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from analytics_etl.reporting import wording
from analytics_etl.reporting.module_files import module_file
from analytics_etl.reporting.period import Column, Row, section

WEEKS = 12
"""Weeks that downloads and changes of the score are shown of, the one of the newest day included."""

Rows = Mapping[str, Sequence[Row]]
"""{query: rows of a module}."""

_NAMED = 5
_CATEGORIES = {"breaking_wire": "breaks data", "breaking_source": "breaks code"}


class Module(NamedTuple):
    """What the sections are made of."""

    health: Row
    rows: Rows
    weights: Mapping[str, float]
    unused_days: int

    def of(self, query: str) -> list[Row]:
        return list(self.rows.get(query, ()))

    @property
    def scored(self) -> list[tuple[str, float]]:
        """The parts of the score that are known."""
        found = [(part, self.health[f"{part}_score"]) for part in self.weights]
        return [(part, score) for part, score in found if score is not None]

    @property
    def reasons(self) -> list[str]:
        """Why the others are not."""
        return self.health["reason"].split("\n") if self.health["reason"] else []


def score_parts(module: Module) -> dict[str, Any]:
    rows = [
        {
            "part": part,
            "weight_ratio": weight,
            "score": module.health[f"{part}_score"],
            "raw_numbers": _RAW[part](module.health, module.unused_days)
            if module.health[f"{part}_score"] is not None
            else None,
        }
        for part, weight in module.weights.items()
    ]
    columns: list[Column] = [
        ("part", "Part", "words"),
        ("weight_ratio", "Weight", "ratio"),
        ("score", "Points", "score"),
        ("raw_numbers", "Because", "text"),
    ]
    parts = [f"formula {module.health['formula_version']}, {len(module.scored)} of {len(rows)} parts are known"]
    return section("What is the score made of?", [*parts, *module.reasons], columns, rows)


def _count(number: int, noun: str) -> str:
    return wording.plural(number, noun, "entities" if noun == "entity" else None)


_RAW: Mapping[str, Callable[[Row, int], str]] = {
    "complexity": lambda row, _: (
        f"{_count(row['entity_count'], 'entity')}, {wording.count(row['fields_per_entity'])} fields per entity, "
        f"nesting {row['nesting_depth']}"
    ),
    "maintainability": lambda row, _: (
        f"{wording.ratio(row['documented_ratio'])} documented, {wording.ratio(row['named_ratio'])} well named, "
        f"{_count(row['largest_entity_fields'], 'field')} in the largest entity, import depth {row['import_depth']}"
    ),
    "unused": lambda row, days: (
        f"{row['unused_field_count']} of {_count(row['old_field_count'], 'field')} of at least {days} days"
    ),
    "deprecated": lambda row, _: f"{_count(row['deprecated_count'], 'element')} deprecated",
    "breaking": lambda row, _: f"{_count(row['breaking_count'], 'element')} broken in 30 days",
}
"""Part of a score -> its raw numbers in words, from the row of the module and the days without a use."""


def recommendations(module: Module) -> dict[str, Any]:
    rows = module.of("recommendations")
    parts = ["nothing is recommended"]
    if rows:
        first = rows[0]["first_seen_day"]
        parts = [wording.plural(len(rows), "recommendation"), f"the oldest since {wording.day(first)} {first.year}"]
    columns: list[Column] = [
        ("recommendation", "What to do", "text"),
        ("first_seen_day", "Since", "date"),
        ("evidence", "Elements", "text"),
    ]
    return section("What would make it healthier?", parts, columns, rows)


def scores(module: Module) -> dict[str, Any]:
    rows = [
        {**{name: value for name, value in row.items() if name != "change_reason"}, "moved": _moved(row)}
        for row in module.of("scores")
    ]
    changes = [row for row in rows if row["previous_day"] is not None]
    scored = [row for row in rows if row["overall_score"] is not None]
    parts = [f"no change in {WEEKS} weeks"]
    if changes:
        parts = [f"{wording.plural(len(changes), 'day')} with a change in {WEEKS} weeks"]
    if scored and scored[-1]["previous_overall_score"] is not None:
        before, after = (
            wording.score(score) for score in (scored[-1]["previous_overall_score"], scored[0]["overall_score"])
        )
        parts.append(f"from {before} to {after}")
    columns: list[Column] = [
        ("day", "Day", "day"),
        ("overall_score", "Score", "score"),
        ("previous_overall_score", "Before", "score"),
        ("version", "Version", "name"),
        ("moved", "Why", "text"),
    ]
    return section("How did the score change?", parts, columns, rows)


def _moved(row: Row) -> str:
    """The reason on one line."""
    return str(row["change_reason"]).replace("\n", "; ")


def versions(module: Module) -> dict[str, Any]:
    rows = module.of("versions")
    total = sum(row["downloads"] for row in rows)
    found = [{**row, "download_share_ratio": row["downloads"] / total if total else None} for row in rows]
    parts = [f"{wording.plural(rows[0]['version_count'], 'version')}"] if rows else []
    if total:
        first = found[0]
        share = wording.ratio(first["download_share_ratio"])
        parts.append(f"the newest, {wording.name(first['version'])}, has {share} of the downloads of {WEEKS} weeks")
    columns: list[Column] = [
        ("version", "Version", "name"),
        ("first_day", "Registered", "date"),
        ("downloads", "Downloads", "count"),
        ("download_share_ratio", "Share", "ratio"),
        ("consumer_count", "Organisations", "count"),
        ("change_count", "Changes", "count"),
        ("breaking_count", "Broken", "count"),
        ("fault", "Not read, since", "text"),
    ]
    return section("Which versions are there, and in use?", parts, columns, found)


def changes(module: Module) -> dict[str, Any]:
    rows = module.of("changes")
    found = [{**row, "category": _CATEGORIES.get(row["category"], row["category"])} for row in rows]
    parts = ["nothing is known that they changed"]
    if rows:
        parts = [f"{_count(rows[0]['element_count'], 'element')} in the newest 10 versions"]
        broken = sum(row["is_breaking"] for row in rows)
        parts.append(f"{_count(broken, 'element')} of these broken" if broken else "none of these broken")
    columns: list[Column] = [
        ("version", "Version", "name"),
        ("element", "Element", "name"),
        ("category", "Kind", "words"),
        ("message", "Change", "text"),
        ("rules", "Rules", "text"),
    ]
    return section("What did the newest versions change?", parts, columns, found)


def unused_fields(module: Module) -> dict[str, Any]:
    rows, count, days = module.of("unused"), module.health["unused_field_count"], module.unused_days
    old = module.health["old_field_count"]
    if count is None:
        parts = [f"not known, since no use of any of its fields is known in {days} days"]
    elif not old:
        parts = [f"not known yet, since no field is {days} days old"]
    else:
        parts = [f"{count} of {_count(old, 'field')} of at least {days} days without a use in {days} days"]
        if rows and (since := rows[0]["usage_known_since_day"]):
            parts.append(f"uses of the module are known since {wording.day(since)} only")
    columns: list[Column] = [("element", "Field", "name"), ("first_seen_day", "There since", "date")]
    return section("Which fields does nobody use?", parts, columns, rows)


def deprecated_fields(module: Module) -> dict[str, Any]:
    rows = module.of("deprecated")
    used = [row for row in rows if row["usage_count"]]
    parts = ["nothing is"]
    if rows:
        still = f"{len(used)} of them still used" if used else "none of them known to be used"
        parts = [f"{_count(module.health['deprecated_count'] or len(rows), 'element')}, {still}"]
    columns: list[Column] = [
        ("element", "Element", "name"),
        ("deprecated_since_day", "Since", "date"),
        ("usage_count", "Uses", "count"),
        ("service_count", "Services", "count"),
        ("last_used_day", "Last used", "date"),
    ]
    return section("What is deprecated, and still used?", parts, columns, rows)


def dependents(module: Module) -> dict[str, Any]:
    health = module.health
    direct, everyone, imports = (
        health[name].split("\n") if health[name] else []
        for name in ("direct_dependents", "dependents", "imported_modules")
    )
    names = [*direct, *(name for name in everyone if name not in set(direct))]
    rows = [
        {"module_name": name, "way": "directly" if number < len(direct) else "through others", "page": _page(name)}
        for number, name in enumerate(names)
    ]
    parts = [f"{wording.plural(len(names), 'module')}, {len(direct)} directly" if names else "no module does"]
    if imports:
        named = [*map(wording.name, imports[:_NAMED]), *(["others"] if len(imports) > _NAMED else [])]
        parts.append(f"it imports {', '.join(named)}")
    columns: list[Column] = [("module_name", "Module", "module"), ("way", "How", "text")]
    return section("Which modules import it?", parts, columns, rows)


def _page(name: str) -> str:
    return f"{module_file(name)}.html"


def downloads(module: Module) -> dict[str, Any]:
    rows = module.of("weeks")
    count = sum(row["download_count"] for row in rows)
    parts = [f"{wording.plural(count, 'download')} in {WEEKS} weeks"]
    if count:
        best = max(rows, key=lambda row: row["download_count"])
        most = wording.count(best["download_count"])
        parts.append(f"most in the week from {wording.day(best['week_start'])} on, {most}")
    columns: list[Column] = [
        ("week_start", "Week", "weekly"),
        ("download_count", "Downloads", "count"),
        ("failed_download_count", "Failed", "count"),
        ("view_count", "Views", "count"),
        ("compilation_count", "Compilations", "count"),
    ]
    return section("How often is it downloaded?", parts, columns, rows)


def consumers(module: Module) -> dict[str, Any]:
    rows = [{**row, "organization_id": row["organization_id"] or "without one"} for row in module.of("consumers")]
    parts = [f"nobody did in {WEEKS} weeks"]
    if rows:
        behind = sum((row["versions_behind"] or 0) > 0 for row in rows)
        parts = [wording.plural(rows[0]["consumer_count"], "organisation")]
        parts.append(f"{behind} of {len(rows)} have not downloaded the newest version")
    columns: list[Column] = [
        ("organization_id", "Organisation", "name"),
        ("newest_downloaded_version", "Newest version", "name"),
        ("versions_behind", "Versions behind", "count"),
        ("downloads", "Downloads", "count"),
        ("last_download_day", "Last download", "date"),
    ]
    return section("Who downloads it, and how far behind?", parts, columns, rows)


def clients(module: Module) -> dict[str, Any]:
    rows = [{**row, "sdk": row["sdk"] or "without a name"} for row in module.of("clients")]
    parts = [f"none did in {WEEKS} weeks"]
    if rows:
        behind = sum((row["versions_behind"] or 0) > 0 for row in rows)
        parts = [wording.plural(rows[0]["client_count"], "client")]
        parts.append(f"{behind} of {len(rows)} have not downloaded the newest version")
    columns: list[Column] = [
        ("sdk", "Client", "name"),
        ("sdk_version", "Its version", "name"),
        ("newest_downloaded_version", "Newest version", "name"),
        ("versions_behind", "Versions behind", "count"),
        ("downloads", "Downloads", "count"),
        ("last_download_day", "Last download", "date"),
    ]
    return section("Which clients download it, and how far behind?", parts, columns, rows)


SECTIONS: tuple[Callable[[Module], dict[str, Any]], ...] = (
    score_parts, recommendations, scores, versions, changes, unused_fields, deprecated_fields, dependents, downloads,
    consumers, clients,
)  # fmt: skip
