/*
description: >-
  Test executions of a GitLab CI, one row per execution of a test in a build (the data of coleman4hcs): a test stands in
  for a schema that is validated.
columns:
  event_id: Hash of the whole row and its line; Id is unique within one file only.
  occurred_at: LastRun, when the build ran, written without a zone and read as UTC.
  schema_id: Derived from the name of the test, so that a test is the same schema in every file.
  operation: A test checks something, so all are validations.
  service: The project's runners, which the data does not tell apart.
  region: Not in the data.
  latency_ms: >-
    Duration, from seconds in steps of 10 milliseconds; what is no number is left as it is, for the contract to reject.
  success: Verdict is 1 for a failed test.
  schema_name: The name of the test, which is a number.
*/
select
    md5(concat_ws('|', Id, Name, BuildId, Duration, CalcPrio, LastRun, Verdict, Cycle, LastResults, _line))
        ::uuid as event_id,
    replace(LastRun, ' ', 'T') || 'Z' as occurred_at,
    md5('gitlab_ci/' || Name)::uuid as schema_id,
    'validate' as operation,
    'gitlab-runner' as service,
    'unknown' as region,
    coalesce(try(round(Duration::decimal(18, 6) * 1000)::bigint)::varchar, Duration) as latency_ms,
    case Verdict when '0' then true when '1' then false end as success,
    'test ' || Name as schema_name
from source
