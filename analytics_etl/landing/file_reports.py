"""The report of a landing file: how many rows of which days it held. Not here: the rows."""

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime

from analytics_etl.landing.files import LandingFile
from analytics_etl.landing.rejections import FileState


@dataclass
class FileReport:
    """Counts of the rows of one file by UTC day."""

    file: LandingFile
    number: int
    state: FileState
    found_at: datetime
    """When this content of the file was first seen. Events more than a day later are rejected."""
    valid: Counter[date] = field(default_factory=Counter)
    rejected: Counter[date | None] = field(default_factory=Counter)
    """Rejected rows; None counts those without a usable time. A file rejected as a whole counts no row."""
    others: int = 0
    """Rows that the source mapping's WHERE leaves out: they are not for this table."""

    @property
    def days(self) -> set[date]:
        """The days of the file's rows. If something was rejected and no row has a day: the date in its path."""
        found = {*self.valid, *(day for day in self.rejected if day is not None)}
        if found or (not self.rejected.total() and self.state.state == "read"):
            return found
        named = self.file.named_day
        return set() if named is None else {named}


def checksum_of(file: LandingFile) -> str:
    """SHA-256 of the file's bytes on disk; an empty text if it cannot be read."""
    try:
        with file.open() as opened:
            digest = hashlib.sha256()
            while block := opened.read(1 << 20):
                digest.update(block)
            return digest.hexdigest()
    except OSError:  # reading the file reports the error
        return ""
