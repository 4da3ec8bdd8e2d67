"""The files of a new family, written from the DDL of its event tables: migration, aggregate, check and test cases.

Sample events and a report cannot be derived from a DDL: a person writes them, and the tests fail until they exist.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from analytics_etl.catalog.contracts import Column, Contract, ContractError, read_contract

NAME = re.compile(r"[a-z][a-z0-9_]{1,30}")
RESERVED = frozenset({"ops", "dagster", "public", "information_schema", "reports", "landing", "migrations", "archive"})
"""Names of existing schemas, folders and asset groups."""


class ScaffoldingError(ValueError):
    """A family that cannot be written; the message says why and what to do."""


@dataclass(frozen=True)
class Checkout:
    """The folders of a checkout that hold the files of a family."""

    root: Path

    @property
    def sql(self) -> Path:
        return self.root / "sql"

    @property
    def versions(self) -> Path:
        return self.sql / "migrations" / "versions"

    def events(self, family: str) -> Path:
        return self.sql / family / "events"

    def cases(self, family: str, name: str) -> Path:
        return self.root / "tests" / "cases" / family / name


def write_template(checkout: Checkout, family: str, table: str) -> Path:
    """Write a DDL to fill in; raise ScaffoldingError if the family exists."""
    _refuse_bad_name(family, "a family")
    _refuse_bad_name(table, "a table")
    path = checkout.events(family) / f"{table}.sql"
    if path.parent.exists():
        raise ScaffoldingError(f"{path.parent} is there already; expected a family that is not")
    _write(path, _TEMPLATE.format(table=f"{family}.{table}"))
    return path


def write_family(checkout: Checkout, family: str) -> list[Path]:
    """Write the files that follow from the DDL in sql/<family>/events; raise ScaffoldingError for existing ones."""
    _refuse_bad_name(family, "a family")
    paths = sorted(checkout.events(family).glob("*.sql"))
    if not paths:
        raise ScaffoldingError(
            f"{checkout.events(family)} has no DDL; expected a file <table>.sql for each event table. "
            f"To get one to fill in: analytics-etl new-family {family} --table ping_events"
        )
    try:
        contracts = [read_contract(path) for path in paths]
    except ContractError as error:
        raise ScaffoldingError(str(error)) from error
    files = _migration(checkout, family, contracts)
    for contract in contracts:
        files |= _aggregate(checkout, contract)
    if there := sorted(path for path in files if path.exists()):
        raise ScaffoldingError(f"{there[0]} is there already; expected a family of which only the DDL is")
    for path, text in files.items():
        _write(path, text)
    return list(files)


def _refuse_bad_name(name: str, what: str) -> None:
    if not NAME.fullmatch(name) or name in RESERVED or name.startswith("pg_"):
        raise ScaffoldingError(
            f"{name!r} cannot be the name of {what}; expected small letters, digits and _, a letter first, at most 31, "
            f"and none of {', '.join(sorted(RESERVED))}, pg_*"
        )


def _migration(checkout: Checkout, family: str, contracts: Sequence[Contract]) -> dict[Path, str]:
    """A revision after the newest one: it creates schema and tables; its downgrade drops empty tables."""
    newest = max(path.name[:4] for path in checkout.versions.glob("[0-9]*.py"))
    revision = f"{int(newest) + 1:04}"
    stem = checkout.versions / f"{revision}_{family}_events"
    tables = " and ".join(contract.table for contract in contracts)
    made = "\n".join(contract.ddl.strip() + "\n" for contract in contracts)
    return {
        stem.with_suffix(".py"): _REVISION.format(
            family=family, revision=revision, before=newest, up=f"{stem.name}.up.sql", down=f"{stem.name}.down.sql"
        ),
        stem.with_suffix(".up.sql"): f"-- The event tables of the family {family}.\n\n"
        f"create schema if not exists {family};\n\n{made}",
        stem.with_suffix(".down.sql"): f"-- Takes {tables} away, as long as there are no rows.\n"
        + "".join(_DOWN.format(table=contract.table) for contract in contracts),
    }


def _aggregate(checkout: Checkout, contract: Contract) -> dict[Path, str]:
    """An aggregate: events per day and first required text column, if any; with a check against the event table."""
    subject = contract.name.removesuffix("_events")
    name = f"{subject}_stats_daily"
    by = next((column for column in contract.columns if _may_be_any_text(contract, column)), None)
    values = {
        "table": contract.table, "name": name, "family": contract.family, "time": contract.time_column,
        "of_each": f" of each {by.name}" if by else "", "keys": f", {by.name}" if by else "",
        "by_column": f"\n    {by.name}," if by else "", "by_doc": f"\n  {by.name}: {by.comment}" if by else "",
        "groups": "1, 2" if by else "1",
    }  # fmt: skip
    folder, cases = checkout.sql / contract.family, checkout.cases(contract.family, name)
    check = f"{name}_matches_events"
    check_cases = checkout.cases(contract.family, check)
    rows = _case_rows(contract, by)
    return {
        folder / "aggregates" / f"{name}.sql": _AGGREGATE.format(**values),
        folder / "checks" / f"{check}.sql": _CHECK.format(**values),
        cases / "two_days.yaml": _CASE.format(table=contract.table, rows=rows, expected=_expected(by, 2)),
        check_cases / "right.yaml": _CHECK_CASE.format(
            description="Each event is counted once.", table=contract.table, rows=rows,
            name=f"{contract.family}.{name}", counted=_expected(by, 2), expected=" []",
        ),
        check_cases / "wrong.yaml": _CHECK_CASE.format(
            description="An event is counted that is not there.", table=contract.table, rows=rows,
            name=f"{contract.family}.{name}", counted=_expected(by, 3),
            expected=f"\n  - {{day: 2025-03-31, {_by(by)}event_count: 3, events: 2}}",
        ),
    }  # fmt: skip


def _may_be_any_text(contract: Contract, column: Column) -> bool:
    """Whether a required text column accepts any short text, so that a test case can use one."""
    harmless = re.compile(rf"{column.name} <> ''|(char_)?length\({column.name}\) .*", re.IGNORECASE)
    rules = [rule.condition for rule in contract.constraints if column.name in rule.columns]
    return column.is_required and column.type == "text" and all(harmless.fullmatch(rule) for rule in rules)


def _case_rows(contract: Contract, by: Column | None) -> str:
    """The rows of a case: the first and the last event of a day, and the first of the next."""
    times = ("2025-03-31T00:00:00Z", "2025-03-31T23:59:59.999999Z", "2025-04-01T00:00:00Z")
    return "".join(f"\n    - {{{contract.time_column}: {time}, {_by(by)}}}".replace(", }", "}") for time in times)


def _expected(by: Column | None, count: int) -> str:
    return f"{{day: 2025-03-31, {_by(by)}event_count: {count}}}"


def _by(by: Column | None) -> str:
    return f"{by.name}: a, " if by else ""


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


_TEMPLATE = """\
create table {table} (
    event_id uuid not null,
    occurred_at timestamptz not null,
    host text not null,
    latency_ms bigint,
    success boolean not null,
    error_message text,
    revision bigint,
    constraint host_not_empty check (host <> ''),
    constraint host_length check (length(host) <= 300),
    constraint latency_ms_range check (latency_ms between 0 and 1000000000000),
    constraint error_only_on_failure check (error_message is null or not success),
    constraint revision_not_negative check (revision >= 0)
) partition by range (occurred_at);

