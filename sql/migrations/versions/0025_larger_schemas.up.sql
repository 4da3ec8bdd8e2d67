-- The largest real histories of protobuf have 2 MB a version.
alter table registry.module_versions
    drop constraint files_not_too_large,
    add constraint files_not_too_large check (ops.json_bytes(files) <= 4000000);
