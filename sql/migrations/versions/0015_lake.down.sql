-- Takes away the books of the lake, as long as they are empty: an earlier version would take an archived day for lost.

do $$
begin
    if exists (select from ops.lake_files) then
        raise exception 'the table ops.lake_files holds rows, which this downgrade would lose'
            using hint = 'Restore the archived days, then empty the table first, or stay on this version.';
    end if;
    if exists (select from ops.archives where manifest is null) then
        raise exception 'the table ops.archives holds rows, which this downgrade would lose'
            using hint = 'Restore the archived days, then empty the table first, or stay on this version.';
    end if;
end
$$;

alter table ops.archives
    alter column sha256 set not null,
    alter column rows set not null,
    alter column size_bytes set not null,
    alter column manifest set not null;
comment on table ops.archives is 'The archive file of each day that has one. This row decides which file is the right one: it is committed before the file takes its final name.';
comment on column ops.archives.state is 'verified = the file was read back and the partition is still there; archived = the partition was dropped; restored = the rows were brought back.';
comment on column ops.archives.sha256 is 'SHA-256 of the bytes of the file.';
comment on column ops.archives.manifest is 'What the manifest beside the file says, in the order of its columns, which jsonb would not keep.';
comment on column ops.personal_removals.place is 'partition = the rows in the table; archive = the file, which was written anew.';

alter table ops.partitions drop column engine;

drop view ops.current_lake_files;

drop table ops.lake_files;
