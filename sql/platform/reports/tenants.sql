/*
description: The 20 tenants with the most samples in the period, and the platform itself, beside the period before.
columns:
  tenant_id: Tenant; empty for the platform itself.
  sample_count: Samples in the period.
  previous_sample_count: Samples in the period before.
  growth_ratio: Relative change; NULL without samples before.
  most_active_users: Distinct users of its busiest day of the period.
  status: The worst status of a service on its newest day of the period; unknown when none is known.
*/
with
-- Both periods of each tenant.
tenants as (
    select
        tenant_id,
        coalesce(sum(case when day >= :start::date then sample_count end), 0)::bigint as sample_count,
        coalesce(sum(case when day < :start::date then sample_count end), 0)::bigint as previous_sample_count,
        max(case when day >= :start::date then active_users end) as most_active_users,
        max(case when day >= :start::date then day end) as newest_day
    from platform.tenant_overview_daily
    where (day >= :previous_start::date and day < :previous_end::date or day >= :start::date and day < :end::date)
    group by 1
),
-- The position among all with samples in the period; the platform comes first.
ranked as (
    select
        tenant_id, sample_count, previous_sample_count, most_active_users, newest_day,
        row_number() over (order by tenant_id <> '', sample_count desc, tenant_id collate "C") as rank
    from tenants
    where sample_count > 0
)
select
    ranked.tenant_id,
    ranked.sample_count,
    previous_sample_count,
    (ranked.sample_count - previous_sample_count)::double precision / nullif(previous_sample_count, 0) as growth_ratio,
    most_active_users,
    newest.status
from ranked
join platform.tenant_overview_daily as newest on newest.tenant_id = ranked.tenant_id and newest.day = newest_day
where rank <= 21
order by rank
