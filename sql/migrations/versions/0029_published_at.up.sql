-- When a version was published that the registry took over later. No event that is there says so.

alter table registry.module_versions
    add column published_at timestamptz,
    add constraint published_before_registered check (published_at <= registered_at);
comment on column registry.module_versions.published_at is 'When it was first published, if the registry took it over later from elsewhere; NULL when it was published as it was registered. Its fields are as old as that.';

-- The days that are there are what the new contract makes of them: it differs in a column that none of their events has.
update ops.partitions set code_version = 'c85060304fe2'
where table_name = 'registry.module_versions' and code_version = '434b79c7e5a2';

-- Their partitions are outdated once and computed again. The sources of versions stay: raw days may be gone.
alter table if exists registry.module_versions_daily add column if not exists published_at timestamptz;
alter table if exists registry.module_catalog_daily
    add column if not exists packages text,
    add column if not exists published_day date;
alter table if exists registry.unused_fields_daily add column if not exists usage_known_since_day date;
