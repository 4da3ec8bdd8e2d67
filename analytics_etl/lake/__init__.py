"""The lake: the record of every raw day, one zstd Parquet file per table and day. Knows no database.

`files` names, places and removes files, `reading` reads them. `writing` writes partitions, `days` those of a load, and
`copies` finds which copy of an event is kept. `emptying` removes personal data, `fingerprints` compares a file with a
partition. Which file of a day is the current one is in the books (`ops.lake_files`).
"""

from analytics_etl.lake.files import Lake, LakeError, LakeFile

__all__ = ["Lake", "LakeError", "LakeFile"]
