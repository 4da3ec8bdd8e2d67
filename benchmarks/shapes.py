"""Does loading depend on how rows are spread over files? Compares a thousand small files and one large one with 24.

    .venv/bin/python -m benchmarks.shapes                                about 8 minutes and 6 GB of disk
    .venv/bin/python -m benchmarks.shapes --rows 100000 --large 0        one comparison by itself, in less than a minute

The asset of an event table loads one day, each time from the same rows in another layout:

  ordinary   24 files, as a log shipper writes them hour by hour
  small      the same rows in 1,000 files
  large      5 million rows in one file, compared with 5 million rows in 24 files

Each load is a process of its own. Layouts take turns, round by round, so that noise affects all of them. The result is
the median of the rounds' ratios of seconds, the smallest and largest time, and the peak memory of the process. Targets:
at most 2 times the ordinary layout, at most 1 GiB. Everything happens below --home, on a server of its own, which is
stopped at the end. If this process is killed it keeps running; stop it by analytics-etl stop with that ANALYTICS_HOME.
"""

import argparse
import gzip
import shutil
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import islice
from pathlib import Path
from typing import BinaryIO, cast

import pyarrow.parquet as pq
import zstandard

from analytics_etl.config.settings import Settings
from analytics_etl.families.sample import SampleOptions
from analytics_etl.postgres import server as embedded
from benchmarks.measuring import empty_database, figures_of, line, make_sample, ratio_by_round, say, spread

DAY = date(2025, 3, 31)
TABLE = "registry.download_events"
FOLDER = "download_events"
SHARE = 0.7
"""The share of downloads among the sample's events."""
FORMATS = ("ndjson", "ndjson.zst", "csv.gz", "parquet")
ORDINARY_FILES = 24
LINES_AT_ONCE = 10_000
ROWS_IN_A_GROUP = 1 << 20
"""Rows of a row group of a Parquet file: Arrow's default."""


@dataclass
class Layout:
    """The rows of a day in a number of files of one format, and the seconds of loading them in each round."""

    name: str
    file_format: str
    rows: int
    files: int
    landing: Path
    seconds: list[float] = field(default_factory=list)
    peak_mb: float = 0

    def __str__(self) -> str:
        return f"{self.rows:,} rows in {self.files:,} {self.file_format} files"


def main() -> None:
    arguments = _arguments()
    settings = Settings(home=arguments.home.resolve())
    pairs = _pairs(arguments, settings.home)
    layouts = [layout for pair in pairs for layout in pair]
    for layout in layouts:
        _make(layout, settings.home)
    for number in range(1, arguments.rounds + 1):
        for layout in layouts:
            _measure(layout, settings)
            say(f"round {number} of {arguments.rounds}: {layout}: {layout.seconds[-1]:.2f} s, {layout.peak_mb:.0f} MB")
    embedded.stop(settings.home)
    print()
    for ordinary, other in pairs:
        for layout in (ordinary, other):
            per_million = 1e6 * statistics.median(layout.seconds) / layout.rows
            print(f"{layout!s:<46} {spread(layout.seconds)}, {per_million:.2f} s per million, {layout.peak_mb:.0f} MB")
        line(f"{other.name}, against ordinary", ratio_by_round(other.seconds, ordinary.seconds), 2.0)
        line(f"{other.name}, peak memory of the process in GiB", other.peak_mb / 1024, 1.0)


def _pairs(arguments: argparse.Namespace, home: Path) -> list[tuple[Layout, Layout]]:
    def layout(name: str, file_format: str, rows: int, files: int) -> Layout:
        return Layout(name, file_format, rows, files, home / f"landing_{file_format}_{rows}_in_{files}")

    pairs = [
        (
            layout("ordinary", file_format, arguments.rows, ORDINARY_FILES),
            layout(f"{arguments.files:,} small {file_format} files", file_format, arguments.rows, arguments.files),
        )
        for file_format in arguments.formats
    ]
    if arguments.large:
        pairs += [
            (
                layout("ordinary", file_format, arguments.large, ORDINARY_FILES),
                layout(f"one large {file_format} file", file_format, arguments.large, 1),
            )
            for file_format in arguments.large_formats
        ]
    return pairs


