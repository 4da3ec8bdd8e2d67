-- Takes away when files were first seen and what mappings left out.

alter table ops.loaded_files drop column rows_not_for_table;
alter table ops.loaded_files drop column found_at;
comment on column ops.loaded_files.modified_at is null;
