-- Which rules masked the messages. Both tables are derived: the first run makes them, so they may not be there yet. What is
-- in them was made by the first rules; a default fills it in without writing the rows anew, and then goes.

alter table if exists schedules.error_occurrences_daily add column rules_version bigint default 1;
alter table if exists schedules.error_occurrences_daily alter column rules_version drop default;
alter table if exists schedules.error_patterns_daily add column rules_version bigint default 1;
alter table if exists schedules.error_patterns_daily alter column rules_version drop default;
