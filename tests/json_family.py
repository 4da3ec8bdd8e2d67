"""A family with a column of JSON: its event table, and a table of its rows by label."""

from pathlib import Path

from analytics_etl.catalog.catalog import Catalog

EVENTS = "shop.sample_events"
BY_LABELS = "shop.samples_by_labels_daily"

DDL = """\
create table shop.sample_events (
    event_id uuid not null,
    taken_at timestamptz not null,
    labels jsonb not null,
    extra jsonb,
    constraint labels_are_texts check (ops.is_text_map(labels)),
    constraint labels_not_too_long check (ops.json_bytes(labels) <= 60)
) partition by range (taken_at);

comment on table shop.sample_events is 'One sample.';
comment on column shop.sample_events.event_id is 'Identifier.';
comment on column shop.sample_events.taken_at is 'When it was taken.';
comment on column shop.sample_events.labels is 'Labels.';
comment on column shop.sample_events.extra is 'Anything else.';
"""

SELECT = """\
/*
description: Samples of a day by their labels.
key: [day, labels]
columns:
  day: UTC day.
  labels: Labels that the samples share.
  service_id: Service that the labels name.
  sample_count: Samples with these labels.
*/
select
    (taken_at at time zone 'UTC')::date as day,
    labels,
    labels ->> 'service_id' as service_id,
    count(*) as sample_count
from shop.sample_events
where taken_at >= :start and taken_at < :end and coalesce(labels ->> 'service_id', '') <> 'nobody'
group by 1, 2, 3
"""


def catalog_in(folder: Path) -> Catalog:
    """A catalogue of the family alone."""
    for kind, table, text in (("events", EVENTS, DDL), ("aggregates", BY_LABELS, SELECT)):
        path = folder / "shop" / kind / f"{table.split('.')[1]}.sql"
        path.parent.mkdir(parents=True)
        path.write_text(text)
    return Catalog(sql_dir=folder)
