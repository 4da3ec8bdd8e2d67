"""Copies of the files of a lake on S3: right ones, not too many, and none is taken away from a reader."""

import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from events import DAY
from s3_lakes import copies, forget_copies, placed
from s3_servers import S3Server, every

from analytics_etl.config.settings import Settings
from analytics_etl.lake import open_lake
from analytics_etl.lake.s3 import S3Lake

pytest_plugins = ["s3_fixtures"]


READER = """
import pickle, sys
from analytics_etl.lake.s3 import S3Lake
url, folder, file = pickle.load(sys.stdin.buffer)
lake = S3Lake(url, folder, 100)
lake.verified(file)
print(end="used", flush=True)
sys.stdin.read()
"""


def test_a_file_is_downloaded_once(on_s3: Settings, s3: S3Server) -> None:
    file = placed(on_s3, b"rows")
    before = s3.requests
    for _ in range(2):
        assert open_lake(on_s3).verified(file).read_bytes() == b"rows"
    assert s3.requests == before, "who wrote it has a copy"
    forget_copies(on_s3)
    for _ in range(2):
        assert open_lake(on_s3).verified(file).read_bytes() == b"rows"
    assert s3.requests == before + 1


@pytest.mark.parametrize("damage", [b"rowz", b"row", b""])
def test_a_damaged_copy_is_downloaded_again(on_s3: Settings, damage: bytes) -> None:
    file = placed(on_s3, b"rows")
    (on_s3.lake_copies_dir / file.path).write_bytes(damage)
    assert open_lake(on_s3).verified(file).read_bytes() == b"rows"


def test_copies_that_nobody_used_for_longest_go(on_s3: Settings, s3: S3Server) -> None:
    size = 100_000
    files = [placed(on_s3, bytes([n]) * size, DAY + timedelta(days=n)) for n in range(5)]

    def lake() -> S3Lake:
        return S3Lake(s3.url, on_s3.lake_copies_dir, 3 * size)

    forget_copies(on_s3)
    for n in (0, 1, 2, 0, 3):
        lake().verified(files[n])
    assert copies(on_s3) == {files[n].path for n in (0, 2, 3)}
    lake().verified(files[4])
    assert copies(on_s3) == {files[n].path for n in (0, 3, 4)}
    reader = lake()
    paths = [reader.verified(file) for file in files]
    assert copies(on_s3) == {file.path for file in files}, "a reader needs them all at once"
    lake().reread(files[0])
    assert [path.read_bytes()[:1] for path in paths] == [bytes([n]) for n in range(5)]
    del reader
    lake().reread(files[0])
    assert len(copies(on_s3)) == 3


def test_a_killed_reader_holds_no_copies(on_s3: Settings, s3: S3Server) -> None:
    file, other = placed(on_s3, b"a" * 100), placed(on_s3, b"b" * 100)
    with subprocess.Popen([sys.executable, "-c", READER], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as reader:
        assert reader.stdin is not None
        assert reader.stdout is not None
        pickle.dump((s3.url, on_s3.lake_copies_dir, file), reader.stdin)
        reader.stdin.flush()
        assert reader.stdout.read(4) == b"used"
        S3Lake(s3.url, on_s3.lake_copies_dir, 100).reread(other)
        assert file.path in copies(on_s3)
        reader.kill()
    S3Lake(s3.url, on_s3.lake_copies_dir, 100).reread(other)
    assert file.path not in copies(on_s3)


def test_many_readers_at_once(on_s3: Settings, s3: S3Server) -> None:
    file = placed(on_s3, b"rows" * 1000)
    forget_copies(on_s3)
    s3.plan = every(1, "slow")
    with ThreadPoolExecutor(8) as pool:
        read = [pool.submit(lambda: open_lake(on_s3).verified(file).read_bytes()) for _ in range(8)]
    assert {done.result() for done in read} == {b"rows" * 1000}
    assert list((on_s3.lake_copies_dir / "_staging").iterdir()) == []
