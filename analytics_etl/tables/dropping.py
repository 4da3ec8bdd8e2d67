"""Undoing days: their rows, states and books go in one transaction, as if the days had never been run.

Partitions of other days that were made of them are marked; `remake` makes these anew. A landing file that is still
there waits to be loaded again, one that is not is forgotten for these days. Reports on disk are not removed here.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from psycopg import sql

from analytics_etl.catalog.contracts import Contract
from analytics_etl.catalog.models import Model, cadence_of
from analytics_etl.landing import is_place_there
from analytics_etl.ops import archives
from analytics_etl.postgres.connection import Connection, DatabaseError, identifier, lock, rows
from analytics_etl.tables.derived import replace_marked

OF_DROPPED_DAYS = "days were dropped"
"""The code version in ops.partitions of a partition that was made of days which were dropped since."""


@dataclass(frozen=True)
class Period:
    """A partition that goes, or a report's period."""

    table: str
    start: date
    end: date
    rows: int
    is_final: bool


@dataclass(frozen=True)
class File:
    """A landing file that holds rows of the days."""

    table: str
    path: str
    rows: int
    """Rows of the days in it, rejected ones included."""
    has_other_days: bool
    is_there: bool


@dataclass(frozen=True)
class Target:
    """The days to drop, both included, and the tables that are kept by them."""

    first: date
    last: date
    contracts: Sequence[Contract]
    models: Sequence[Model]
    others: Sequence[Model]
    """Models of other families."""
    are_archives_needed: bool = True
    """Whether archived days are refused, since nothing else holds their rows."""

    @property
    def tables(self) -> list[str]:
        return [*(contract.table for contract in self.contracts), *(model.table for model in self.models)]

    @property
    def end(self) -> date:
        return self.last + timedelta(days=1)


@dataclass(frozen=True)
class Found:
    """What there is of the days to drop."""

    partitions: list[Period]
    """Of days; of weeks and months that hold no other day there is."""
    made_of_them: dict[str, list[date]]
    """{table: first days of its other partitions that were made of them}"""
    files: list[File]
    archived: dict[str, list[date]]
    """Days whose rows are in the archive only."""
    published: list[tuple[str, str, date]]
    """(family, cadence, first day) of the reports of these periods that were published."""


def find(connection: Connection, target: Target, landing: Sequence[Path]) -> Found:
    """Look at what dropping would do; changes nothing."""
    partitions = _partitions(connection, target)
    return Found(
        partitions,
        _made_of_them(connection, target, partitions),
        list(_files(connection, target, landing)),
        archives.archived_days(connection, [c.table for c in target.contracts], target.first, target.end),
        _published(connection, target),
    )


def drop(
    connection: Connection,
    target: Target,
    landing: Sequence[Path],
    before_commit: Callable[[Mapping[str, Sequence[date]]], None],
) -> Found:
    """Undo the days. The caller refreshes the states of days and commits; `before_commit` gets the archived days."""
    days = [target.first + timedelta(days=n) for n in range((target.end - target.first).days)]
    # As runs take them: days and books of raw tables, then derived tables, and the books of days by the caller.
    lock(connection, *(f"{contract.table} {day}" for contract in target.contracts for day in days))
    lock(connection, *(f"{contract.table} books" for contract in target.contracts))
    lock(connection, *(model.table for model in (*target.models, *target.others)))
    found = find(connection, target, landing)
    if target.are_archives_needed:
        refuse_archived(found.archived)
    for contract in target.contracts:
        _drop_partitions(connection, contract, [p for p in found.partitions if p.table == contract.table])
    for model in target.models:
        _delete_rows(connection, model, [p.start for p in found.partitions if p.table == model.table])
    _forget_partitions(connection, target, found.partitions)
    for table, starts in found.made_of_them.items():
        connection.execute(
            "update ops.partitions set code_version = %s where table_name = %s and period_start = any(%s)",
            [OF_DROPPED_DAYS, table, starts],
        )
    _forget_files(connection, target, found.files)
    _forget_reports(connection, found.published)
    before_commit(found.archived)
    return found


def refuse_archived(archived: Mapping[str, Sequence[date]]) -> None:
    """Raise DatabaseError for days whose rows are in the archive only."""
    for table, days in archived.items():
        more = f", as are {len(days) - 1:,} more of its days" if len(days) > 1 else ""
        raise DatabaseError(
            f"{table}: {days[0]} is archived{more}, and dropping it would take its last rows; if that is wanted, "
            f'first: analytics-etl restore {table} {days[0]} --reason "why"'
        )


