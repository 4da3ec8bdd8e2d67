/*
description: The health of each module, as of the end of the day.
unit: score
entity: module
bad: down
*/
select day, module_name as entity, overall_score as value, coverage_ratio as weight
from registry.module_health_daily
where day >= :start::date and day < :end::date
