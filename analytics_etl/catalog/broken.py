"""SQL files that cannot be used, and why: they cannot be read, or read a table that does not exist. Pure.

A broken file stops its own table and all tables that read it. The catalogue works without these and lists them.
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
_OPS_TABLE = re.compile(r"^create table (ops\.\w+)", re.MULTILINE)
_FOREIGN_SCHEMAS = frozenset({"pg_catalog", "information_schema", "dagster"})
"""Schemas whose tables no file below `sql/` declares."""


@dataclass(frozen=True)
class BrokenFile:
    """A file below `sql/` that cannot be used."""

    path: Path
    reason: str
    """What is wrong, with the file and, if known, the line."""

    @property
    def family(self) -> str:
        return self.path.parent.parent.name

    @property
    def kind(self) -> str:
        return self.path.parent.name

    @property
    def tables(self) -> list[str]:
        """The tables, checks, reports or queries that it declares, with their family."""
        return tables_in(self.path)


@dataclass(frozen=True)
class Files(Generic[Read]):
    """The files of one kind: {table: what its file declares}, and the files that could not be read."""

    good: Mapping[str, Read]
    broken: tuple[BrokenFile, ...]


def read_files(paths: Iterable[Path], read: Callable[[Path], Mapping[str, Read]]) -> Files[Read]:
    """Read each file on its own. A file is broken if it cannot be read, or declares a name that an earlier one has."""
    good: dict[str, Read] = {}
    broken = []
    for path in sorted(paths):
        try:
            found = read(path)
        except (ModelError, ContractError) as error:
            broken.append(BrokenFile(path, " ".join(str(error).split())))
        except (SqlglotError, OSError, UnicodeError) as error:
            problem = " ".join(str(error).split())
            broken.append(BrokenFile(path, problem if str(path) in problem else f"{path}: cannot be read: {problem}"))
        else:
            duplicates = [name for name in found if name in good]
            reason = f"{path}: {', '.join(duplicates)} is declared in another file, too; expected one place only"
            broken += [BrokenFile(path, reason)] if duplicates else []
            good |= {} if duplicates else found
    return Files(dict(sorted(good.items())), tuple(broken))


def ops_tables(sql_dir: Path) -> set[str]:
    """The tables of the schema `ops`, read from their DDL."""
    return {name for path in (sql_dir / "ops").glob("*.sql") for name in _OPS_TABLE.findall(path.read_text("utf-8"))}


def wrong_reference(model: Model, known: Collection[str]) -> str | None:
    """The first table in FROM that does not exist, with file, line and a similar name; None if all exist."""
    ctes = {cte.alias for cte in model.expression.find_all(exp.CTE)}
    for table in model.expression.find_all(exp.Table):
        if not isinstance(table.this, exp.Identifier) or table.db in _FOREIGN_SCHEMAS:  # a function, or foreign
            continue
        name = f"{table.db}.{table.name}" if table.db else table.name
        if name in known or (not table.db and (name in ctes or re.fullmatch(r"_\w+_", name))):
            continue
        where = f"{model.path}:{_line(model, name)}"
        if not table.db:
            hint = _similar(name, {*ctes, *(each for each in known if each.endswith(f".{name}"))})
            return f"{where}: reads {name}, which is no CTE; a table is named with its schema{hint}"
        return f"{where}: reads {name}, and there is no such table{_similar(name, known)}"
    return None


def _similar(name: str, known: Collection[str]) -> str:
    """A question with the known name most like another one; empty if none is like it."""
    found = difflib.get_close_matches(name, sorted(known), 1) or [each for each in known if each.endswith(f".{name}")]
    return f"; did you mean {found[0]}?" if found else ""


def _line(model: Model, name: str) -> int:
    """The number of the first line after the header that has a name outside of comments."""
    header, _, select = model.path.read_text(encoding="utf-8").partition("*/")
    header += select[: len(select) - len(select.lstrip())]
    blank = re.sub(r"/\*.*?\*/|--[^\n]*", lambda found: re.sub(r"[^\n]", " ", found[0]), model.select, flags=re.DOTALL)
    pattern = r"\s*\.\s*".join(rf"\"?{re.escape(part)}\"?" for part in name.split("."))
    found = re.search(rf"(?<![\w.]){pattern}(?!\w)", blank, re.IGNORECASE)
    return header.count("\n") + 1 + (blank[: found.start()].count("\n") if found else 0)


def with_readers(roots: Mapping[str, str], models: Mapping[str, Model]) -> dict[str, str]:
    """{table: reason} of the broken tables `roots` and of all tables that read one, directly or through others."""
    found = dict(roots)
    chains = {table: f"whose file is broken: {reason}" for table, reason in roots.items()}
    has_grown = True
    while has_grown:
        has_grown = False
        for table, model in models.items():
            broken = [name for name in model.dependencies if name in found]
            if table not in found and broken:
                found[table] = f"reads {broken[0]}, {chains[broken[0]]}"
                chains[table] = f"which {found[table]}"
                has_grown = True
    return found


def in_circles(models: Mapping[str, Model]) -> dict[str, str]:
    """{table: reason} of the tables that read themselves, directly or through others."""

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
