/*
description: Pods of a production cluster with GPUs, one row per pod (alibaba/clusterdata, cluster-trace-gpu-v2023).
columns:
  event_id: Hash of the whole row and its line.
  recorded_at: >-
    When the pod was created; the trace counts seconds from a moment it does not name, taken to be 2023-01-01. Here and
    below, what is no number of seconds is left as it is, for the contract to reject.
  schedule_id: The pod's class of service, the only thing that pods have in common over time.
  schedule_type: A pod passes none of the three tiers.
  result: A pod that is still running was started well; one that was never scheduled was skipped.
  queue_time_ms: From creation to scheduling; NULL for a pod that was never scheduled, which is not 0.
  processing_time_ms: From scheduling to deletion.
*/
select
    md5(concat_ws('|', name, cpu_milli, memory_mib, num_gpu, gpu_milli, gpu_spec, qos, pod_phase, creation_time,
        deletion_time, scheduled_time, _line))::uuid as event_id,
    coalesce(try(timestamp '2023-01-01 00:00:00' + to_seconds(creation_time::double))::varchar || 'Z', creation_time) as recorded_at,
    qos as schedule_id,
    name as execution_id,
    'other' as schedule_type,
    'pod' as event_type,
    case pod_phase when 'Failed' then 'ERROR' when 'Pending' then 'WARNING' else 'INFO' end as level,
    case pod_phase when 'Failed' then 'failure' when 'Pending' then 'skipped' else 'success' end as result,
    0 as retry_count,
    coalesce(try(timestamp '2023-01-01 00:00:00' + to_seconds(creation_time::double))::varchar || 'Z', creation_time) as queued_at,
    coalesce(try(timestamp '2023-01-01 00:00:00' + to_seconds(scheduled_time::double))::varchar || 'Z', scheduled_time) as started_at,
    coalesce(try(timestamp '2023-01-01 00:00:00' + to_seconds(deletion_time::double))::varchar || 'Z', deletion_time) as finished_at,
    try(round((scheduled_time::double - creation_time::double) * 1000)::bigint) as queue_time_ms,
    try(round((deletion_time::double - scheduled_time::double) * 1000)::bigint) as processing_time_ms
from source
