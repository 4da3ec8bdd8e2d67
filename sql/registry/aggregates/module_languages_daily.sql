/*
description: Which languages each module was compiled into per UTC day.
key: [day, module_name, language]
columns:
  day: UTC calendar day the compilations started in.
  module_name: Module.
  language: Target language.
  compilation_count: Compilations started.
  compilation_success_count: Compilations that succeeded.
checks:
  - expect_column_values_to_be_between: {column: compilation_count, min_value: 1}
  - expect_column_pair_values_a_to_be_greater_than_b: {column_A: compilation_count, column_B: compilation_success_count, or_equal: true}
*/
select
    (started_at at time zone 'UTC')::date as day,
    module_name,
    language,
    count(*) as compilation_count,
    count(*) filter (where success) as compilation_success_count
from registry.compilation_events
where started_at >= :start and started_at < :end
group by 1, 2, 3
