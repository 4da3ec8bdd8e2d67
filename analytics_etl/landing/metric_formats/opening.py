"""Which module reads a file of metrics."""

from collections.abc import Iterator

from analytics_etl.landing.csv_records import Record
from analytics_etl.landing.files import LandingFile
from analytics_etl.landing.lines import Lines
from analytics_etl.landing.metric_formats import exposition, otlp, statsd
from analytics_etl.landing.metric_formats.samples import named_moment
from analytics_etl.landing.rejections import FileState


def samples_of(file: LandingFile, state: FileState) -> Iterator[Record]:
    """The samples of a file of metrics: line, fields in the order of COLUMNS, and text. Rejects what is none."""
    named = named_moment(file.path)
    if file.file_format == "otlp":
        return otlp.records(Lines(file, state, otlp.LONGEST_DOCUMENT), named)
    if file.file_format == "statsd":
        return statsd.records(Lines(file, state), named)
    is_openmetrics = file.file_format == "openmetrics"
    return exposition.records(Lines(file, state), state, named, is_openmetrics=is_openmetrics)
