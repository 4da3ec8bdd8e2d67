"""The configured owners of tables: teams and e-mail addresses, for a table, a family or everything."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

_OWNER = re.compile(r"team:[A-Za-z0-9_.-]+|[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}")
"""Owners that Dagster accepts, without characters that need quoting."""
_NAME = re.compile(r"[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)?")

OPERATIONS = "ops"
"""The family of everything that belongs to no table: the daemon, schedules, retention, housekeeping."""


@dataclass(frozen=True)
class Owners:
    """The default owners, and those of named tables (with their schema) or families."""

    default: tuple[str, ...] = ("team:data-platform",)
    named: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def of(self, table: str) -> tuple[str, ...]:
        """The owners of a table: its own, else those of its family, else the default."""
        named = dict(self.named)
        return named.get(table, named.get(table.split(".", maxsplit=1)[0], self.default))

    def of_all(self, tables: Iterable[str]) -> tuple[str, ...]:
        """The owners of some tables, each once; everybody if there are no tables."""
        found = [owner for table in tables for owner in self.of(table)]
        return tuple(dict.fromkeys(found)) or self.everybody

    @property
    def everybody(self) -> tuple[str, ...]:
        """Every configured owner, each once."""
        return tuple(dict.fromkeys([*self.default, *(owner for _, owners in self.named for owner in owners)]))

    @property
    def addresses(self) -> tuple[str, ...]:
        """Owners that are e-mail addresses."""
        return tuple(owner for owner in self.everybody if "@" in owner)

    def unknown(self, tables: Collection[str]) -> list[str]:
        """Configured names that are no table, no family and not `ops`."""
        known = {*tables, *(table.split(".")[0] for table in tables), OPERATIONS}
        return [name for name, _ in self.named if name not in known]


def parse_owners(text: str) -> Owners:
    """Parse `team:a`, or `registry=team:b,c@x.org; registry.download_events=team:d; team:a`, else ValueError."""
    default: tuple[str, ...] | None = None
    named: dict[str, tuple[str, ...]] = {}
    for group in filter(None, (part.strip() for part in text.split(";"))):
        name, sign, listed = (part.strip() for part in group.rpartition("="))
        owners = tuple(owner.strip() for owner in listed.split(","))
        is_new = name not in named if sign else default is None
        if not is_new or not all(_OWNER.fullmatch(owner) for owner in owners) or (sign and not _NAME.fullmatch(name)):
            raise ValueError(text)
        if sign:
            named[name] = owners
        else:
            default = owners
    return Owners(default or Owners().default, tuple(named.items()))
