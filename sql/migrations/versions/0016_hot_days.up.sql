-- Hot days: PostgreSQL has the newest raw days, the lake has all of them, and fine-grained tables alone.

alter table ops.partitions add column in_postgres boolean not null default true;
comment on column ops.partitions.in_postgres is 'Whether PostgreSQL has the rows; if not, the lake alone has them.';

update ops.partitions as p set in_postgres = false
from ops.archives as a
where a.state = 'archived' and a.table_name = p.table_name and a.day = p.period_start;
