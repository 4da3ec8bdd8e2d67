-- Who did what, when and why.

create table ops.audit (
    audit_id bigint generated always as identity primary key,
    happened_at timestamptz not null default clock_timestamp(),
    actor text not null,
    action text not null,
    subject text not null,
    reason text
);
comment on table ops.audit is 'Every action of a person that changes data: backfills and the like.';
