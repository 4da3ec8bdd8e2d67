-- The tokens of the API. A token itself is nowhere: it is shown once, when it is made.

create table ops.api_tokens (
    token_id bigint generated always as identity primary key,
    sha256 text not null unique,
    name text not null,
    role text not null,
    tenant_id text,
    created_at timestamptz not null default clock_timestamp(),
    expires_at timestamptz not null,
    revoked_at timestamptz,
    constraint sha256_whole check (length(sha256) = 64),
    constraint name_not_empty check (name <> ''),
    constraint role_known check (role in ('viewer', 'editor', 'ingest', 'admin')),
    constraint tenant_id_not_empty check (tenant_id <> '')
);
comment on table ops.api_tokens is 'The bearer tokens of the API: who may do what, until when.';
comment on column ops.api_tokens.sha256 is 'SHA-256 of the token, as hexadecimal digits.';
comment on column ops.api_tokens.name is 'Whose token it is; the audit log names it.';
comment on column ops.api_tokens.role is 'viewer reads, editor also acknowledges and rates, ingest posts events, admin may do everything.';
comment on column ops.api_tokens.tenant_id is 'The only tenant whose rows it gives access to; NULL = the platform and all tenants.';
comment on column ops.api_tokens.expires_at is 'From then on it is refused.';
comment on column ops.api_tokens.revoked_at is 'Since when somebody refuses it; NULL = nobody does.';
