"""Landing files + contract -> valid rows and rejected rows, in batches of bounded memory (DuckDB).

`files` lists files and opens them. `opener` turns a file into `records`, with the help of `lines`, `csv_records`,
`json_text`, `parquet` and `metric_formats`. `mappings` and `validation` write the SQL, `reader` runs it, `event_ids`
finds duplicates. `rejections` keeps rejected rows, `file_reports` counts rows, `faults` separates a file's errors from
our own. What happens to the rows afterwards is not decided here.

What reads rows is imported from its module: this package names only what needs neither Arrow nor DuckDB.
"""

from analytics_etl.landing.file_reports import FileReport, checksum_of
from analytics_etl.landing.files import LandingFile, hidden_file, is_place_there, list_files
from analytics_etl.landing.rejections import RejectedRow

__all__ = [
    "FileReport",
    "LandingFile",
    "RejectedRow",
    "checksum_of",
    "hidden_file",
    "is_place_there",
    "list_files",
]
