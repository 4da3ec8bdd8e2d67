alter table if exists registry.overview_daily
    drop column if exists modules, drop column if exists versions, drop column if exists storage_bytes,
    drop column if exists modules_created, drop column if exists versions_created;
alter table if exists registry.org_stats_daily
    drop column if exists storage_bytes, drop column if exists modules_created, drop column if exists versions_created;