def remake(connection: Connection, model: Model, schemas: Mapping[str, str]) -> list[date]:
    """Make the marked partitions of a derived table anew; returns their first days."""
    marked = _marked(connection, model.table)
    replace_marked(connection, model, _stretches(marked), schemas)
    return sorted(marked)


def marked_reach(connection: Connection, model: Model) -> tuple[date, date] | None:
    """The days [first, after) that the marked partitions of a table read; None when none is marked."""
    marked = _marked(connection, model.table)
    return model.reads(min(marked), max(marked.values())) if marked else None


def _marked(connection: Connection, table: str) -> dict[date, date]:
    found = connection.execute(
        "select period_start, period_end from ops.partitions where table_name = %s and code_version = %s order by 1",
        [table, OF_DROPPED_DAYS],
    ).fetchall()
    return dict(found)


def _stretches(periods: Mapping[date, date]) -> Iterator[dict[date, date]]:
    """Partitions (start -> end) that follow one another, together."""
    stretch: dict[date, date] = {}
    for start, end in sorted(periods.items()):
        if stretch and start not in stretch.values():
            yield stretch
            stretch = {}
        stretch[start] = end
    if stretch:
        yield stretch


def _partitions(connection: Connection, target: Target) -> list[Period]:
    """The partitions that hold some of the days, and of which their family has no other day."""
    found = rows(
        connection,
        """
        select p.table_name, p.period_start, p.period_end, p.rows, coalesce(d.is_final, false) as is_final
        from ops.partitions as p
        left join ops.days as d on d.table_name = p.table_name and d.day = p.period_start
            and p.period_end = p.period_start + 1
        where p.table_name = any(%(tables)s) and p.period_start < %(end)s and p.period_end > %(first)s
          and not exists (
            select from ops.partitions as o
            where split_part(o.table_name, '.', 1) = split_part(p.table_name, '.', 1)
              and o.period_end = o.period_start + 1
              and o.period_start >= p.period_start and o.period_start < p.period_end
              and (o.period_start < %(first)s or o.period_start >= %(end)s)
          )
        order by p.table_name, p.period_start""",
        {"tables": target.tables, "first": target.first, "end": target.end},
    )
    return [Period(*row.values()) for row in found]


def _made_of_them(connection: Connection, target: Target, partitions: Sequence[Period]) -> dict[str, list[date]]:
    """The other partitions that read days which go, also by way of the tables between."""
    days = [p for p in partitions if cadence_of(p.table) == "day"]
    if not days:
        return {}
    first, end = min(p.start for p in days), max(p.end for p in days)
    going = {(p.table, p.start) for p in partitions}
    changed = set(target.tables)
    found = {}
    for model in (*target.models, *target.others):
        if not changed.intersection([model.table, *model.dependencies]):
            continue
        changed.add(model.table)
        after, before = model.touches(first, end)
        starts = connection.execute(
            "select period_start from ops.partitions where table_name = %s and period_end > %s and period_start < %s "
            "order by 1",
            [model.table, after, before],
        ).fetchall()
        if left := [start for (start,) in starts if (model.table, start) not in going]:
            found[model.table] = left
    return found


def _files(connection: Connection, target: Target, landing: Sequence[Path]) -> Iterator[File]:
    """The files the ledger knows to hold rows of the days."""
    for row in rows(
        connection,
        """
        select table_name, path, sum(rows_read) filter (where is_of_them)::bigint as rows_read,
            bool_or(not is_of_them) as has_other_days
        from (
            select *, day >= %(first)s and day < %(end)s as is_of_them
            from ops.loaded_days where table_name = any(%(tables)s)
        ) as of_files
        group by table_name, path
        having bool_or(is_of_them)
        order by table_name, path""",
        {"tables": [contract.table for contract in target.contracts], "first": target.first, "end": target.end},
    ):
        # Of a folder that is not there nobody knows what it holds: it may not be mounted.
        is_there = not is_place_there(landing, row["path"]) or any((top / row["path"]).exists() for top in landing)
        yield File(row["table_name"], row["path"], row["rows_read"], row["has_other_days"], is_there)


