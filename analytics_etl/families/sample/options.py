"""The options of a sample."""

from dataclasses import dataclass
from datetime import date

FILE_FORMATS = ("ndjson", "ndjson.gz", "ndjson.zst", "csv", "csv.gz", "csv.zst", "parquet")


@dataclass(frozen=True)
class SampleOptions:
    """What to generate; equal options give equal files.

    `events_per_day` counts the distinct downloads, views and compilations together (70, 20 and 10 % of them): valid
    ones and bad rows, without the second copies that `duplicate_ratio` adds on top. With `rhythm` it is the level of
    an ordinary weekday on `last_day`: a day's number is this times 0.4 on a weekend, divided by 1.01 for every day
    before `last_day`, times a noise between 0.97 and 1.03, less what the outage swallowed. Without `rhythm` every day
    has exactly `events_per_day`. `outage`: three hours of failures, ten days before `last_day`. Other tables
    have their share of `events_per_day` on top of it, but versions of modules are as many as there are; `families` says
    whose tables are made.

    A day's rows do not depend on `days`, on `families`, nor on `file_format` but for the defects that a typed file
    cannot hold.
    """

    last_day: date
    days: int = 35
    events_per_day: int = 10_000
    seed: int = 1
    file_format: str = "ndjson.zst"
    bad_row_ratio: float = 0.001
    duplicate_ratio: float = 0.002
    outage: bool = True
    rhythm: bool = True
    families: tuple[str, ...] = ("registry",)

    def __post_init__(self) -> None:
        if self.file_format not in FILE_FORMATS:
            raise ValueError(f"file_format must be one of {', '.join(FILE_FORMATS)}, but is {self.file_format!r}")
        for name, minimum in (("days", 1), ("events_per_day", 1), ("seed", 0)):
            if getattr(self, name) < minimum:
                raise ValueError(f"{name} must be at least {minimum}, but is {getattr(self, name)}")
        for name in ("bad_row_ratio", "duplicate_ratio"):
            if not 0 <= getattr(self, name) <= 0.5:  # noqa: PLR2004 - half of it
                raise ValueError(f"{name} must lie between 0 and 0.5, but is {getattr(self, name)}")
