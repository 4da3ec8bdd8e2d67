-- The ledger: landing files, their rows of each day, and rejected rows. All times are UTC.

create table ops.loaded_files (
    table_name text not null,
    path text not null,
    size_bytes bigint not null,
    modified_at timestamptz not null,
    checksum text not null,
    state text not null,
    reason text,
    first_day date,
    last_day date,
    rows_read bigint not null,
    rows_valid bigint not null,
    rows_rejected bigint not null,
    read_at timestamptz not null default clock_timestamp(),
    found_at timestamptz not null default clock_timestamp(),
    rows_not_for_table bigint not null default 0,
    primary key (table_name, path),
    constraint state_known check (state in ('read', 'cut_off', 'rejected', 'gone'))
);
comment on table ops.loaded_files is 'Every landing file as it was last read.';
comment on column ops.loaded_files.table_name is 'Event table the file is for, with its schema.';
comment on column ops.loaded_files.path is 'Path below the landing folder.';
comment on column ops.loaded_files.modified_at is 'Modification time of the file. That and its size tell whether it was replaced, nothing else.';
comment on column ops.loaded_files.checksum is 'SHA-256 of the bytes of the file.';
comment on column ops.loaded_files.state is 'read; cut_off = readable up to a point; rejected = not readable at all; gone = it was read before and is no longer there.';
comment on column ops.loaded_files.reason is 'Why the file is not simply read, or what was ignored in it.';
comment on column ops.loaded_files.first_day is 'First UTC day the file holds valid events of.';
comment on column ops.loaded_files.last_day is 'Last UTC day the file holds valid events of.';
comment on column ops.loaded_files.found_at is 'When this content of the file was first seen; an event more than one day later is rejected.';
comment on column ops.loaded_files.rows_not_for_table is 'Rows the WHERE of its source mapping leaves out; they are in none of the other counts.';

create table ops.loaded_days (
    table_name text not null,
    path text not null,
    day date not null,
    rows_read bigint not null,
    rows_rejected bigint not null,
    rows_loaded bigint,
    rows_duplicate bigint,
    rows_conflicting bigint,
    loaded_at timestamptz,
    primary key (table_name, path, day),
    constraint nothing_lost check (rows_read = rows_loaded + rows_duplicate + rows_rejected)
);
create index loaded_days_that_wait on ops.loaded_days (table_name, day) where rows_loaded is null;
comment on table ops.loaded_days is 'The rows of each landing file on each UTC day they are of, and what became of them.';
comment on column ops.loaded_days.rows_read is 'Rows of the day in the file, rejected ones included; 0 when it held rows of the day before it was replaced, or tells the day by its path only.';
comment on column ops.loaded_days.rows_loaded is 'Rows kept; NULL until the day is loaded. A row that several files hold counts for the first one by path.';
comment on column ops.loaded_days.rows_duplicate is 'Rows left out because another row of the day has their event_id.';
comment on column ops.loaded_days.loaded_at is 'When rows of the file, as it was then, were loaded with the day; NULL before.';
comment on column ops.loaded_days.rows_conflicting is 'Those of the duplicates whose event_id came with differing contents.';

create table ops.rejected_rows (
    table_name text not null,
    path text not null,
    day date,
    line bigint,
    reason text not null,
    content text
);
create index rejected_rows_by_file on ops.rejected_rows (table_name, path);
create index rejected_rows_by_day on ops.rejected_rows (table_name, day);
comment on table ops.rejected_rows is 'Rows and files that do not fit their contract. Reading the day again after a mend of the contract, the mapping or the file replays them.';
comment on column ops.rejected_rows.day is 'UTC day of the event; NULL when the row has no usable time.';
comment on column ops.rejected_rows.line is 'Line in the file, from 1 (Parquet: row); NULL when the whole file is meant.';
comment on column ops.rejected_rows.reason is 'The column or constraint, what was expected and what came.';
comment on column ops.rejected_rows.content is 'The row as it stands in the file, cut after 10,000 characters, bytes that are no UTF-8 and NULs replaced.';
