/*
description: Single views of pages, the newest first.
parameters:
  since: Start of the range, a moment that is included.
  until: End of the range, a moment that is not included.
  after_at: Time of the last row of the page before; infinity for the first page.
  after_id: Id of the last row of the page before; the highest id for the first page.
  module: Module; empty for all.
  version: Version; empty for all.
  organization: Organisation; empty for all.
columns:
  viewed_at: When the page was viewed.
  event_id: Identifier of the event, unique within a UTC day.
  module_name: Module that was viewed; NULL for list and search pages.
  version: Version that was viewed; NULL when the page is not about one.
  organization_id: Organisation of the user; NULL when there is none.
  source: "Where the page was viewed: web, api or cli."
  page_type: "Kind of page: list, detail or search."
  referrer: Page the view came from.
  revision: Of several records with one event_id on a day the one with the highest revision counts; NULL is the lowest.
*/
select viewed_at, event_id, module_name, version, organization_id, source, page_type, referrer, revision
from registry.module_view_events
where viewed_at >= :since and viewed_at < :until
  and viewed_at <= :after_at::timestamptz
  and (viewed_at, event_id) < (:after_at::timestamptz, :after_id::uuid)
  and (:module = '' or module_name = :module)
  and (:version = '' or version = :version)
  and (:organization = '' or organization_id = :organization)
order by viewed_at desc, event_id desc
limit :limit