comment on table {table} is 'One ping of a host.';
comment on column {table}.event_id is 'Identifier of the event, unique within a UTC day.';
comment on column {table}.occurred_at is 'When it was sent. The partition column.';
comment on column {table}.host is 'Name of the host.';
comment on column {table}.latency_ms is 'How long the answer took, in milliseconds; NULL without one.';
comment on column {table}.success is 'Whether there was an answer.';
comment on column {table}.error_message is 'Why there was none; only then.';
comment on column {table}.revision is 'Of records with the same event_id the one with the highest revision counts.';
"""

_REVISION = '''\
"""The event tables of the family `{family}`: plain SQL beside this file."""

from analytics_etl.postgres.migrations import run_sql

revision = "{revision}"
down_revision = "{before}"


def upgrade() -> None:
    run_sql("{up}")


def downgrade() -> None:
    run_sql("{down}")
'''

_DOWN = """
do $$
begin
    if exists (select from {table}) then
        raise exception 'the table {table} holds rows, which this downgrade would lose'
            using hint = 'Move the rows elsewhere and empty the table first, or stay on this version.';
    end if;
end
$$;

drop table {table};
"""

_AGGREGATE = """\
/*
description: Events{of_each} per UTC day.
key: [day{keys}]
columns:
  day: UTC calendar day of the events.{by_doc}
  event_count: Number of events.
checks:
  - expect_column_values_to_be_between: {{column: event_count, min_value: 1}}
*/
select
    ({time} at time zone 'UTC')::date as day,{by_column}
    count(*) as event_count
from {table}
where {time} >= :start and {time} < :end
group by {groups}
"""

_CHECK = """\
/*
description: The events{of_each} and day are those of the event table.
*/
with
-- What the table says.
counted as (
    select day{keys}, event_count
    from {family}.{name}
    where day >= :start::date and day < :end::date
),
-- What the events say.
events as (
    select ({time} at time zone 'UTC')::date as day{keys}, count(*) as events
    from {table}
    where {time} >= :start and {time} < :end
    group by {groups}
)
select day{keys}, event_count, events
from counted
full join events using (day{keys})
where coalesce(event_count, 0) <> coalesce(events, 0)
"""

_CASE = """\
description: An event belongs to the day it happened on, from midnight to midnight UTC.
given:
  {table}:{rows}
window: {{start: 2025-03-31, end: 2025-04-01}}
expect:
  - {expected}
"""

_CHECK_CASE = """\
description: {description}
given:
  {name}:
    - {counted}
  {table}:{rows}
window: {{start: 2025-03-31, end: 2025-04-01}}
expect:{expected}
"""
