/*
description: Single operations on schemas, the newest first.
parameters:
  since: Start of the range, a moment that is included.
  until: End of the range, a moment that is not included.
  after_at: Time of the last row of the page before; infinity for the first page.
  after_id: Id of the last row of the page before; the highest id for the first page.
  schema_id: Schema; empty for all.
  operation: Operation; empty for all of them.
  service: Service; empty for all.
  region: Region; empty for all.
  success: true or false; empty for both.
columns:
  occurred_at: When the operation began.
  event_id: Identifier of the event, unique within a UTC day.
  schema_id: Schema; the nil UUID, which stands for all schemas in aggregates, is refused.
  schema_name: What the schema is called, where the source knows it; schemas are told apart by their id alone.
  operation: read, write, validate, compatibility_check, register, list or delete.
  service: Service that asked.
  region: Region the service runs in.
  latency_ms: How long the answer took, in whole milliseconds, so that sums are exact.
  success: Whether it succeeded.
  error_message: Why it failed; only when it did.
  revision: Of several records with one event_id on a day the one with the highest revision counts; NULL is the lowest.
*/
select
    occurred_at, event_id, schema_id, schema_name, operation, service, region, latency_ms, success, error_message,
    revision
from usage.schema_usage_events
where occurred_at >= :since and occurred_at < :until
  and occurred_at <= :after_at::timestamptz
  and (occurred_at, event_id) < (:after_at::timestamptz, :after_id::uuid)
  and (:schema_id = '' or schema_id::text = :schema_id)
  and (:operation = '' or operation = :operation)
  and (:service = '' or service = :service)
  and (:region = '' or region = :region)
  and (:success = '' or success::text = :success)
order by occurred_at desc, event_id desc
limit :limit
