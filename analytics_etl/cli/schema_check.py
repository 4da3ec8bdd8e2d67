"""The command `check-schema`: what a version of a schema would break, for people, programs and code hosts."""

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import click

from analytics_etl.cli.configured import read_settings
from analytics_etl.cli.terminal import BAD, GOOD, NOTE, Styled, err, out
from analytics_etl.cli.typed import Folder
from analytics_etl.families.queries import QueryError
from analytics_etl.families.queries.registry_schemas import Use
from analytics_etl.pipeline.schema_check import SUFFIXES, SchemaFolderError, compare_folders, compare_registered
from analytics_etl.postgres import migrations
from analytics_etl.postgres.database import Database
from analytics_etl.schemas import BACKWARD, FORWARD, FULL, Category, Change, Examination, Fault, Format
from analytics_etl.schemas.sarif import sarif
from analytics_etl.text.english import counted, shortened

_TRANSITIVE = "_TRANSITIVE"
_KINDS = {BACKWARD: (BACKWARD,), FORWARD: (FORWARD,), FULL: (BACKWARD, FORWARD)}
"""Confluent's kinds of compatibility, and the sets of rules that each consists of."""
SETS = ("FILE", "PACKAGE", "WIRE_JSON", "WIRE", *_KINDS, *(f"{kind}{_TRANSITIVE}" for kind in _KINDS))
ENFORCED = ("FILE", "WIRE", BACKWARD)


@click.command("check-schema")
@click.argument("path", type=Folder(), metavar="PATH")
@click.option(
    "--against", type=Folder(), metavar="PATH|MODULE[@VERSION]", required=True,
    help="The version before: a folder, a file, or a registered version of a module, the newest if none is named.",
)  # fmt: skip
@click.option(
    "--enforce", type=click.Choice(SETS), multiple=True, default=ENFORCED, show_default=True,
    help="What must not break; may be repeated. Protobuf: Buf's categories; Avro and JSON Schema: Confluent's kinds of "
    "compatibility, of which the transitive ones also hold for all older versions of a registered module.",
)  # fmt: skip
@click.option(
    "--schema-format", type=click.Choice([str(item) for item in Format]),
    help="Only needed when a folder has files of several formats.",
)  # fmt: skip
@click.option(
    "--format", "form", type=click.Choice(["text", "json", "sarif"]), default="text", show_default=True,
    help="sarif: for code hosts, which show it beside the lines.",
)  # fmt: skip
@click.option(
    "--all", "shows_all", is_flag=True, help="Show changes that break nothing, too (JSON and SARIF always do)."
)
def check_schema(
    path: Path, against: Path, enforce: Sequence[str], schema_format: str | None, form: str, *, shows_all: bool
) -> None:
    """Say what a version of a schema breaks, and who uses that.

    PATH and the version before it are folders (or single files) of .proto, .avsc or .json files. Paths in a folder are
    what imports call them. Well-known types and googleapis are there; nothing is fetched. Rules have the ids of Buf
    (protobuf), of Avro's libraries and of Confluent's registry (JSON Schema); docs/health-scoring.md says more.

    Against a registered version it also says which services used what breaks in the last 90 days, and it needs the
    database. Between two folders it needs none.

    Exit code 0: nothing enforced breaks. 1: something does, or nothing could be compared. 2: it was typed wrongly.

    \b
    What would my change break?
      git worktree add ../before origin/main
      analytics-etl check-schema proto --against ../before/proto
    Only what data on the wire depends on:
      analytics-etl check-schema proto --against ../before/proto --enforce WIRE --enforce WIRE_JSON
    A single Avro schema in both directions, everything that changed:
      analytics-etl check-schema order.avsc --against old/order.avsc --enforce BACKWARD --enforce FORWARD --all
    All versions that were ever registered must be readable:
      analytics-etl check-schema order.avsc --against acme/order --enforce BACKWARD_TRANSITIVE
    Whom would my change hurt?
      analytics-etl check-schema proto --against acme/shop
    For a pull request:
      analytics-etl check-schema proto --against ../before/proto --format sarif > schema.sarif
    """  # noqa: D301 - click takes \b for the begin of lines to leave as they are
    older = {name for kind in enforce if kind.endswith(_TRANSITIVE) for name in _sets_of(kind)}
    try:
        found, uses = _compare(path, against, Format(schema_format) if schema_format else None, older)
    except (SchemaFolderError, QueryError) as error:
        raise click.ClickException(str(error)) from error
    for reason in uses.not_compared:
        err.say(NOTE, f" not compared with version {reason}")
    broken = _enforced(found, {name for kind in enforce for name in _sets_of(kind)})
    if form == "sarif":
        out.write(json.dumps(sarif(_changes(found), broken, _faults(found), uses.said), indent=2) + "\n")
    elif form == "json":
        out.write(_json(found, broken, uses))
    else:
        _print(found, broken, uses, shows_all=shows_all)
    if broken or _faults(found):
        click.get_current_context().exit(1)


