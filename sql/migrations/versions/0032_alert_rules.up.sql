-- Rules of alerts that people give the API.

create table ops.alert_rules (
    rule_number bigint generated always as identity primary key,
    name text not null,
    definition jsonb,
    who text not null,
    created_at timestamptz not null default clock_timestamp()
);
create index alert_rules_by_name on ops.alert_rules (name, rule_number);
comment on table ops.alert_rules is 'The rules of alerts that people gave the API, with each version of them; the newest of a name counts.';
comment on column ops.alert_rules.definition is 'As sql/<family>/alerts.yaml would have it; NULL = it was taken away.';
