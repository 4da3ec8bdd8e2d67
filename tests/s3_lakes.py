"""Files of a lake on S3, and looks into it."""

from datetime import date

from events import DAY, DOWNLOADS, ask

from analytics_etl.config.settings import Settings
from analytics_etl.lake import LakeFile, open_lake


def placed(settings: Settings, content: bytes, day: date = DAY) -> LakeFile:
    """A file of any content in the lake, as the books would have it."""
    lake = open_lake(settings)
    scratch = lake.scratch()
    written = scratch.path / "written"
    written.write_bytes(content)
    path, digest = lake.place(written, DOWNLOADS, day)
    scratch.remove()
    return LakeFile(DOWNLOADS, day, path, 1, len(content), digest, "v", has_personal_data=False)


def current(settings: Settings) -> list[str]:
    """The paths of the current files, as the books have them."""
    return [row["path"] for row in ask(settings.database_url, "select path from ops.current_lake_files order by path")]


def copies(settings: Settings) -> set[str]:
    """The paths of the copies on this machine."""
    folder = settings.lake_copies_dir
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*.parquet") if "_staging" not in path.parts}


def forget_copies(settings: Settings) -> None:
    """What another machine has: nothing."""
    for path in copies(settings):
        (settings.lake_copies_dir / path).unlink()
