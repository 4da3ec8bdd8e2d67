"""Files and folders in the landing folder that belong to no table: which, what was meant, and how to move them."""

import shlex
from collections.abc import Sequence

from analytics_etl.catalog.catalog import Catalog
from analytics_etl.config.settings import Settings
from analytics_etl.landing.strays import Stray, strays
from analytics_etl.text.english import MOST_NAMED, counted, shortened


def misplaced(settings: Settings, catalog: Catalog) -> list[Stray]:
    """The files and folders that no load reads, since they lie in the folder of no table, broken or not."""
    return strays(settings.landing_dir, _folders(catalog))


def describe(settings: Settings, found: Sequence[Stray]) -> str:
    """One line that names them and the folder that each was likely meant for."""
    landing = settings.landing_dir.name

    def shown(stray: Stray) -> str:
        meant = f" (did you mean {landing}/{stray.meant}/?)" if stray.meant else ""
        return f"{landing}/{stray.path}{'/' * stray.is_folder}{meant}"

    belong = "belongs to no table and is" if len(found) == 1 else "belong to no table and are"
    what = counted(len(found), "file or folder", "files or folders")
    return f"{what} {belong} not read: {shortened([shown(stray) for stray in found])}"


def what_moves(settings: Settings, catalog: Catalog, found: Sequence[Stray]) -> list[str]:
    """The commands that move them where they are read; `mv -n` replaces no file."""
    lines = [_move(settings, catalog, stray) for stray in found[:MOST_NAMED]]
    if len(found) > MOST_NAMED:
        lines.append(f"and the same for {len(found) - MOST_NAMED:,} more: ls {shlex.quote(str(settings.landing_dir))}")
    return [*lines, "then: analytics-etl backfill --missing"]


def _move(settings: Settings, catalog: Catalog, stray: Stray) -> str:
    path = shlex.quote(str(settings.landing_dir / stray.path))
    if stray.meant is None:
        return (
            f"mv {path} into the folder of its table below {settings.landing_dir} "
            f"({', '.join(sorted(_folders(catalog)))}), or out of the landing folder"
        )
    folder = shlex.quote(f"{settings.landing_dir / stray.meant}/")
    return f"mkdir -p {folder} && mv -n {path}{'/*' * stray.is_folder} {folder}"


def _folders(catalog: Catalog) -> set[str]:
    """The names of the folders that are read: those of all event tables."""
    return {table.rpartition(".")[2] for table in catalog.event_tables}
