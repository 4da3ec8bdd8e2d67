create table services.user_behavior_events (
    event_id uuid not null,
    occurred_at timestamptz not null,
    user_id text not null,
    action text not null,
    content_id text,
    client_ip text,
    user_agent text,
    session_id text,
    duration_ms bigint,
    success boolean not null,
    error_message text,
    constraint user_id_not_empty check (user_id <> ''),
    constraint action_not_empty check (action <> ''),
    constraint content_id_not_empty check (content_id <> ''),
    constraint session_id_not_empty check (session_id <> ''),
    constraint duration_ms_not_negative check (duration_ms >= 0),
    constraint error_only_on_failure check (error_message is null or not success),
    constraint duration_ms_not_too_large check (duration_ms <= 86400000),
    constraint user_id_not_too_long check (length(user_id) <= 200),
    constraint action_not_too_long check (length(action) <= 100),
    constraint content_id_not_too_long check (length(content_id) <= 256),
    constraint client_ip_not_too_long check (length(client_ip) <= 1000),
    constraint user_agent_not_too_long check (length(user_agent) <= 1000000),
    constraint session_id_not_too_long check (length(session_id) <= 200),
    constraint error_message_not_too_long check (length(error_message) <= 1000000)
) partition by range (occurred_at);

comment on table services.user_behavior_events is 'One action of a user of the streaming services.';
comment on column services.user_behavior_events.event_id is 'Identifier of the event, unique within a UTC day.';
comment on column services.user_behavior_events.occurred_at is 'When the action began. The partition column.';
comment on column services.user_behavior_events.user_id is 'User who acted.';
comment on column services.user_behavior_events.action is 'What the user did, such as login, view, play or complete.';
comment on column services.user_behavior_events.content_id is 'What it was done with; NULL when the action is about no content.';
comment on column services.user_behavior_events.client_ip is 'Address of the client. Personal data.';
comment on column services.user_behavior_events.user_agent is 'User agent of the client. Personal data.';
comment on column services.user_behavior_events.session_id is 'Session of the user that the action belongs to; NULL when it belongs to none.';
comment on column services.user_behavior_events.duration_ms is 'How long the action took, in whole milliseconds; NULL when the source does not know it.';
comment on column services.user_behavior_events.success is 'Whether it succeeded.';
comment on column services.user_behavior_events.error_message is 'Why it failed; only when it did.';
