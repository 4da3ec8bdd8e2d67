-- Notifications: failures of checks, the messages about them, and the delivery of each message to each receiver.

create table ops.check_failures (
    failure_id bigint generated always as identity primary key,
    table_name text not null,
    check_name text not null,
    period_start date not null,
    period_end date not null,
    severity text not null,
    description text not null,
    unexpected_count bigint not null,
    sample jsonb not null,
    findings text not null,
    run_id text not null,
    failed_at timestamptz not null default clock_timestamp(),
    passed_at timestamptz,
    handled_at timestamptz,
    dedup_key text
);
create index check_failures_to_handle on ops.check_failures (run_id) where handled_at is null;
create index check_failures_of_partition on ops.check_failures (table_name, check_name, period_start);
comment on table ops.check_failures is 'Every failure of a check in a run, written with its result: ops.check_results keeps the latest one only, which may pass before anybody looked.';
comment on column ops.check_failures.findings is 'Fingerprint of what was found: the same again is not told again until the check has passed in between.';
comment on column ops.check_failures.passed_at is 'When the check next passed in this partition.';
comment on column ops.check_failures.handled_at is 'When it was decided whether to tell; NULL until the run has ended.';
comment on column ops.check_failures.dedup_key is 'The notification that tells it; NULL when nobody is told: a backfill, or told before.';

create table ops.notifications (
    notification_id bigint generated always as identity primary key,
    dedup_key text not null unique,
    kind text not null,
    subject text not null,
    body text not null,
    details jsonb not null,
    owners text[] not null,
    created_at timestamptz not null default clock_timestamp()
);
comment on table ops.notifications is 'Messages to the owners of assets, one for each thing that went wrong.';
comment on column ops.notifications.dedup_key is 'What the message is about; also makes the e-mail''s Message-ID and the webhook''s Idempotency-Key.';
comment on column ops.notifications.details is 'Severity and the single findings, for the webhook.';

create table ops.deliveries (
    notification_id bigint not null,
    receiver text not null,
    state text not null default 'waiting',
    attempts integer not null default 0,
    next_attempt_at timestamptz not null,
    sent_at timestamptz,
    last_error text,
    primary key (notification_id, receiver),
    constraint state_known check (state in ('waiting', 'sent', 'failed'))
);
create index deliveries_waiting on ops.deliveries (receiver, next_attempt_at) where state = 'waiting';
comment on table ops.deliveries is 'Each notification to each receiver: written with the notification, marked as sent when the receiver has accepted it.';
comment on column ops.deliveries.receiver is 'log, webhook, or email: and the address.';
comment on column ops.deliveries.state is 'waiting; sent; failed = given up after the last attempt.';

create table ops.collections (
    source text primary key,
    reached_at timestamptz not null
);
comment on table ops.collections is 'How far a source of failures has been looked through.';
