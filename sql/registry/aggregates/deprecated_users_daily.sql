/*
description: >-
  Which organisations and client libraries used what is deprecated in the newest version of each module, per UTC day: of each
  element the 100 with the most uses, and all others in one row.
key: [day, module_name, element, organization_id, sdk]
columns:
  day: UTC calendar day of the uses.
  module_name: Module.
  element: Full name of the deprecated entity or field.
  organization_id: Organisation that used it; empty when there is none, and for the others.
  sdk: Name of the client library, its first 100 characters; empty when it did not say; others beyond the first 100.
  usage_count: Uses, of all fields of a deprecated entity.
checks:
  - expect_column_values_to_be_between: {column: usage_count, min_value: 1}
*/
with
-- What is deprecated on each day, since a name may stand in several files of JSON Schemas.
deprecated as (
    select distinct day, module_name, element, entity, field
    from registry.deprecated_fields_daily
    where day >= :start::date and day < :end::date
),
-- Clients name themselves, so that their names have any length and number, and both are bounded.
users as (
    select
        (uses.used_at at time zone 'UTC')::date as day,
        deprecated.module_name,
        deprecated.element,
        coalesce(uses.organization_id, '') as organization_id,
        left(coalesce(uses.client_sdk, ''), 100) as sdk,
        count(*) as usage_count
    from registry.field_usage_events as uses
    join deprecated
        on deprecated.day = (uses.used_at at time zone 'UTC')::date
        and deprecated.module_name = uses.module_name
        and deprecated.entity = uses.entity
        and (deprecated.field is null or deprecated.field = uses.field)
    where uses.used_at >= :start and uses.used_at < :end
    group by 1, 2, 3, 4, 5
),
-- Their places, ties in the order of their names.
ranked as (
    select
        day, module_name, element, organization_id, sdk, usage_count,
        row_number() over (
            partition by day, module_name, element
            order by usage_count desc, organization_id collate "C", sdk collate "C"
        ) as position
    from users
),
-- One name for all that are beyond the first 100.
named as (
    select
        day, module_name, element, usage_count,
        case when position <= 100 then organization_id else '' end as organization_id,
        case when position <= 100 then sdk else 'others' end as sdk
    from ranked
)
select
    day,
    module_name,
    element,
    organization_id,
    sdk,
    sum(usage_count)::bigint as usage_count
from named
group by 1, 2, 3, 4, 5
