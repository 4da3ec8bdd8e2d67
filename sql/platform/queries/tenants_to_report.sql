/*
description: >-
  The tenants with samples in a period that get a report of their own, with the days around it on which they have samples,
  too; those with the most samples in the period first, as many as the setting platform_tenant_reports says.
columns:
  tenant_id: Tenant; the platform itself is none.
  previous_day: Newest day with samples in the 62 days before the period; NULL without any.
  next_day: Oldest day with samples in the 62 days after the period; NULL without any.
*/
with
-- Samples of each tenant in the period and around it.
tenants as (
    select
        tenant_id,
        sum(case when day >= :start::date and day < :end::date then sample_count else 0 end) as sample_count,
        max(case when day < :start::date then day end) as previous_day,
        min(case when day >= :end::date then day end) as next_day
    from platform.tenant_overview_daily
    where day >= :start::date - 62 and day < :end::date + 62 and tenant_id <> ''
    group by 1
)
select tenant_id, previous_day, next_day
from tenants
where sample_count > 0
order by sample_count desc, tenant_id collate "C"
limit :platform_tenant_reports