def _measure(layout: Layout, settings: Settings) -> None:
    """Load the day into an empty database, and record seconds and peak memory."""
    empty_database(settings.home)
    here = replace(settings, landing_dir=layout.landing, reports_dir=settings.home / "reports")
    found = figures_of("tables", [str(DAY), TABLE], here)
    if not 0.99 * layout.rows < found["rows"][TABLE] <= layout.rows:  # the sample has a few bad rows
        raise RuntimeError(f"{layout}: expected nearly all rows to be loaded, got {found['rows'][TABLE]:,}")
    layout.seconds.append(found["seconds"][TABLE])
    layout.peak_mb = max(layout.peak_mb, found["peak_mb"])


def _make(layout: Layout, home: Path) -> None:
    """Write the files of a layout from one sample file, unless an earlier benchmark did."""
    if layout.landing.exists():
        return
    is_parquet = layout.file_format == "parquet"
    kind = "parquet" if is_parquet else f"{layout.file_format.split('.')[0]}.zst"
    source = home / f"sample_{kind}_{layout.rows}"
    make_sample(source, SampleOptions(DAY, 1, round(layout.rows / SHARE), file_format=kind, rhythm=False))
    part = layout.landing.with_suffix(".part")
    shutil.rmtree(part, ignore_errors=True)
    (part / FOLDER).mkdir(parents=True)
    say(f"cutting {layout}")
    (_cut_parquet if is_parquet else _cut_text)(source / FOLDER / f"{DAY}.{kind}", layout, part / FOLDER)
    part.replace(layout.landing)


def _cut_text(source: Path, layout: Layout, folder: Path) -> None:
    """Write consecutive lines into each file; each CSV file gets the header, too."""
    with source.open("rb") as packed, zstandard.ZstdDecompressor().stream_reader(packed) as plain:
        lines = _lines(cast("BinaryIO", plain))
        header = next(lines) if layout.file_format.startswith("csv") else b""
        for number, count in enumerate(_shares(_count(source) - bool(header), layout.files)):
            with _opened(folder / f"{number:05}.{layout.file_format}") as file:
                file.write(header)
                mine = islice(lines, count)
                while piece := b"".join(islice(mine, LINES_AT_ONCE)):
                    file.write(piece)


def _cut_parquet(source: Path, layout: Layout, folder: Path) -> None:
    table = pq.read_table(source)
    first = 0
    for number, count in enumerate(_shares(table.num_rows, layout.files)):
        target = folder / f"{number:05}.parquet"
        pq.write_table(table.slice(first, count), target, compression="zstd", row_group_size=ROWS_IN_A_GROUP)
        first += count


def _shares(total: int, parts: int) -> list[int]:
    """`total` in nearly equal parts."""
    return [total * (n + 1) // parts - total * n // parts for n in range(parts)]


def _count(source: Path) -> int:
    with source.open("rb") as packed, zstandard.ZstdDecompressor().stream_reader(packed) as plain:
        return sum(1 for _ in _lines(cast("BinaryIO", plain)))


def _lines(file: BinaryIO) -> Iterator[bytes]:
    rest = b""
    while piece := file.read(1 << 20):
        *whole, rest = (rest + piece).split(b"\n")
        yield from (text + b"\n" for text in whole)
    if rest:
        yield rest


def _opened(path: Path) -> BinaryIO:
    if path.suffix == ".gz":
        return cast("BinaryIO", gzip.open(path, "wb", compresslevel=6))
    if path.suffix == ".zst":
        return cast("BinaryIO", zstandard.open(path, "wb"))
    return path.open("wb")


def _arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.shapes", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of the day with small files (1,000,000)")
    parser.add_argument("--files", type=int, default=1_000, help="small files they lie in (1,000)")
    parser.add_argument("--formats", nargs="*", choices=FORMATS, default=list(FORMATS), help="of the small files")
    parser.add_argument("--large", type=int, default=5_000_000, help="rows of the large file (5,000,000); 0: none")
    parser.add_argument(
        "--large-formats", nargs="*", choices=FORMATS, default=["ndjson.zst", "parquet"], help="of the large file"
    )
    parser.add_argument("--rounds", type=int, default=3, help="how often each layout is loaded (3)")
    parser.add_argument(
        "--home", type=Path, default=Settings.from_environment().home / "benchmarks" / "shapes", help="where to work"
    )
    return parser.parse_args(given)


if __name__ == "__main__":
    main()
