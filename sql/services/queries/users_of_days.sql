/*
description: The users for whom services did most on each day of a range; whoever asks gets pseudonyms.
parameters:
  service_id: Service; empty for all.
  is_first_page: Whether there is no page before; the parameters `after_…` are then ignored.
  after_day: "`day` of the last row of the page before."
  after_service_id: "`service_id` of that row."
  after_rank: "`rank` of that row."
columns:
  day: UTC calendar day of the events.
  service_id: Service.
  rank: Position in the service on the day, 1 for the most events, 20 at most.
  user_id: User.
  event_count: Service events of the user in this service.
  event_share_ratio: Share of the service's events that name a user.
  last_seen_at: When the last of them happened.
*/
select day, service_id, rank, user_id, event_count, event_share_ratio, last_seen_at
from services.top_users_daily
where day >= :start::date and day < :end::date and (:service_id = '' or service_id = :service_id)
  and (
    :is_first_page
    or day > :after_day::date
    or (day = :after_day::date and service_id collate "C" > :after_service_id)
    or (day = :after_day::date and service_id = :after_service_id and rank > :after_rank)
  )
order by day, service_id collate "C", rank
limit :limit
