-- Raw days that left their tables: archived ones, which the lake has; removed personal values; days that were dropped.

create table ops.archives (
    table_name text not null,
    day date not null,
    state text not null,
    sha256 text,
    rows bigint,
    size_bytes bigint,
    manifest json,
    written_at timestamptz not null default clock_timestamp(),
    dropped_at timestamptz,
    restored_at timestamptz,
    kept_through date,
    primary key (table_name, day),
    constraint archive_state_known check (state in ('verified', 'archived', 'restored'))
);
comment on table ops.archives is 'Days whose partition was dropped, or was and is back. The lake has their rows; while a row has a manifest, a file in the archive folder does, which an earlier version wrote.';
comment on column ops.archives.state is 'archived = the partition was dropped; restored = the rows were brought back; verified = an earlier version wrote a file of the day, and the partition is still there.';
comment on column ops.archives.sha256 is 'SHA-256 of the file in the archive folder; NULL, as are its rows, size and manifest, when there is none.';
comment on column ops.archives.manifest is 'What the file in the archive folder holds, in the order of its columns, which jsonb would not keep.';
comment on column ops.archives.kept_through is 'A restored day is left alone until the newest day of its table is later than this.';

create table ops.personal_removals (
    table_name text not null,
    day date not null,
    place text not null,
    values_removed bigint not null,
    before jsonb not null,
    after jsonb not null,
    removed_at timestamptz not null default clock_timestamp(),
    primary key (table_name, day, place),
    constraint place_known check (place in ('partition', 'archive'))
);
comment on table ops.personal_removals is 'Where personal columns were set to NULL after their time, last time for each day.';
comment on column ops.personal_removals.place is 'partition = the rows in the table; archive = the file in the archive folder, by an earlier version.';
comment on column ops.personal_removals.values_removed is 'Values that were not NULL before.';
comment on column ops.personal_removals.before is 'Fingerprint of the rows before. Only what it says of personal columns may differ from the one after.';
comment on column ops.personal_removals.after is 'Fingerprint of the rows after.';

create table ops.dropped_days (
    table_name text not null,
    day date not null,
    rows bigint not null,
    dropped_at timestamptz not null default clock_timestamp(),
    primary key (table_name, day)
);
comment on table ops.dropped_days is 'Days of event tables whose rows were not kept once all was made of them: their landing files are the only place they are in.';
comment on column ops.dropped_days.rows is 'Rows that the partition had.';
