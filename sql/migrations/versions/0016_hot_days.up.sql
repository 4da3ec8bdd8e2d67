-- Hot days: PostgreSQL has the newest raw days, the lake has all of them, and fine-grained tables alone.

alter table ops.partitions add column in_postgres boolean not null default true;
comment on column ops.partitions.in_postgres is 'Whether PostgreSQL has the rows; if not, the lake alone has them.';

update ops.partitions as p set in_postgres = false
from ops.archives as a
where a.state = 'archived' and a.table_name = p.table_name and a.day = p.period_start;

create function ops.rows_are_in_the_lake(name text) returns setof record language plpgsql as $$
begin
    raise exception 'the rows of % are in the lake, not in PostgreSQL', name
        using hint = 'Ask by: analytics-etl sql -c "select ..."';
end
$$;
comment on function ops.rows_are_in_the_lake is 'Raises an error: the view that reads it has columns, but no rows in PostgreSQL.';
