-- Takes the version of the rules away, which follows from the SELECT.

alter table if exists schedules.error_occurrences_daily drop column if exists rules_version;
alter table if exists schedules.error_patterns_daily drop column if exists rules_version;
