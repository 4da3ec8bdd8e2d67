"""The fingerprint of the rows of a day as a value. Not here: computing it (`fingerprints`, `tables.partition_rows`)."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass


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
