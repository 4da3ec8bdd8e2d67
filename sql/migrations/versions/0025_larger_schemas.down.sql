-- Rows that are there may be larger: only new rows obey.
alter table registry.module_versions
    drop constraint files_not_too_large,
    add constraint files_not_too_large check (ops.json_bytes(files) <= 1000000) not valid;
