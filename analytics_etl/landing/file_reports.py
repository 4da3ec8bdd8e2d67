"""The report of a landing file: how many rows of which days it held. Not here: the rows."""

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime

from analytics_etl.landing.files import LandingFile
from analytics_etl.landing.rejections import FileState


@dataclass
class FileReport:
    """What one file held, by UTC day."""

    file: LandingFile
    number: int
    state: FileState
    found_at: datetime
    """When this content of the file was first seen: no event can be much later."""
    valid: Counter[date] = field(default_factory=Counter)
    rejected: Counter[date | None] = field(default_factory=Counter)
    """Rejected rows; those without a usable time under None. A rejected file is no row."""
    others: int = 0
    """Rows that a source mapping leaves out: they are not for this table."""

    @property
    def days(self) -> set[date]:
        """The days the file is about: those of its rows. One of which something was rejected and that tells no day
        is about the date in its path.
        """
        told = {*self.valid, *(day for day in self.rejected if day is not None)}
        if told or (not self.rejected.total() and self.state.state == "read"):
            return told
        named = self.file.named_day
        return set() if named is None else {named}


def checksum_of(file: LandingFile) -> str:
    """SHA-256 of the bytes of a file as they lie on disk; nothing if it cannot be read."""
    try:
        with file.open() as opened:
            digest = hashlib.sha256()
            while block := opened.read(1 << 20):
                digest.update(block)
            return digest.hexdigest()
    except OSError:  # what is wrong with it shows when it is read
        return ""
