create table registry.module_view_events (
    event_id uuid not null,
    viewed_at timestamptz not null,
    user_id text,
    organization_id text,
    module_name text,
    version text,
    source text not null,
    page_type text not null,
    referrer text,
    ip_address text,
    user_agent text,
    revision bigint,
    constraint user_id_not_empty check (user_id <> ''),
    constraint organization_id_not_empty check (organization_id <> ''),
    constraint module_name_not_empty check (module_name <> ''),
    constraint version_not_empty check (version <> ''),
    constraint source_known check (source in ('web', 'api', 'cli')),
    constraint page_type_known check (page_type in ('list', 'detail', 'search')),
    constraint detail_page_names_module check (page_type <> 'detail' or module_name is not null),
    constraint user_id_not_too_long check (length(user_id) <= 200),
    constraint organization_id_not_too_long check (length(organization_id) <= 100),
    constraint module_name_not_too_long check (length(module_name) <= 256),
    constraint version_not_too_long check (length(version) <= 100),
    constraint referrer_not_too_long check (length(referrer) <= 1000000),
    constraint ip_address_not_too_long check (length(ip_address) <= 1000),
    constraint user_agent_not_too_long check (length(user_agent) <= 1000000),
    constraint revision_not_negative check (revision >= 0)
) partition by range (viewed_at);

comment on table registry.module_view_events is 'One view of a page about modules.';
comment on column registry.module_view_events.event_id is 'Identifier of the event, unique within a UTC day.';
comment on column registry.module_view_events.viewed_at is 'When the page was viewed. The partition column.';
comment on column registry.module_view_events.user_id is 'User or service account; NULL for anonymous views.';
comment on column registry.module_view_events.organization_id is 'Organisation of the user; NULL when there is none.';
comment on column registry.module_view_events.module_name is 'Module that was viewed; NULL for list and search pages.';
comment on column registry.module_view_events.version is 'Version that was viewed; NULL when the page is not about one.';
comment on column registry.module_view_events.source is 'Where the page was viewed: web, api or cli.';
comment on column registry.module_view_events.page_type is 'Kind of page: list, detail or search.';
comment on column registry.module_view_events.referrer is 'Page the view came from.';
comment on column registry.module_view_events.ip_address is 'Address of the client. Personal data.';
comment on column registry.module_view_events.user_agent is 'User agent of the client. Personal data.';
comment on column registry.module_view_events.revision is 'Of several records with one event_id on a day the one with the highest revision counts; NULL is the lowest.';
