"""Exports: the partitions of aggregates as CSV and Parquet files for a static host.

`exporting` is the use case, `of_table` exports one table, `files` writes the rows of a partition, `manifests` says what
lies in a folder, also for others. docs/exports.md describes the folder for its readers.
"""

from analytics_etl.pipeline.exports.exporting import Exporter, Outcome, exportable
from analytics_etl.pipeline.exports.manifests import ManifestError, folder_of_tenant, read_index, read_table
from analytics_etl.pipeline.exports.of_table import ExportError, Wanted

__all__ = [
    "ExportError",
    "Exporter",
    "ManifestError",
    "Outcome",
    "Wanted",
    "exportable",
    "folder_of_tenant",
    "read_index",
    "read_table",
]
