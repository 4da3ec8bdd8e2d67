"""The archive: the Parquet files that an earlier version made of old days. They are read until the lake has their rows.

`manifest` describes a file and its rows as the books have it, `files` finds, reads and removes the files.
"""

from analytics_etl.archive.files import ArchiveFolder
from analytics_etl.archive.manifest import Manifest

__all__ = ["ArchiveFolder", "Manifest"]
