/*
description: The 20 sets of labels with the most samples in the period, over all metrics that have them, beside the period before.
columns:
  rank: Position, 1 for the most samples; ties in the order of the labels.
  labels: Labels, such as a service and its region; an empty object for samples without any.
  sample_count: Samples in the period.
  previous_sample_count: Samples in the period before.
  metric_count: Metrics with these labels in the period.
  tenant_count: Tenants with such samples in the period.
*/
with
-- Both periods.
sets as (
    select
        labels,
        sum(case when day >= :start::date then sample_count else 0 end)::bigint as sample_count,
        sum(case when day < :start::date then sample_count else 0 end)::bigint as previous_sample_count,
        count(distinct case when day >= :start::date then name end) as metric_count,
        count(distinct case when day >= :start::date and tenant_id <> '' then tenant_id end) as tenant_count
    from platform.metric_1d
    where (day >= :previous_start::date and day < :previous_end::date or day >= :start::date and day < :end::date)
    group by 1
),
-- The position among all with samples in the period; labels, as PostgreSQL writes them, only part equals.
ranked as (
    select
        row_number() over (order by sample_count desc, concat(labels, '') collate "C") as rank,
        labels, sample_count, previous_sample_count, metric_count, tenant_count
    from sets
    where sample_count > 0
)
select rank, labels, sample_count, previous_sample_count, metric_count, tenant_count
from ranked
where rank <= 20
order by rank
