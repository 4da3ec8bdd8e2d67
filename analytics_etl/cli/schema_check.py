"""The command `check-schema`: what a version of a schema would break, for people, programs and code hosts."""

import json
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import asdict
from pathlib import Path

import click

from analytics_etl.cli.terminal import BAD, GOOD, NOTE, Styled, err, out
from analytics_etl.cli.typed import Folder
from analytics_etl.pipeline.schema_check import SchemaFolderError, compare_folders
from analytics_etl.schemas import BACKWARD, FORWARD, Category, Change, Examination, Fault, Format
from analytics_etl.schemas.sarif import sarif
from analytics_etl.text.english import counted

SETS = ("FILE", "PACKAGE", "WIRE_JSON", "WIRE", BACKWARD, FORWARD)
ENFORCED = ("FILE", "WIRE", BACKWARD)


@click.command("check-schema")
@click.argument("path", type=Folder(), metavar="PATH")
@click.option("--against", type=Folder(), metavar="PATH", required=True, help="The version before: a folder or a file.")
@click.option(
    "--enforce", type=click.Choice(SETS), multiple=True, default=ENFORCED, show_default=True,
    help="What must not break; may be repeated. Protobuf: Buf's categories; Avro and JSON Schema: BACKWARD, FORWARD.",
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
    """Say what a version of a schema breaks. It needs no database.

    PATH and the version before it are folders (or single files) of .proto, .avsc or .json files. Paths in a folder are
    what imports call them. Well-known types and googleapis are there; nothing is fetched. Rules have the ids of Buf
    (protobuf), of Avro's libraries and of Confluent's registry (JSON Schema); docs/health-scoring.md says more.

    Exit code 0: nothing enforced breaks. 1: something does, or nothing could be compared. 2: it was typed wrongly.

    \b
    What would my change break?
      git worktree add ../before origin/main
      analytics-etl check-schema proto --against ../before/proto
    Only what data on the wire depends on:
      analytics-etl check-schema proto --against ../before/proto --enforce WIRE --enforce WIRE_JSON
    A single Avro schema in both directions, everything that changed:
      analytics-etl check-schema order.avsc --against old/order.avsc --enforce BACKWARD --enforce FORWARD --all
    For a pull request:
      analytics-etl check-schema proto --against ../before/proto --format sarif > schema.sarif
    """  # noqa: D301 - click takes \b for the begin of lines to leave as they are
    try:
        found = compare_folders(path, against, Format(schema_format) if schema_format else None)
    except SchemaFolderError as error:
        raise click.ClickException(str(error)) from error
    broken = _enforced(found, set(enforce))
    if form == "sarif":
        out.write(json.dumps(sarif(_changes(found), broken, _faults(found)), indent=2) + "\n")
    elif form == "json":
        out.write(_json(found, broken))
    else:
        _print(found, broken, shows_all=shows_all)
    if broken or _faults(found):
        click.get_current_context().exit(1)


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


def _json(found: Examination, broken: Collection[Change]) -> str:
    said = {
        "breaks": bool(broken),
        "faults": [asdict(fault) for fault in _faults(found)],
        "changes": [asdict(change) | {"is_enforced": change in broken} for change in _changes(found)],
    }
    return json.dumps(said, indent=2) + "\n"


def _print(found: Examination, broken: Collection[Change], *, shows_all: bool) -> None:
    faults = _faults(found)
    for fault in faults:
        err.say(BAD, " ", str(fault))
    if faults:
        return
    others = [change for change in _changes(found) if change not in broken]
    for change in broken:
        out.say(BAD, " ", *_line(change))
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
