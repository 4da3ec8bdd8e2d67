"""Rejected rows by file or by days, as lines for people: for the end of a run, for `doctor` and `status`."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from analytics_etl.catalog.catalog import is_of
from analytics_etl.ops import files
from analytics_etl.postgres.database import Database
from analytics_etl.text.english import counted, shortened, spanned

FEW = 0.01
"""Share of the rows of a file; the check rejected_rows_are_few has the same limit for a day."""

SMALL_FILE = 10
"""Rows; for a smaller file, a majority of rejected rows means little."""

MOST_FILES = 10
"""Files named at the end of a run."""

MOST_PATHS = 3
"""Files named for the rejected rows of some days."""

NO_REASON = "no reason was kept"

WAY_OUT = (
    "mend the file under its name, or move it out of the landing folder and type: analytics-etl forget PATH --reason "
    '"why"; in both cases, then: analytics-etl backfill --missing'
)

SEE_ALL = (
    'psql "$(analytics-etl db-url)" -c "select path, line, reason from ops.rejected_rows order by path, line limit 20"'
)


@dataclass(frozen=True)
class RejectedFile:
    """A landing file that had rejected rows, or was rejected as a whole, when it was last read."""

    path: str
    state: str
    rows_read: int
    rows_rejected: int
    rows_undated: int
    """Rejected rows that have no day."""
    reason: str
    """The first reason, with `e.g.` if there are others; the reason of the file if it was not read to its end."""

    @property
    def is_much(self) -> bool:
        """Whether more than a few rows have no day."""
        return self.rows_undated > FEW * self.rows_read

    @property
    def is_mostly_rejected(self) -> bool:
        """Whether most rows were rejected; the check files_are_mostly_valid has the same limit."""
        return self.rows_read >= SMALL_FILE and self.rows_rejected > self.rows_read / 2

    def __str__(self) -> str:
        parts = []
        if self.rows_rejected:
            undated = f" ({self.rows_undated:,} without a day)" if self.rows_undated else ""
            were = "was" if self.rows_rejected == 1 else "were"
            parts.append(
                f"{self.rows_rejected:,} of {counted(self.rows_read, 'row')} of {self.path} {were} rejected{undated}: "
                f"{self.reason}"
            )
        if self.state != "read":
            what = "could not be read" if self.state == "rejected" else "was not read to its end"
            parts.append(f"{self.path} {what}")
        return "; ".join(parts) if self.rows_rejected else f"{parts[0]}: {self.reason}"


@dataclass(frozen=True)
class RejectedRows:
    """The rejected rows of some days of a table, as of the last reading of their files."""

    table: str
    first: date
    last: date
    rows: int
    paths: Sequence[str]
    reason: str
    """The reason of the first row of the newest day, with `e.g.` if there are others."""

    def __str__(self) -> str:
        were = "was" if self.rows == 1 else "were"
        return (
            f"{counted(self.rows, 'row')} of {self.table} of {spanned(self.first, self.last)} {were} rejected "
            f"({shortened(self.paths, MOST_PATHS)}): {self.reason}"
        )


def of_days(database: Database, start: date, end: date, families: Collection[str] = ()) -> list[RejectedRows]:
    """The rejected rows of the days [start, end), by table; of all families unless some are named."""
    return [
        RejectedRows(row["table_name"], row["first"], row["last"], row["rows_rejected"], row["paths"], _reason(row))
        for row in database.read(files.rejected_of_days, start, end)
        if is_of(row["table_name"], families)
    ]


def undated_files(database: Database) -> list[RejectedFile]:
    """The files with rejected rows that have no day, the last read first."""
    return [_file(row) for row in database.read(files.undated)]


def since(database: Database, seconds: float, families: Collection[str] = ()) -> list[str]:
    """Lines about the files read in the last `seconds` and not wholly accepted, the most rejected rows first; of all
    families unless some are named.

    The argument is a duration, since the clock of the database may differ from that of this machine.
    """
    found = database.read(files.rejected_lately, seconds, families)
    lines = [str(_file(row)) for row in found[:MOST_FILES]]
    if len(found) > MOST_FILES:
        lines.append(f"and rows of {counted(len(found) - MOST_FILES, 'more file', 'more files')}")
    if any(row["rows_rejected"] for row in found):
        lines.append(f"rejected rows with their lines and reasons: {SEE_ALL}")
    if any(_file(row).is_mostly_rejected for row in found):
        lines.append(f"most rows of a file were rejected, which stops its days: {WAY_OUT}")
    return lines


def _file(row: dict[str, Any]) -> RejectedFile:
    return RejectedFile(
        row["path"], row["state"], row["rows_read"], row["rows_rejected"], row["rows_undated"],
        _reason(row) if row["rows_rejected"] else row["file_reason"] or NO_REASON,
    )  # fmt: skip


def _reason(row: dict[str, Any]) -> str:
    return NO_REASON if row["reason"] is None else "e.g. " * row["has_others"] + row["reason"]
