-- Alerts: what became of them, and what people said. Rules are in sql/<family>/alerts.yaml, and in ops.alert_rules.

create table ops.alert_days (
    day date primary key,
    judged_at timestamptz not null default clock_timestamp()
);
comment on table ops.alert_days is 'The days of series that rules of alerts have judged, and when.';

create table ops.alert_states (
    day date not null,
    alert_key text not null,
    alert_state jsonb not null,
    primary key (day, alert_key)
);
comment on table ops.alert_states is 'What is known of each alert at the end of a judged day, unless nothing ever happened to it: the next day is judged from there on.';

create table ops.alert_transitions (
    alert_key text not null,
    happened_at timestamptz not null,
    position integer not null,
    family text not null,
    severity text not null,
    rule text not null,
    rule_version text not null,
    alert_labels jsonb not null,
    incident bigint not null,
    who text,
    state_before text not null,
    state_after text not null,
    value double precision,
    since timestamptz,
    metric text,
    sentence text,
    primary key (alert_key, happened_at, position)
);
create index alert_transitions_by_time on ops.alert_transitions (happened_at);
comment on table ops.alert_transitions is 'Every change of the state of an alert. When an older day changes, they are found again from that day on.';
comment on column ops.alert_transitions.position is 'Order of the changes of one moment.';
comment on column ops.alert_transitions.family is 'Of the series that the alert is about; empty if it is about several.';
comment on column ops.alert_transitions.incident is 'Number of the incident of this alert, from 1; 0 before the first.';
comment on column ops.alert_transitions.who is 'The person; NULL if the series did it.';
comment on column ops.alert_transitions.value is 'What was compared with the threshold.';
comment on column ops.alert_transitions.since is 'When the condition began to hold.';
comment on column ops.alert_transitions.metric is 'What is watched; NULL if it is several metrics, or if an earlier version judged the day.';
comment on column ops.alert_transitions.sentence is 'What is wrong, in plain words; NULL if an earlier version judged the day.';

create table ops.alert_commands (
    command_id bigint generated always as identity primary key,
    alert_key text not null,
    kind text not null,
    given_at timestamptz not null,
    who text not null,
    reason text,
    constraint kind_known check (kind in ('acknowledge', 'resolve'))
);
comment on table ops.alert_commands is 'What people did to alerts. It takes effect when the day it was said on is judged, and is shown at once.';

create table ops.alert_silences (
    silence_id bigint generated always as identity primary key,
    matchers jsonb not null,
    starts_at timestamptz not null,
    ends_at timestamptz not null,
    recurrence jsonb,
    who text not null,
    reason text
);
comment on table ops.alert_silences is 'Who is told nothing about which alerts, and when. They change no state of an alert.';

create table ops.alert_told (
    is_the_only boolean primary key default true,
    told jsonb not null,
    constraint there_is_one check (is_the_only)
);
comment on table ops.alert_told is 'Up to when transitions were told, and which open alerts were.';

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
