create table platform.metric_samples (
    event_id uuid not null,
    recorded_at timestamptz not null,
    name text not null,
    type text not null,
    category text not null,
    value double precision not null,
    unit text,
    labels jsonb not null,
    tenant_id text,
    user_id text,
    constraint name_not_empty check (name <> ''),
    constraint type_known check (type in ('counter', 'gauge', 'histogram', 'summary')),
    constraint category_known check (category in ('system', 'business', 'user', 'performance', 'security')),
    constraint unit_not_empty check (unit <> ''),
    constraint tenant_id_not_empty check (tenant_id <> ''),
    constraint user_id_not_empty check (user_id <> ''),
    constraint labels_of_texts check (ops.is_text_map(labels)),
    constraint counter_not_negative check (type <> 'counter' or value >= 0),
    constraint value_not_too_large check (value <= 1000000000000000),
    constraint value_not_too_small check (value >= -1000000000000000),
    constraint labels_not_too_large check (ops.json_bytes(labels) <= 4096),
    constraint name_not_too_long check (length(name) <= 200),
    constraint unit_not_too_long check (length(unit) <= 50),
    constraint tenant_id_not_too_long check (length(tenant_id) <= 200),
    constraint user_id_not_too_long check (length(user_id) <= 200)
) partition by range (recorded_at);

comment on table platform.metric_samples is 'One sample of a metric.';
comment on column platform.metric_samples.event_id is 'Identifier of the sample, unique within a UTC day.';
comment on column platform.metric_samples.recorded_at is 'When the value was measured. The partition column.';
comment on column platform.metric_samples.name is 'Name of the metric, such as cpu_percent.';
comment on column platform.metric_samples.type is 'counter, gauge, histogram or summary; samples of the last two are single observations.';
comment on column platform.metric_samples.category is 'What the metric is about: system, business, user, performance or security.';
comment on column platform.metric_samples.value is 'What was measured, a finite number: of a counter the increase since the sample before, or with the label temporality=cumulative its level.';
comment on column platform.metric_samples.unit is 'Unit of the value, such as percent or EUR; NULL for plain numbers.';
comment on column platform.metric_samples.labels is 'What else tells the series from others of the name: an object of texts, which may be empty. The order of its keys does not matter.';
comment on column platform.metric_samples.tenant_id is 'Tenant that the sample is about; NULL for the platform itself.';
comment on column platform.metric_samples.user_id is 'User that the sample is about; NULL when it is about none. No part of the series.';
