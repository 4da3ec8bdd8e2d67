-- When each file was first seen, and its rows that a source mapping leaves out. Of a file that is known, the time it was
-- last read is the only one at which it is known to have been there: its modification time may be anything, and the rows
-- it was judged by are only more after it, never fewer.

alter table ops.loaded_files add column found_at timestamptz;
update ops.loaded_files set found_at = read_at;
alter table ops.loaded_files alter column found_at set not null;
alter table ops.loaded_files alter column found_at set default clock_timestamp();
alter table ops.loaded_files add column rows_not_for_table bigint not null default 0;
comment on column ops.loaded_files.modified_at is 'Modification time of the file. That and its size tell whether it was replaced, nothing else.';
comment on column ops.loaded_files.found_at is 'When this content of the file was first seen; an event more than one day later is rejected.';
comment on column ops.loaded_files.rows_not_for_table is 'Rows the WHERE of its source mapping leaves out; they are in none of the other counts.';
