"""The command `import-schemas`: the history of schemas as a landing file of versions."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import click

from analytics_etl.cli.configured import read_settings
from analytics_etl.cli.terminal import BAD, GOOD, NOTE, err, out, progress
from analytics_etl.cli.typed import Folder, Moment, Text
from analytics_etl.pipeline import schema_import
from analytics_etl.pipeline.schema_folders import (
    FoundVersion,
    ImportRefusedError,
    is_iglu,
    versions_in_folder,
    versions_of_iglu,
)
from analytics_etl.pipeline.schema_git import Repository
from analytics_etl.schemas import Format
from analytics_etl.text.english import counted, spanned

_MOST_SHOWN = 20


@click.command("import-schemas")
@click.argument("path", type=Folder(), metavar="PATH")
@click.option(
    "--layout", type=click.Choice(["versions", "iglu"]),
    help="versions: a folder for each version (PATH/1.2.0/**). iglu: vendor/name/jsonschema/MODEL-REVISION-ADDITION. "
    "Recognised by default.",
)  # fmt: skip
@click.option(
    "--git", "by", type=click.Choice(["tags", "commits"]),
    help="PATH is a git repository: each tag, or each commit that touches schemas, is a version.",
)  # fmt: skip
@click.option("--folder", type=Text(), help="With --git: the folder in it that paths of schemas are relative to.")
@click.option("--module", type=Text(), help="Name of the module; the last part of PATH by default.")
@click.option("--organization", type=Text(), help="Organisation that the module belongs to; none by default.")
@click.option(
    "--registered-at",
    type=Moment(),
    help="When the versions of a folder were registered, if no file of times says; with --git, when the registry took "
    "over all of them.",
)
@click.option(
    "--times", type=Folder(), metavar="FILE",
    help="CSV with the columns version, registered_at and, for several modules, module_name.",
)  # fmt: skip
@click.option(
    "--schema-format", type=click.Choice([str(item) for item in Format]),
    help="Only needed when there are files of several formats.",
)  # fmt: skip
@click.option("--leave-out", is_flag=True, help="Leave out versions that cannot be imported, and say which.")
@click.option("--to", "landing", type=Folder(), help="Landing folder; the configured one by default.")
def import_schemas(
    path: Path, layout: str | None, by: Literal["tags", "commits"] | None, folder: str | None, module: str | None,
    organization: str | None, registered_at: datetime | None, times: Path | None, schema_format: str | None,
    landing: Path | None, *, leave_out: bool,
) -> None:  # fmt: skip
    """Write the history of a module's schemas as events of registry.module_versions, into a new landing file.

    PATH holds .proto, .avsc or .json files: a folder for each version, an Iglu registry, or a git repository. It needs
    no database. The time of a version is that of its tag or commit; for folders say it. Importing again writes only
    what no earlier import has written: a version is known by its module, its name and its source.

    With --git and --registered-at all versions are registered at that time, and published at those of their tags or
    commits: one day has all of them, and their fields are as old as they are.

    A version that has more than 1,000,000 bytes of source as JSON is written without it: the catalogue says that it
    could not be read. Links that leave PATH are refused, and nothing is written unless everything can be imported, or
    --leave-out is given.

    \b
    Each release of a repository, whose schemas lie in the folder proto:
      analytics-etl import-schemas ~/src/orders --git tags --folder proto --module acme.orders
    Folders 1.0.0, 1.1.0, … of one module:
      analytics-etl import-schemas orders/ --module acme.orders --registered-at 2025-03-31
    A registry of JSON Schemas, when each was published:
      analytics-etl import-schemas iglu-central/schemas --times published.csv
    """  # noqa: D301 - click takes \b for the begin of lines to leave as they are
    folder_of_files = landing or read_settings().landing_dir
    try:
        known = {} if times is None else schema_import.read_times(times)
        found = _found(path, layout, by, folder, module, Format(schema_format) if schema_format else None)
        at = None if registered_at is None else registered_at.replace(tzinfo=UTC)
        if by is None and at is None and times is None:
            raise click.UsageError("say when the versions were registered: --registered-at TIME, or --times FILE")
        rows = list(schema_import.usable(found, known, at))
        refused = [(version, why) for version, _, why in rows if why is not None]
        _say_refused(refused, leave_out=leave_out)
        good = [(version, when) for version, when, why in rows if why is None and when is not None]
        done = iter(range(1, len(good) + 1))
        with progress(len(good)) as step:
            written = schema_import.write(
                folder_of_files, good, organization,
                lambda version: step(f"importing {version.name}", next(done), len(good)),
            )  # fmt: skip
        _say_without_files([version for version, _ in good if version.source.too_large_bytes is not None])
    except ImportRefusedError as error:
        raise click.ClickException(str(error)) from error
    _say(written)


def _found(
    path: Path, layout: str | None, by: Literal["tags", "commits"] | None, folder: str | None, module: str | None,
    format_: Format | None,
) -> Sequence[FoundVersion]:  # fmt: skip
    """The versions that PATH holds."""
    if not path.is_dir():
        raise ImportRefusedError(f"{path} is no folder, expected one with versions of schemas, or a git repository")
    name = module or path.resolve().name
    if by is not None:
        if layout is not None:
            raise click.UsageError("--layout is about folders, --git about a repository: give one of them")
        return Repository(path, (folder or "").strip("/")).versions(by, name, format_)
    if folder is not None:
        raise click.UsageError("--folder is a folder in a repository: it needs --git tags, or --git commits")
    if layout == "iglu" or (layout is None and is_iglu(path)):
        if module is not None:
            raise click.UsageError("the modules of this layout are vendor/name: it takes no --module")
        return list(versions_of_iglu(path))
    return list(versions_in_folder(path, name, format_))


def _say_refused(refused: Sequence[tuple[FoundVersion, str]], *, leave_out: bool) -> None:
    for version, why in refused[:_MOST_SHOWN]:
        err.say(BAD, f" {version.name}: {why}")
    if len(refused) > _MOST_SHOWN:
        err.say(BAD, f" and {counted(len(refused) - _MOST_SHOWN, 'more version')}")
    if refused and not leave_out:
        raise ImportRefusedError(
            f"{counted(len(refused), 'version')} cannot be imported, so nothing was; to import the others: --leave-out"
        )


def _say_without_files(versions: Sequence[FoundVersion]) -> None:
    for version in versions[:_MOST_SHOWN]:
        size = version.source.too_large_bytes
        err.say(NOTE, f" {version.name}: {size:,} bytes of source are too many, the catalogue will say so")
    if len(versions) > _MOST_SHOWN:
        err.say(NOTE, f" and {counted(len(versions) - _MOST_SHOWN, 'more version')}")


def _say(written: schema_import.Imported) -> None:
    known = f"; {counted(written.known, 'version')} had been imported before" if written.known else ""
    if written.path is None or written.first is None or written.last is None:
        out.say(f"nothing to write{known or ': no version is left'}")
        return
    out.say(GOOD, f" wrote {counted(written.versions, 'version')} to {written.path}{known}")
    out.say(f"  of {spanned(written.first, written.last)}; the sensor loads recent days, others on demand:")
    out.say(f'  analytics-etl backfill {written.first} {written.last} --family registry --reason "schemas imported"')
