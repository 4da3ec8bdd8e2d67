"""The tokens of the API in the books: making, listing and revoking them. Not here: who may do what with one."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, get_args

from analytics_etl.ops.records import record_audit
from analytics_etl.postgres.connection import Connection, rows

Role = Literal["viewer", "editor", "ingest", "admin"]
ROLES: tuple[Role, ...] = get_args(Role)

PREFIX = "aetl_"
"""A token begins with it, so that scanners for secrets can find one that leaked."""


@dataclass(frozen=True)
class Token:
    """What the books know of a token that is neither revoked nor expired."""

    token_id: int
    name: str
    role: Role
    tenant_id: str | None
    expires_at: datetime


def digest_of(token: str) -> str:
    """What is stored of a token. It is random and long, so that a plain hash cannot be turned round."""
    return hashlib.sha256(token.encode()).hexdigest()


def create(
    connection: Connection, actor: str, name: str, role: Role, expires_at: datetime, tenant_id: str | None = None
) -> tuple[int, str]:
    """Make a token; returns its number and the token, which is nowhere else."""
    token = PREFIX + secrets.token_urlsafe(32)
    found = connection.execute(
        "insert into ops.api_tokens (sha256, name, role, tenant_id, expires_at) values (%s, %s, %s, %s, %s) "
        "returning token_id",
        [digest_of(token), name, role, tenant_id, expires_at],
    ).fetchone()
    assert found is not None
    record_audit(connection, actor, "create token", f"{found[0]} {name}: {role}, {tenant_id or 'all tenants'}")
    return found[0], token


def revoke(connection: Connection, actor: str, token_id: int) -> bool:
    """Revoke a token; returns whether there was one to revoke."""
    found = connection.execute(
        "update ops.api_tokens set revoked_at = clock_timestamp() where token_id = %s and revoked_at is null "
        "returning name",
        [token_id],
    ).fetchone()
    if found is None:
        return False
    record_audit(connection, actor, "revoke token", f"{token_id} {found[0]}")
    return True


def listed(connection: Connection) -> list[dict[str, Any]]:
    """All tokens, the newest first, without what could be used as one."""
    return rows(
        connection,
        "select token_id, name, role, tenant_id, created_at, expires_at, revoked_at, "
        "case when revoked_at is not null then 'revoked' when expires_at <= clock_timestamp() then 'expired' "
        "else 'valid' end as state from ops.api_tokens order by token_id desc",
    )


def usable(connection: Connection) -> dict[str, Token]:
    """{SHA-256: token} of the tokens that are neither revoked nor expired."""
    found = connection.execute(
        "select sha256, token_id, name, role, tenant_id, expires_at from ops.api_tokens "
        "where revoked_at is null and expires_at > clock_timestamp()"
    ).fetchall()
    return {sha256: Token(*values) for sha256, *values in found}


def is_any(connection: Connection) -> bool:
    """Whether any token was ever made: then the API is no longer open to whoever reaches it."""
    found = connection.execute("select exists (select from ops.api_tokens)").fetchone()
    return found is not None and bool(found[0])
