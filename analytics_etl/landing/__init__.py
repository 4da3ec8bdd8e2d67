"""Landing files + contract -> valid rows and rejected rows, in batches of bounded memory (DuckDB).

`files` lists files, `lines` reads bytes and lines, `parquet` slices of columns, `records` makes records of them,
`mappings` and `validation` write the SQL, `reader` runs it, `rejections` keeps what did not fit, `faults` tells
a file's errors from ours. What happens to the rows afterwards is not decided here.
"""

from analytics_etl.landing.faults import UnreadableFilesError
from analytics_etl.landing.files import LandingFile, hidden_file, is_place_there, list_files
from analytics_etl.landing.mappings import check_mappings
from analytics_etl.landing.reader import LandingReader, Rows
from analytics_etl.landing.records import FileReport, checksum_of
from analytics_etl.landing.rejections import RejectedRow

__all__ = [
    "FileReport",
    "LandingFile",
    "LandingReader",
    "RejectedRow",
    "Rows",
    "UnreadableFilesError",
    "check_mappings",
    "checksum_of",
    "hidden_file",
    "is_place_there",
    "list_files",
]
