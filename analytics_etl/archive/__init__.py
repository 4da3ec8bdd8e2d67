"""The archive: one zstd Parquet file and one JSON manifest for each day of an event table. Knows no database.

`manifest` says what a day's rows are, `files` writes and opens the files, `fingerprints` computes from a file what
PostgreSQL computes from a partition.
"""

from analytics_etl.archive.files import ArchiveFolder
from analytics_etl.archive.fingerprints import fingerprint_of_file
from analytics_etl.archive.manifest import ArchiveError, Fingerprint, Manifest

__all__ = ["ArchiveError", "ArchiveFolder", "Fingerprint", "Manifest", "fingerprint_of_file"]
