"""SQL files that cannot be used, and why: unreadable ones, and those that read a table that there is not. Pure.

One such file stops its own table and what reads it; the catalogue goes on without them and says which they are.
"""

import difflib
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from sqlglot import exp
from sqlglot.errors import SqlglotError

from analytics_etl.catalog.contracts import ContractError
from analytics_etl.catalog.grains import tables_in
from analytics_etl.catalog.models import Model, ModelError

Read = TypeVar("Read")
_BOOKS = re.compile(r"^create table (ops\.\w+)", re.MULTILINE)
_OTHERS = frozenset({"pg_catalog", "information_schema", "dagster"})
"""Schemas whose tables no file of ours declares."""


@dataclass(frozen=True)
class BrokenFile:
    """A file below `sql/` that cannot be used."""

    path: Path
    reason: str
    """What is wrong, with the file and, where it is known, the line."""

    @property
    def family(self) -> str:
        return self.path.parent.parent.name

    @property
    def kind(self) -> str:
        return self.path.parent.name

    @property
    def tables(self) -> list[str]:
        """The tables, or what else it declares, with their family."""
        return tables_in(self.path)


@dataclass(frozen=True)
class Files(Generic[Read]):
    """The files of one kind: what could be read, by table, and what could not."""

    good: Mapping[str, Read]
    broken: tuple[BrokenFile, ...]


def read_files(paths: Iterable[Path], read: Callable[[Path], Mapping[str, Read]]) -> Files[Read]:
    """Read each file by itself, so that none stops another; a name that an earlier one has makes a file broken."""
    good: dict[str, Read] = {}
    broken = []
    for path in sorted(paths):
        try:
            found = read(path)
        except (ModelError, ContractError) as error:
            broken.append(BrokenFile(path, " ".join(str(error).split())))
        except (SqlglotError, OSError, UnicodeError) as error:
            said = " ".join(str(error).split())
            broken.append(BrokenFile(path, said if str(path) in said else f"{path}: cannot be read: {said}"))
        else:
            twice = [name for name in found if name in good]
            reason = f"{path}: {', '.join(twice)} is declared in another file, too; expected one place only"
            broken += [BrokenFile(path, reason)] if twice else []
            good |= {} if twice else found
    return Files(dict(sorted(good.items())), tuple(broken))


def books(sql_dir: Path) -> set[str]:
    """The tables of `ops`, as their DDL declares them."""
    return {name for path in (sql_dir / "ops").glob("*.sql") for name in _BOOKS.findall(path.read_text("utf-8"))}


def wrong_reference(model: Model, known: Collection[str]) -> str | None:
    """What is wrong with a table in FROM, with file and line and the name that may be meant; None of none."""
    ctes = {cte.alias for cte in model.expression.find_all(exp.CTE)}
    for table in model.expression.find_all(exp.Table):
        if not isinstance(table.this, exp.Identifier) or table.db in _OTHERS:  # a function, or not ours
            continue
        name = f"{table.db}.{table.name}" if table.db else table.name
        if name in known or (not table.db and (name in ctes or re.fullmatch(r"_\w+_", name))):
            continue
        where = f"{model.path}:{_line(model, name)}"
        if not table.db:
            meant = _nearest(name, {*ctes, *(each for each in known if each.endswith(f".{name}"))})
            return f"{where}: reads {name}, which is no CTE; a table is named with its schema{meant}"
        return f"{where}: reads {name}, and there is no such table{_nearest(name, known)}"
    return None


def _nearest(name: str, known: Collection[str]) -> str:
    found = difflib.get_close_matches(name, sorted(known), 1) or [each for each in known if each.endswith(f".{name}")]
    return f"; did you mean {found[0]}?" if found else ""


def _line(model: Model, name: str) -> int:
    """The first line after the header that has a name outside of comments."""
    header, _, select = model.path.read_text(encoding="utf-8").partition("*/")
    header += select[: len(select) - len(select.lstrip())]
    blank = re.sub(r"/\*.*?\*/|--[^\n]*", lambda found: re.sub(r"[^\n]", " ", found[0]), model.select, flags=re.DOTALL)
    pattern = r"\s*\.\s*".join(rf"\"?{re.escape(part)}\"?" for part in name.split("."))
    found = re.search(rf"(?<![\w.]){pattern}(?!\w)", blank, re.IGNORECASE)
    return header.count("\n") + 1 + (blank[: found.start()].count("\n") if found else 0)


def with_readers(roots: Mapping[str, str], models: Mapping[str, Model]) -> dict[str, str]:
    """{table: reason} of broken tables and of all that reads them, also by way of others, or that reads itself."""
    found = dict(roots)
    chains = {table: f"whose file is broken: {reason}" for table, reason in roots.items()}
    is_new = True
    while is_new:
        is_new = False
        for table, model in models.items():
            broken = [name for name in model.dependencies if name in found]
            if table not in found and broken:
                found[table] = f"reads {broken[0]}, {chains[broken[0]]}"
                chains[table] = f"which {found[table]}"
                is_new = True
    return found


def in_circles(models: Mapping[str, Model]) -> dict[str, str]:
    """{table: reason} of the tables that read themselves, directly or by way of others."""

    def add(table: str, seen: set[str]) -> set[str]:
        for name in models[table].dependencies if table in models else ():
            if name not in seen:
                seen.add(name)
                add(name, seen)
        return seen

    return {
        table: f"{model.path}: the table is made of itself"
        for table, model in models.items()
        if table in add(table, set())
    }
