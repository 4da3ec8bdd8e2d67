"""The manifest of an archive file and the fingerprint of its rows, as values and as JSON."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any


class ArchiveError(RuntimeError):
    """An archive does not match its manifest; the message names it and says what to do."""


@dataclass(frozen=True)
class Fingerprint:
    """A summary of the rows of a day that does not depend on their order; a partition and its file have the same.

    A hash is the sum over the rows of the first 60 bits of an MD5. It detects damage, not attacks.
    """

    rows: int
    key_hash: str
    """Hash of event_id."""
    content_hash: str
    """Hash of all columns that are not personal: removing personal data does not change it."""
    personal_hash: str
    """Hash of event_id and the personal columns."""
    personal_values: int
    """Values of personal columns that are not NULL; 0 when they were removed."""
    sums: Mapping[str, str | None]
    """Exact sums of the bigint columns. Not of doubles, whose sum depends on the order."""
    min_time: str | None
    max_time: str | None

    def differences(self, other: "Fingerprint", *, personal: bool = True) -> list[str]:
        """The fields that differ, in words; `personal=False` ignores the personal columns."""
        names = [name for name in asdict(self) if personal or not name.startswith("personal_")]
        mine, theirs = asdict(self), asdict(other)
        return [f"{name} {mine[name]} against {theirs[name]}" for name in names if mine[name] != theirs[name]]


@dataclass(frozen=True)
class Manifest:
    """One archive file."""

    table: str
    day: date
    file: str
    sha256: str
    size_bytes: int
    contract_version: str
    columns: Mapping[str, str]
    """Column -> type in PostgreSQL, in order."""
    personal_columns: tuple[str, ...]
    time_column: str
    fingerprint: Fingerprint
    made_at: str

    def to_json(self) -> str:
        return json.dumps({**asdict(self), "day": self.day.isoformat()}, indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Manifest":
        """The manifest of parsed JSON; raise ArchiveError if it is none."""
        try:
            return cls(
                **{
                    **values,
                    "day": date.fromisoformat(values["day"]),
                    "personal_columns": tuple(values["personal_columns"]),
                    "fingerprint": Fingerprint(**values["fingerprint"]),
                }
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ArchiveError(f"not a manifest of an archived day: {error}") from error
