"""The manifest of an archive file, as the version that wrote archives kept it in the books."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from analytics_etl.lake import LakeError
from analytics_etl.lake.fingerprint import Fingerprint


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

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Manifest":
        """The manifest of parsed JSON; raise LakeError if it is none."""
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
            raise LakeError(f"not a manifest of an archived day: {error}") from error
