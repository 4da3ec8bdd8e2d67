-- Takes the number of waiting files away, which follows from the ledger.

alter table ops.days drop column files_waiting;
comment on column ops.days.state is 'expected = it should be there and is not; provisional = late events can change it; final = they cannot; frozen_late = final, and late rows wait for it to be reopened; failed = a check of severity error or the last attempt to write it failed; archived = its rows are in the archive.';
comment on column ops.loaded_days.rows_read is 'Rows of the day in the file, rejected ones included.';
comment on column ops.loaded_days.loaded_at is null;
