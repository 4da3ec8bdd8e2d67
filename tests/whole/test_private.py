"""Folders and files with events in them: for their user alone, unless their folder was there and says otherwise."""

import os
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest
from events import aggregate, declared

from analytics_etl.config.settings import CHECKOUT, Settings
from analytics_etl.disk.scratch import Scratch
from analytics_etl.families.sample import SampleOptions, write_sample
from analytics_etl.lake.folder import STAGING, FolderLake
from analytics_etl.lake.writing import PartitionWriter
from analytics_etl.orchestration import instance as dagster_instance
from analytics_etl.pipeline.reports import write_index, write_report
from analytics_etl.postgres.database import Database

DAY = date(2025, 3, 10)

Write = Callable[[Settings], Path]


def lake(settings: Settings) -> Path:
    rows = pa.record_batch({"n": [1]})
    with PartitionWriter(FolderLake(settings.lake_dir), "registry.download_events", "v", rows.schema, [DAY]) as writer:
        writer.add(DAY, rows)
        assert len(list(writer.place(None))) == 1
    return settings.lake_dir


def landing(settings: Settings) -> Path:
    for file_format in ("ndjson.gz", "parquet"):
        write_sample(settings.landing_dir, SampleOptions(DAY, 1, 10, file_format=file_format, rhythm=False))
    return settings.landing_dir


def reports(settings: Settings) -> Path:
    aggregate(Database(settings), DAY, DAY, ["day"], ["registry"])
    write_report(Database(settings), declared(), "registry", "day", DAY)
    write_index(settings.reports_dir)
    return settings.reports_dir


def scratch(settings: Settings) -> Path:
    (Scratch(settings.temporary_dir).path / "unpacked").touch()
    return settings.temporary_dir


def dagster(settings: Settings) -> Path:
    dagster_instance.prepare(settings)
    return settings.dagster_home


@pytest.fixture(autouse=True)
def usual_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.mark.parametrize("write", [lake, landing, reports, scratch, dagster])
def test_what_is_made_is_for_its_user_alone(settings: Settings, write: Write) -> None:
    top = write(settings)
    made = [top, *top.rglob("*")]
    assert len(made) > 1
    # A file in a closed folder of Dagster's own is as closed as that.
    open_ones = [p for p in made if p.stat().st_mode & 0o077 and not (write in (dagster, scratch) and p.is_file())]
    assert open_ones == []
    assert settings.home == top or not settings.home.exists() or settings.home.stat().st_mode & 0o066 == 0


@pytest.mark.parametrize("write", [lake, landing, reports])
def test_a_folder_that_is_there_says_how_open_everything_in_it_is(settings: Settings, write: Write) -> None:
    for folder in (settings.lake_dir, settings.landing_dir, settings.reports_dir):
        folder.mkdir(parents=True)
        folder.chmod(0o750)
    top = write(settings)
    # What is being written is nobody's business: that folder of the lake is closed all the same.
    folders = [path for path in (top, *top.rglob("*")) if path.is_dir() and path.name != STAGING]
    assert {path.stat().st_mode & 0o777 for path in folders} == {0o750}
    assert {path.stat().st_mode & 0o777 for path in top.rglob("*") if path.is_file()} == {0o640}


def test_the_services_of_systemd_keep_their_folder_to_themselves() -> None:
    for unit in (CHECKOUT / "deploy" / "systemd").glob("*.service"):
        lines = unit.read_text(encoding="utf-8").splitlines()
        assert {"StateDirectory=analytics_etl", "StateDirectoryMode=0700", "UMask=0077"} <= set(lines), unit.name