def _published(connection: Connection, target: Target) -> list[tuple[str, str, date]]:
    """The reports of the days, of weeks and months of which the family has no other day, and those that were published
    because the days after them were there, to which their tables look ahead.
    """
    families = sorted({c.family for c in target.contracts})
    ahead = [max((m.reach[1] for m in target.models if m.family == family), default=0) for family in families]
    found = connection.execute(
        """
        select family, cadence, period_start from (
            select *, (case cadence
                when 'daily' then period_start + 1
                when 'weekly' then period_start + 7
                else period_start + interval '1 month'
            end)::date as period_end
            from ops.reports
        ) as r
        join unnest(%(families)s::text[], %(ahead)s::int[]) as f (family, ahead) using (family)
        where (
            period_start < %(end)s and period_end > %(first)s and not exists (
                select from ops.partitions as o
                where split_part(o.table_name, '.', 1) = r.family and o.period_end = o.period_start + 1
                  and o.period_start >= r.period_start and o.period_start < r.period_end
                  and (o.period_start < %(first)s or o.period_start >= %(end)s)
            )
        ) or (period_end <= %(first)s and period_end + ahead > %(first)s)
        order by 1, 2, 3""",
        {"families": families, "ahead": ahead, "first": target.first, "end": target.end},
    ).fetchall()
    return [(family, cadence, start) for family, cadence, start in found]


def _drop_partitions(connection: Connection, contract: Contract, partitions: Iterable[Period]) -> None:
    for period in partitions:
        leaf = sql.Identifier(contract.family, f"{contract.name}_p{period.start:%Y%m%d}")
        connection.execute(sql.SQL("drop table if exists {}").format(leaf))


def _delete_rows(connection: Connection, model: Model, starts: Sequence[date]) -> None:
    if starts:
        condition = sql.SQL("delete from {} where {} = any(%s)").format(
            identifier(model.table), sql.Identifier(model.key[0])
        )
        connection.execute(condition, [starts])


def _forget_partitions(connection: Connection, target: Target, partitions: Sequence[Period]) -> None:
    """Take partitions out of the books, and what else is known of the days."""
    going: dict[str, list[date]] = {table: [] for table in target.tables}
    for period in partitions:
        going[period.table].append(period.start)
    for table, starts in going.items():
        is_by_day = cadence_of(table) == "day"
        where = sql.SQL("where table_name = {} and (period_start = any({}) or {} and period_start between {} and {})")
        of_them = where.format(table, sql.Literal(starts), is_by_day, target.first, target.last)
        for book in ("partitions", "check_results", "changes"):
            _delete(connection, book, of_them)
        # What fails when the days are loaded again is news.
        connection.execute(
            sql.SQL("update ops.check_failures set passed_at = clock_timestamp() {} and passed_at is null").format(
                of_them
            )
        )
        for book in ("days", "archives", "personal_removals", "dropped_days") if is_by_day else ():
            days = sql.SQL("where table_name = {} and day between {} and {}")
            _delete(connection, book, days.format(table, target.first, target.last))


def _forget_files(connection: Connection, target: Target, files: Iterable[File]) -> None:
    """Let files that are there wait to be loaded again, and forget the others for these days."""
    for file in files:
        of_file = sql.SQL("where table_name = {} and path = {}").format(file.table, file.path)
        of_days = sql.SQL("{} and day between {} and {}").format(of_file, target.first, target.last)
        if file.is_there:
            _delete(connection, "loaded_days", sql.SQL("{} and rows_read = 0").format(of_days))
            connection.execute(
                sql.SQL(
                    "update ops.loaded_days set rows_loaded = null, rows_duplicate = null, rows_conflicting = null, "
                    "loaded_at = null {}"
                ).format(of_days)
            )
        elif file.has_other_days:
            _delete(connection, "loaded_days", of_days)
            _delete(connection, "rejected_rows", of_days)
            # Should it come back, it is read as one that has changed.
            connection.execute(sql.SQL("update ops.loaded_files set modified_at = 'epoch' {}").format(of_file))
        else:
            for book in ("loaded_days", "rejected_rows", "loaded_files"):
                _delete(connection, book, of_file)


def _forget_reports(connection: Connection, published: Iterable[tuple[str, str, date]]) -> None:
    for family, cadence, start in published:
        where = sql.SQL("where family = {} and cadence = {} and period_start = {}").format(family, cadence, start)
        for book in ("reports", "report_figures", "written_reports"):
            _delete(connection, book, where)


def _delete(connection: Connection, book: str, where: sql.Composable) -> None:
    connection.execute(sql.SQL("delete from {} {}").format(sql.Identifier("ops", book), where))
