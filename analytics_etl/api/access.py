"""Who asks, and what he may do: tokens of the books, JWTs of an issuer, or nobody, on this machine alone."""

import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import anyio
import jwt
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from analytics_etl.api.problems import Problem
from analytics_etl.config.settings import Settings
from analytics_etl.ops import api_tokens
from analytics_etl.ops.api_tokens import PREFIX, ROLES, Role, Token
from analytics_etl.postgres.database import Database

ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA")
"""Of JWTs: with public keys only. A key that also verifies HS256 would let whoever knows it make tokens."""
SECONDS_KNOWN = 1.0
"""Time after which the tokens are read again: so long may a revoked one still be used."""
LONGEST_TOKEN = 8_000
COOKIE = "analytics_token"
"""In which a browser keeps its token for the dashboard."""

RIGHTS: Mapping[Role, frozenset[str]] = {
    "viewer": frozenset({"read"}),
    "editor": frozenset({"read", "edit"}),
    "ingest": frozenset({"post"}),
    "admin": frozenset({"read", "edit", "post", "administer"}),
}
"""What each role may do."""


@dataclass(frozen=True)
class Identity:
    """Who asks."""

    name: str
    role: Role
    tenant_id: str | None = None
    key: str = ""
    """What requests are counted by, and made unique by; empty for somebody on this machine, who is not counted."""

    def may(self, right: str) -> bool:
        return right in RIGHTS[self.role]


SOMEBODY_HERE = Identity("somebody on this machine", "admin")
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="analytics-etl"'}
_REFUSED = {"WWW-Authenticate": 'Bearer realm="analytics-etl", error="invalid_token"'}


class Access:
    """Tells who asks. `is_local`: the server can be reached from this machine only, so that tokens may be missing."""

    def __init__(self, settings: Settings, *, is_local: bool) -> None:
        self._database = Database(settings)
        self._settings = settings
        self._is_local = is_local
        self._keys = _keys(settings)
        self.limiter = anyio.CapacityLimiter(1)
        """One thread reads them for all."""
        self._lock = threading.Lock()
        self._known: Mapping[str, Token] = {}
        self._has_tokens = False
        self._read_at = float("-inf")
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        rate = settings.api_requests_per_minute
        self._limit = None if rate is None else RateLimitItemPerMinute(rate)

    def is_fresh(self, seconds: float = SECONDS_KNOWN) -> bool:
        """Whether the tokens need not be read again, so that `identify` asks nothing of the database."""
        return time.monotonic() - self._read_at < seconds

    def is_open(self) -> bool:
        """Whether no token is needed: none was ever made, no JWT is accepted, and only this machine gets here."""
        return self._is_local and not self.has_any()

    def has_any(self) -> bool:
        """Whether there is any token to ask with."""
        self._refresh()
        return bool(self._keys) or self._has_tokens

    def identify(self, authorization: str | None) -> Identity:
        """Who sent a header Authorization; raise Problem for nobody who may ask."""
        if authorization is None:
            if self.is_open():
                return SOMEBODY_HERE
            raise Problem(401, "a token is needed: Authorization: Bearer …", _CHALLENGE)
        scheme, _, token = authorization.partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token or len(token) > LONGEST_TOKEN:
            raise Problem(401, "expected the header Authorization: Bearer …", _CHALLENGE)
        if token.startswith(PREFIX):
            self._refresh()
            return self._of_token(token)
        return self._of_jwt(token)

    def check_rate(self, identity: Identity) -> dict[str, str]:
        """The RateLimit headers of an answer; raise Problem for too many requests."""
        if self._limit is None or not identity.key:
            return {}
        is_allowed = self._limiter.hit(self._limit, identity.key)
        reset_at, remaining = self._limiter.get_window_stats(self._limit, identity.key)
        seconds = max(1, round(reset_at - time.time()))
        headers = {
            "RateLimit-Limit": str(self._limit.amount),
            "RateLimit-Remaining": str(remaining),
            "RateLimit-Reset": str(seconds),
        }
        if not is_allowed:
            limit = f"a token may ask {self._limit.amount:,} times a minute"
            raise Problem(429, f"{limit}; try again in {seconds} seconds", {**headers, "Retry-After": str(seconds)})
        return headers

    def _of_token(self, token: str) -> Identity:
        found = self._known.get(api_tokens.digest_of(token))
        if found is None or found.expires_at.timestamp() <= time.time():
            raise Problem(401, "the token is unknown, expired or revoked", _REFUSED)
        return Identity(found.name, found.role, found.tenant_id, f"token {found.token_id}")

    def _of_jwt(self, token: str) -> Identity:
        """Who a JWT names; its key is one of those configured, whatever its header says beside the key's id."""
        try:
            header = jwt.get_unverified_header(token)
            key = self._keys[header["kid"]]
            if header["alg"] not in ALGORITHMS or header["alg"] != key.algorithm_name:
                raise jwt.InvalidAlgorithmError("another algorithm than its key's")
            claims = jwt.decode(
                token, key, algorithms=[key.algorithm_name], audience=self._settings.api_jwt_audience,
                issuer=self._settings.api_jwt_issuer, options={"require": ["exp", "iss", "aud", "sub"]},
            )  # fmt: skip
        except (jwt.PyJWTError, KeyError, TypeError, ValueError):  # says nothing about what was wrong
            raise Problem(401, "the token is unknown, expired or revoked", _REFUSED) from None
        role, tenant = claims.get("role"), claims.get("tenant")
        if role not in ROLES or not (tenant is None or (isinstance(tenant, str) and tenant)):
            raise Problem(403, f"the token's claim role must be one of {', '.join(ROLES)}, and tenant a text")
        return Identity(claims["sub"], role, tenant, f"{claims['iss']} {claims['sub']}")

    def _refresh(self) -> None:
        with self._lock:
            if self.is_fresh():
                return
            with self._database.transaction() as connection:
                self._known = api_tokens.usable(connection)
                self._has_tokens = bool(self._known) or api_tokens.is_any(connection)
            self._read_at = time.monotonic()


def _keys(settings: Settings) -> dict[str, Any]:
    """{id: public key} of the JWKS file; keys that are secret, or for other algorithms, are refused."""
    if settings.api_jwt_keys is None:
        return {}
    path = settings.api_jwt_keys
    try:
        found = jwt.PyJWKSet.from_dict(json.loads(path.read_text(encoding="utf-8"))).keys
    except (OSError, ValueError, jwt.PyJWTError) as error:
        raise ValueError(f"{path}: expected a JWKS file with public keys: {error}") from None
    for key in found:
        if key.key_id is None or key.algorithm_name not in ALGORITHMS or hasattr(key.key, "private_bytes"):
            raise ValueError(f"{path}: expected public keys with a kid, for {', '.join(ALGORITHMS)} only")
    return {key.key_id: key for key in found if key.key_id is not None}
