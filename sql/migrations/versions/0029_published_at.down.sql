-- Takes the times of publication away; refuses to lose one.

do $$
begin
    if exists (select from registry.module_versions where published_at is not null) then
        raise exception 'the table registry.module_versions holds times of publication, which this downgrade would lose'
            using hint = 'empty the column first';
    end if;
end
$$;

alter table if exists registry.unused_fields_daily drop column if exists usage_known_since_day;
alter table if exists registry.module_catalog_daily drop column if exists packages, drop column if exists published_day;
alter table if exists registry.module_versions_daily drop column if exists published_at;

update ops.partitions set code_version = '434b79c7e5a2'
where table_name = 'registry.module_versions' and code_version = 'c85060304fe2';
alter table registry.module_versions drop constraint published_before_registered, drop column published_at;
