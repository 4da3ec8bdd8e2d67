"""The archive: one zstd Parquet file and one JSON manifest for each day of an event table. Knows no database.

`manifest` describes a day's rows, `files` writes and reads the files, `fingerprints` computes the fingerprint of a file
as PostgreSQL computes that of a partition.
"""

from analytics_etl.archive.files import ArchiveFolder
from analytics_etl.archive.fingerprints import fingerprint_of_file
from analytics_etl.archive.manifest import ArchiveError, Fingerprint, Manifest

__all__ = ["ArchiveError", "ArchiveFolder", "Fingerprint", "Manifest", "fingerprint_of_file"]
