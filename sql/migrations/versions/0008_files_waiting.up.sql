-- Files that wait although they hold no valid row of the day: replaced ones, and those of which all was rejected.

alter table ops.days add column files_waiting bigint not null default 0;
comment on column ops.days.state is 'expected = it should be there and is not; provisional = late events can change it; final = they cannot; frozen_late = final, and files that came late or were replaced wait for it to be reopened; failed = a check of severity error or the last attempt to write it failed; archived = its rows are in the archive.';
comment on column ops.days.files_waiting is 'Files of the day that were read and are not loaded as they are now: they came late, were replaced, or hold none of their rows any more.';
comment on column ops.loaded_days.rows_read is 'Rows of the day in the file, rejected ones included; 0 when it held rows of the day before it was replaced, or tells the day by its path only.';
comment on column ops.loaded_days.loaded_at is 'When rows of the file, as it was then, were loaded with the day; NULL before.';
