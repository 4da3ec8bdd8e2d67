"""The lake: the record of every raw day, one zstd Parquet file per table and day. Knows no database.

`files` says what a file is, and what a lake can do; `folder` is one in a folder, `s3` one on S3 (`bucket` has its
objects, `s3_requests` asks the server, `cache` has the copies on this machine), `opening` chooses. `reading` reads
files. `writing` writes partitions, `days` those of a load, and `copies` finds which copy of an event is kept.
`emptying` removes personal data, `fingerprints` compares a file with a partition. Which file of a day is the current
one is in the books (`ops.lake_files`).
"""

from analytics_etl.lake.files import Lake, LakeError, LakeFile
from analytics_etl.lake.opening import open_lake

__all__ = ["Lake", "LakeError", "LakeFile", "open_lake"]
