"""The DDL of event tables as values: what it becomes, and what is said of one that breaks a rule."""

from pathlib import Path

import pytest

from analytics_etl.catalog.contracts import Column, Contract, ContractError, read_contract
from analytics_etl.config.settings import SQL_DIR

DDL = """\
create table shop.visit_events (
    event_id uuid not null,
    seen_at timestamptz not null,
    user_id text,
    pages bigint not null,
    share double precision,
    is_paid boolean,
    labels jsonb,
    constraint user_id_not_empty check (user_id <> ''),
    constraint pages_fit_share check (pages >= 0 and (share is null or pages > 0)),
    constraint labels_are_few_texts check (ops.is_text_map(labels) and ops.json_bytes(labels) <= 100)
) partition by range (seen_at);

comment on table shop.visit_events is 'One visit; of one user''s.';
comment on column shop.visit_events.event_id is 'Identifier.';
comment on column shop.visit_events.seen_at is 'When it was.';
comment on column shop.visit_events.user_id is 'User.';
comment on column shop.visit_events.pages is 'Pages.';
comment on column shop.visit_events.share is 'Share.';
comment on column shop.visit_events.is_paid is 'Whether it was paid.';
comment on column shop.visit_events.labels is 'Labels.';
"""


def write(folder: Path, ddl: str) -> Path:
    path = folder / "shop" / "events" / "visit_events.sql"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(ddl)
    return path


def contract_of(folder: Path, ddl: str = DDL) -> Contract:
    return read_contract(write(folder, ddl))


def test_a_file_becomes_a_contract(tmp_path: Path) -> None:
    contract = contract_of(tmp_path)
    assert (contract.table, contract.family, contract.name) == ("shop.visit_events", "shop", "visit_events")
    assert contract.description == "One visit; of one user's."
    assert contract.time_column == "seen_at"
    assert contract.key == ("event_id",)
    assert contract.columns == (
        Column("event_id", "uuid", True, "Identifier."),  # noqa: FBT003
        Column("seen_at", "timestamptz", True, "When it was."),  # noqa: FBT003
        Column("user_id", "text", False, "User."),  # noqa: FBT003
        Column("pages", "bigint", True, "Pages."),  # noqa: FBT003
        Column("share", "double precision", False, "Share."),  # noqa: FBT003
        Column("is_paid", "boolean", False, "Whether it was paid."),  # noqa: FBT003
        Column("labels", "jsonb", False, "Labels."),  # noqa: FBT003
    )
    assert [column.duckdb_type for column in contract.columns] == [
        *("UUID", "TIMESTAMPTZ", "VARCHAR", "BIGINT", "DOUBLE", "BOOLEAN", "VARCHAR"),
    ]
    assert [(c.name, c.columns) for c in contract.constraints] == [
        ("user_id_not_empty", ("user_id",)),
        ("pages_fit_share", ("pages", "share")),
        ("labels_are_few_texts", ("labels",)),
    ]
    assert contract.constraints[0].condition == "user_id <> ''"
    assert contract.column_docs["pages"] == "Pages."


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("comment on column shop.visit_events.pages is 'Pages.';", "", "the column pages needs a comment"),
        ("is 'Pages.'", "is ''", "the column pages needs a comment"),
        ("comment on table shop.visit_events is 'One visit; of one user''s.';", "", "the table needs a comment"),
        ("constraint user_id_not_empty check", "check", "expected named CHECK constraints only"),
        ("constraint user_id_not_empty check (user_id <> '')", "constraint one unique (event_id, seen_at)",
         "expected named CHECK constraints only"),
        ("constraint user_id_not_empty check (user_id <> '')", "primary key (event_id, seen_at)",
         "expected named CHECK constraints only"),
        ("    user_id text,", "    user_id text check (user_id <> ''),", "expected named CHECK constraints only"),
        ("pages bigint", "pages bigint default 1", "pages"),
        ("pages bigint", "pages numeric(10, 2)", "pages has the type decimal(10, 2), expected one of"),
        ("pages bigint", "pages integer", "pages has the type int, expected one of"),
        ("seen_at timestamptz", "seen_at timestamp", "seen_at has the type timestamp, expected one of"),
        ("create table shop.visit_events", "create table shop.visits", "expected the table shop.visit_events"),
        ("create table shop.visit_events", "create table store.visit_events", "expected the table shop.visit_events"),
        ("create table shop.visit_events", "create table visit_events", "expected the table shop.visit_events"),
        (" partition by range (seen_at)", "", "expected PARTITION BY RANGE"),
        ("range (seen_at)", "range (seen_at, user_id)", "expected PARTITION BY RANGE (one time column)"),
        ("range (seen_at)", "range (user_id)", "user_id must be a timestamptz not null column"),
        ("seen_at timestamptz not null", "seen_at timestamptz", "seen_at must be a timestamptz not null column"),
        ("event_id uuid not null", "event_id text not null", "the first column must be event_id uuid not null"),
        ("event_id uuid not null", "event_id uuid", "the first column must be event_id uuid not null"),
        ("create table", "drop table shop.old; create table", "expected CREATE TABLE as the first statement"),
        ("partition by range (seen_at)", "partition by range (seen_at", "cannot be parsed"),
    ],
    ids=lambda text: text[:40],
)  # fmt: skip
def test_a_file_that_breaks_a_rule_is_refused_by_name(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in DDL
    path = write(tmp_path, DDL.replace(old, new))
    with pytest.raises(ContractError) as refusal:
        read_contract(path)
    assert str(refusal.value).startswith(f"{path}: ")
    assert said in str(refusal.value)


def test_an_empty_file_is_refused_by_name(tmp_path: Path) -> None:
    path = write(tmp_path, "-- nothing yet\n")
    with pytest.raises(ContractError, match="expected CREATE TABLE as the first statement"):
        read_contract(path)


@pytest.mark.parametrize("old", ["is 'Pages.'", "is 'One visit; of one user''s.'", "    user_id text,\n"])
def test_comments_and_layout_do_not_change_the_code_version(tmp_path: Path, old: str) -> None:
    new = "\n  user_id  TEXT, -- a comment\n" if "text" in old else "is 'Other words.'"
    assert old in DDL
    assert contract_of(tmp_path, DDL.replace(old, new)).code_version == contract_of(tmp_path).code_version


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("pages bigint not null", "pages bigint"),
        ("pages bigint not null", "pages double precision not null"),
        ("user_id <> ''", "user_id <> '-'"),
        ("constraint user_id_not_empty check (user_id <> ''),\n", ""),
        ("    is_paid boolean,\n", ""),
    ],
)
def test_columns_and_constraints_change_the_code_version(tmp_path: Path, old: str, new: str) -> None:
    assert old in DDL
    assert contract_of(tmp_path, DDL.replace(old, new)).code_version != contract_of(tmp_path).code_version


def test_a_column_may_say_that_it_may_be_null(tmp_path: Path) -> None:
    [user] = [
        c
        for c in contract_of(tmp_path, DDL.replace("user_id text", "user_id text null")).columns
        if c.name == "user_id"
    ]
    assert not user.is_required


def test_every_contract_of_the_product_can_be_read() -> None:
    paths = list(SQL_DIR.glob("*/events/*.sql"))
    assert paths
    assert [read_contract(path).path for path in paths] == paths
