/*
description: Each version can be read, and compared with the one before.
checks:
  - unexpected_rows_expectation: {severity: warning}
*/
select day, module_name, version, coalesce(fault, obstacle) as reason
from registry.module_catalog_daily
where day >= :start::date and day < :end::date and (fault is not null or obstacle is not null)