def _sets_of(kind: str) -> tuple[str, ...]:
    """The sets of rules that are enforced under a name."""
    return _KINDS.get(kind.removesuffix(_TRANSITIVE), (kind,))


@dataclass(frozen=True)
class Uses:
    """Who uses what changes, as values and as sentences; nothing between two folders."""

    found: Mapping[Change, Use] = field(default_factory=dict)
    said: Mapping[Change, str] = field(default_factory=dict)
    not_compared: Sequence[str] = ()
    """Older versions, with the reason."""


def _compare(
    path: Path, against: Path, schema_format: Format | None, older: Collection[str]
) -> tuple[Examination, Uses]:
    """The changes from a folder, or from a registered version if there is no such path."""
    looks_like_path = against.is_absolute() or against.parts[:1] in ((".",), ("..",)) or against.suffix in SUFFIXES
    if against.exists() or looks_like_path:
        if older:
            raise click.UsageError(
                "transitive compatibility is about all registered versions: it needs --against MODULE"
            )
        return compare_folders(path, against, schema_format), Uses()
    settings = read_settings()
    migrations.upgrade(settings)
    checked = compare_registered(Database(settings), path, str(against), schema_format, older)
    if checked.usage is None:
        return checked.found, Uses(not_compared=checked.not_compared)
    uses: dict[Change, Use] = {}
    for change in _changes(checked.found):
        use = checked.usage.of(change.element)
        if use is not None and change.category.is_breaking:
            uses[change] = use
    said = {change: _said(use, checked.usage.days) for change, use in uses.items()}
    return checked.found, Uses(uses, said, checked.not_compared)


def _said(use: Use, days: int) -> str:
    """The use of an element as a sentence."""
    if not use.usage_count:
        return f"Nobody used it in {days} days."
    named = [service or "an unknown service" for service in use.services]
    return f"Used by {shortened(named)} in {days} days, last on {use.last_used_day}."


def _changes(found: Examination) -> tuple[Change, ...]:
    return () if found.comparison is None else found.comparison.changes


def _faults(found: Examination) -> tuple[Fault, ...]:
    """Why nothing could be compared."""
    if found.comparison is None or found.comparison.obstacle is None:
        return ()
    return found.catalogue.faults or (Fault(found.comparison.obstacle),)


def _enforced(found: Examination, sets: set[str]) -> dict[Change, None]:
    """Changes of the given sets, and breaking ones that belong to no set, like a schema that is gone. In order."""
    return dict.fromkeys(
        change
        for change in _changes(found)
        if sets & set(change.sets) or (change.category.is_breaking and not change.sets)
    )


def _json(found: Examination, broken: Collection[Change], uses: Uses) -> str:
    said = {
        "breaks": bool(broken),
        "faults": [asdict(fault) for fault in _faults(found)],
        "changes": [
            asdict(change) | {"is_enforced": change in broken} | _use_in_json(uses.found.get(change))
            for change in _changes(found)
        ],
    }
    return json.dumps(said, indent=2) + "\n"


def _use_in_json(use: Use | None) -> dict[str, object]:
    """The key `use`, where the use of an element is known."""
    if use is None:
        return {}
    last = None if use.last_used_day is None else str(use.last_used_day)
    return {"use": {"usage_count": use.usage_count, "services": list(use.services), "last_used_day": last}}


def _print(found: Examination, broken: Collection[Change], uses: Uses, *, shows_all: bool) -> None:
    faults = _faults(found)
    for fault in faults:
        err.say(BAD, " ", str(fault))
    if faults:
        return
    others = [change for change in _changes(found) if change not in broken]
    for change in broken:
        out.say(BAD, " ", *_line(change), *([f" {uses.said[change]}"] if change in uses.said else []))
    for change in others if shows_all else ():
        out.say(NOTE if change.category.is_breaking else GOOD, " ", *_line(change))
    counts = Counter(str(change.category).replace("_", " ") for change in others)
    rest = ", ".join(f"{number} {category}" for category, number in sorted(counts.items()))
    said = f"{counted(len(broken), 'rule')} broken" if broken else "nothing breaks"
    out.say(f"{said}; other changes: {rest or 'none'}")


def _line(change: Change) -> list[str | Styled]:
    place = f"{change.file}:{change.line}" if change.line is not None else change.file or change.element
    sets = f" ({', '.join(change.sets)})" if change.sets else ""
    what = "" if change.element in change.message or change.element == change.file else f"{change.element}: "
    category = "" if change.category is Category.COMPATIBLE else f" {str(change.category).replace('_', ' ')}"
    return [f"{place}: ", Styled(change.rule, "bold"), f"{sets}{category}: {what}{change.message}"]
