/*
description: Single compilations, the newest first.
parameters:
  since: Start of the range, a moment that is included.
  until: End of the range, a moment that is not included.
  after_at: Time of the last row of the page before; infinity for the first page.
  after_id: Id of the last row of the page before; the highest id for the first page.
  module: Module; empty for all.
  version: Version; empty for all.
  organization: Organisation; empty for all.
  language: Language; empty for all.
  success: true or false; empty for both.
columns:
  started_at: When the compilation started.
  event_id: Identifier of the event, unique within a UTC day.
  module_name: Module that was compiled.
  version: Version of the module.
  organization_id: Organisation of the user; NULL when there is none.
  language: Target language.
  success: Whether it succeeded.
  error_type: Kind of failure; only when it failed.
  error_message: Why it failed; only when it did.
  completed_at: When it ended; NULL when that was never reported.
  duration_ms: How long it took, in milliseconds; NULL when unknown.
  cache_hit: Whether a cache answered; NULL when the source does not know it.
  file_count: Source files compiled.
  output_size: Size of the output, in bytes.
  compiler_version: Version of the compiler.
  revision: Of several records with one event_id on a day the one with the highest revision counts; NULL is the lowest.
*/
select
    started_at, event_id, module_name, version, organization_id, language, success, error_type, error_message,
    completed_at, duration_ms, cache_hit, file_count, output_size, compiler_version, revision
from registry.compilation_events
where started_at >= :since and started_at < :until
  and started_at <= :after_at::timestamptz
  and (started_at, event_id) < (:after_at::timestamptz, :after_id::uuid)
  and (:module = '' or module_name = :module)
  and (:version = '' or version = :version)
  and (:organization = '' or organization_id = :organization)
  and (:language = '' or language = :language)
  and (:success = '' or success::text = :success)
order by started_at desc, event_id desc
limit :limit
