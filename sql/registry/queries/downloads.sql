/*
description: Single downloads, the newest first.
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
  downloaded_at: When the download was asked for.
  event_id: Identifier of the event, unique within a UTC day.
  module_name: Module that was downloaded.
  version: Version of the module.
  organization_id: Organisation of the user; NULL when there is none.
  language: Language the client generates code for.
  success: Whether the download was completed.
  error_message: Why the download failed; only when it did.
  file_size: Size of what was sent, in bytes.
  duration_ms: How long the download took, in milliseconds; NULL when the source does not know it.
  cache_hit: Whether a cache answered; NULL when the source does not know it.
  client_sdk: Name of the client library.
  client_version: Version of the client library.
  revision: Of several records with one event_id on a day the one with the highest revision counts; NULL is the lowest.
*/
select
    downloaded_at, event_id, module_name, version, organization_id, language, success, error_message, file_size,
    duration_ms, cache_hit, client_sdk, client_version, revision
from registry.download_events
where downloaded_at >= :since and downloaded_at < :until
  and downloaded_at <= :after_at::timestamptz
  and (downloaded_at, event_id) < (:after_at::timestamptz, :after_id::uuid)
  and (:module = '' or module_name = :module)
  and (:version = '' or version = :version)
  and (:organization = '' or organization_id = :organization)
  and (:language = '' or language = :language)
  and (:success = '' or success::text = :success)
order by downloaded_at desc, event_id desc
limit :limit
