"""Files of sample events below a landing folder, each written batch by batch."""

from collections.abc import Callable, Iterator
from datetime import date
from itertools import chain, groupby
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from analytics_etl.disk.whole_files import whole_file
from analytics_etl.families.sample.batches import rendered_batches
from analytics_etl.families.sample.options import SampleOptions


def write_sample(landing: Path, options: SampleOptions, progress: Callable[[date], None] | None = None) -> list[Path]:
    """Write `landing/<table>/<day>.<format>` for every day and table with events; return the paths, sorted.

    Each file appears whole or not at all. `progress` is called with each day once its files are there.
    """
    paths = []
    for day, of_day in groupby(rendered_batches(options), key=lambda batch: batch[0].part.day):
        for name, batches in groupby(of_day, key=lambda batch: batch[0].name):
            path = landing / name / f"{day}.{options.file_format}"
            with whole_file(path, landing) as part:
                _write_file(part, options.file_format, chain.from_iterable(parts for _, parts in batches))
            paths.append(path)
        if progress:
            progress(day)
    return sorted(paths)


def _write_file(path: Path, file_format: str, parts: Iterator[Any]) -> None:
    if file_format == "parquet":
        first = next(parts)
        with pq.ParquetWriter(path, first.schema, compression="zstd") as writer:
            for table in chain([first], parts):
                writer.write_table(table)
        return
    compression = {"gz": "gzip", "zst": "zstd"}.get(file_format.rpartition(".")[2])
    with pa.output_stream(str(path), compression=compression) as stream:
        for text in parts:
            stream.write(text)
