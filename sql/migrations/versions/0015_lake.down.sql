-- The files of the lake stay where they are; the books no longer name them. PostgreSQL has all their rows.

alter table ops.partitions drop column engine;

drop view ops.current_lake_files;

drop table ops.lake_files;
