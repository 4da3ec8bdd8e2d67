-- What is registered, in the overview and of each organisation. Their partitions are outdated once and computed again.
alter table if exists registry.overview_daily
    add column if not exists modules bigint,
    add column if not exists versions bigint,
    add column if not exists storage_bytes bigint,
    add column if not exists modules_created bigint,
    add column if not exists versions_created bigint;
alter table if exists registry.org_stats_daily
    add column if not exists storage_bytes bigint,
    add column if not exists modules_created bigint,
    add column if not exists versions_created bigint;
