"""Reading the rows of a file of the archive folder."""

from collections.abc import Generator

import pyarrow as pa
import pyarrow.parquet as pq

from analytics_etl.archive.files import ArchiveFolder
from analytics_etl.archive.manifest import Manifest

_ROWS_AT_ONCE = 65_536


def read_archived(folder: ArchiveFolder, manifest: Manifest) -> Generator[pa.RecordBatch, None, None]:
    """The rows of a file in batches. Raises LakeError first if the file is damaged."""
    with pq.ParquetFile(folder.verified(manifest)) as parquet:
        yield from parquet.iter_batches(batch_size=_ROWS_AT_ONCE)


def schema_of_archived(folder: ArchiveFolder, manifest: Manifest) -> pa.Schema:
    """The schema of a file, without what Arrow adds."""
    return pq.read_schema(folder.verified(manifest)).remove_metadata()
