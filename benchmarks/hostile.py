"""Measures the memory of the loader for hostile files: compression bombs, wide rows, stray quotes, many columns.

    .venv/bin/python -m benchmarks.hostile                     each shape, about 5 minutes
    .venv/bin/python -m benchmarks.hostile --only zst_line     one of them

A process of its own loads each shape with ANALYTICS_LOADER_MEMORY_MB=256. It prints the peak memory of the process
(VmHWM, so Linux only) and its limit of 3 x the setting + 200 MB; seconds; rows loaded, duplicate and rejected.
"""

import argparse
import gzip
import json
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from itertools import chain
from pathlib import Path
from uuid import UUID

import zstandard

from analytics_etl.catalog.catalog import Catalog
from analytics_etl.config.settings import Settings
from analytics_etl.pipeline.loading import load_days
from analytics_etl.postgres import server as embedded
from analytics_etl.postgres.database import Database
from benchmarks.measuring import empty_database, figures_of, say

MEMORY_MB = 256
LIMIT_MB = 3 * MEMORY_MB + 200
DAY = date(2025, 3, 10)
TABLE = "registry.download_events"
NAMES = ["event_id", "downloaded_at", "module_name", "version", "file_size", "success", "user_agent"]
_MB = 1 << 20


def _event(number: int, text: str = "", size: int = 1) -> dict[str, object]:
    values = [str(UUID(int=number)), "2025-03-10T10:00:00Z", "m", "1.0", size, True, text]
    return dict(zip(NAMES, values, strict=True))


def _json(number: int, text: str = "", size: int = 1) -> bytes:
    return json.dumps(_event(number, text, size)).encode() + b"\n"


def _csv(number: int, text: str = "") -> bytes:
    return f"{UUID(int=number)},2025-03-10T10:00:00Z,m,1.0,1,true,{text}\n".encode()


def _header(*more: str) -> bytes:
    return ",".join([*NAMES, *more]).encode() + b"\n"


def _repeated(piece: bytes, times: int) -> Iterator[bytes]:
    at_once = max(1, _MB // len(piece))
    yield from (piece * at_once for _ in range(times // at_once))
    yield piece * (times % at_once)


def _columns(rows: int) -> Iterator[bytes]:
    yield _header(*(f"c{n}" for n in range(10_000)))
    tail = b",x" * 10_000
    yield from (_csv(n)[:-1] + tail + b"\n" for n in range(rows))


def _toggling(lines: int) -> Iterator[bytes]:
    """CSV lines that each open a quoted field when read alone, and keep it open when read inside of one."""
    yield _header() + _csv(1)
    yield from _repeated(b'x",y,"z\n', lines)
    yield _csv(2)


SHAPES: dict[str, tuple[str, Callable[[], Iterator[bytes]]]] = {
    "zst_line": ("a.ndjson.zst", lambda: _repeated(b"x" * _MB, 2_000)),
    "zst_lines": ("a.ndjson.zst", lambda: _repeated(_json(1), 2_000_000)),
    "zst_bad_lines": ("a.ndjson.zst", lambda: _repeated(b"{}\n", 3_000_000)),
    "gz_line": ("a.csv.gz", lambda: _repeated(b"x" * _MB, 2_000)),
    "gz_lines": ("a.csv.gz", lambda: chain([_header()], _repeated(_csv(1), 2_000_000))),
    "gz_ids": ("a.ndjson.gz", lambda: (_json(n) for n in range(2_000_000))),
    "csv_fields": ("a.csv.gz", lambda: chain([_header()], (_csv(n, "f" * 50_000) for n in range(20_000)))),
    "csv_record": ("a.csv.gz", lambda: chain([_header(), _csv(1, '"')], _repeated(b"text\n", 1_000_000))),
    "csv_quotes": ("a.csv", lambda: _toggling(1_000_000)),
    "csv_columns": ("a.csv.gz", lambda: _columns(3_000)),
    "wide_json": ("a.ndjson.gz", lambda: (_json(n, "w" * 900_000) for n in range(2_000))),
    "wide_bad_json": ("a.ndjson.gz", lambda: (_json(n, "w" * 900_000, -1) for n in range(2_000))),
    "wide_after_narrow": (
        "a.ndjson.gz",
        lambda: chain(map(_json, range(100_000)), (_json(n, "w" * 900_000) for n in range(1_000))),
    ),
    "escaped_json": ("a.ndjson.gz", lambda: (_json(n, "\u2603" * 150_000) for n in range(1_000))),
    "rejected": ("a.ndjson.gz", lambda: (_json(n, "r" * 9_000, -1) for n in range(200_000))),
    "rejected_wide_characters": (
        "a.ndjson.gz",
        lambda: (
            json.dumps(_event(n, "\U0001f600" * 9_000, -1), ensure_ascii=False).encode() + b"\n" for n in range(50_000)
        ),
    ),
}
"""Shape -> (file name, its content in pieces)."""


def main() -> None:
    arguments = _arguments()
    if arguments.load:
        print(json.dumps(_load()))
        return
    base = Settings(home=arguments.home.resolve())
    worst = 0.0
    for name, (file, pieces) in SHAPES.items():
        if arguments.only and name not in arguments.only:
            continue
        landing = base.home / "landing_hostile"
        shutil.rmtree(landing, ignore_errors=True)
        path = landing / "download_events" / file
        path.parent.mkdir(parents=True)
        _write(path, pieces())
        empty_database(base.home)
        found = figures_of("hostile", ["--load"], replace(base, landing_dir=landing))
        worst = max(worst, found["peak_mb"] / LIMIT_MB)
        say(f"{name:25} {path.stat().st_size:>12,} bytes: {found['peak_mb']:>5,} MB of {LIMIT_MB}, "
            f"{found['seconds']:>5.1f} s; {found['rows']}")  # fmt: skip
        shutil.rmtree(landing)
    embedded.stop(base.home)
    say(f"the worst took {worst:.2f} of the limit")


def _write(path: Path, pieces: Iterator[bytes]) -> None:
    if path.suffix == ".zst":
        with path.open("wb") as file, zstandard.ZstdCompressor(level=3).stream_writer(file) as stream:
            for piece in pieces:
                stream.write(piece)
    else:
        with gzip.open(path, "wb", compresslevel=1) if path.suffix == ".gz" else path.open("wb") as stream:
            for piece in pieces:
                stream.write(piece)


def _load() -> dict[str, object]:
    """Load the landing folder of the environment in this process, and return its figures."""
    database, catalog = Database(replace(Settings.from_environment(), loader_memory_mb=MEMORY_MB)), Catalog()
    from analytics_etl.postgres import migrations  # noqa: PLC0415 - only the loading process needs Alembic

    migrations.upgrade(database.settings)
    contract = catalog.contracts[TABLE]
    started = time.monotonic()
    loaded, reports = load_days(contract, catalog.mappings(contract.family), database, [DAY], log=lambda _: None)
    seconds = time.monotonic() - started
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    (peak,) = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")]
    rejected = sum(report.rejected.total() for report in reports)
    rows = f"{loaded[0].rows:,} loaded, {loaded[0].duplicates:,} duplicate, {rejected:,} rejected"
    return {"peak_mb": int(peak) // 1024, "seconds": seconds, "rows": rows}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.hostile", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="*", choices=list(SHAPES), help="shapes to load instead of all")
    parser.add_argument("--home", type=Path, default=Path(".cache/bench"), help="where files and server go")
    parser.add_argument("--load", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
