"""Who may ask: tokens, JWTs, roles, tenants, rates; and what every answer has, whoever asked."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from commands import call, variables
from conftest import Server, settings_in
from cryptography.hazmat.primitives.asymmetric import ec
from events import ask
from served import serving

from analytics_etl.api import connections
from analytics_etl.api.access import SECONDS_KNOWN
from analytics_etl.api.guard import LARGEST_BODY
from analytics_etl.config.settings import Settings
from analytics_etl.ops import api_tokens
from analytics_etl.postgres import migrations
from analytics_etl.postgres.database import Database

PATH = "/api/v2/analytics/overview"
ISSUER = "https://login.example.org"
KEY, OTHER_KEY = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
JWK = {**json.loads(jwt.algorithms.ECAlgorithm.to_jwk(KEY.public_key())), "kid": "k1", "alg": "ES256"}


@pytest.fixture
def guarded(server: Server, tmp_path: Any) -> Iterator[Settings]:
    url = server.clone()
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps({"keys": [JWK]}))
    yield replace(
        settings_in(tmp_path, url), api_jwt_keys=keys, api_jwt_issuer=ISSUER, api_requests_per_minute=5,
        allowed_hosts=("etl.example.org",),
    )  # fmt: skip
    server.drop(url)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def made(settings: Settings, role: api_tokens.Role, tenant: str | None = None, days: float = 1) -> str:
    expires_at = datetime.now(UTC) + timedelta(days=days)
    return Database(settings).run(api_tokens.create, "test", f"a {role}", role, expires_at, tenant)[1]


def signed(key: Any = KEY, algorithm: str = "ES256", kid: str = "k1", **changes: Any) -> str:
    claims = {"iss": ISSUER, "aud": "analytics-etl", "sub": "ann", "exp": time.time() + 60, "role": "viewer"}
    kept = {name: value for name, value in {**claims, **changes}.items() if value is not None}
    return jwt.encode(kept, key, algorithm, {"kid": kid})


def test_nobody_gets_in_who_should_not(guarded: Settings) -> None:
    tokens = {role: made(guarded, role) for role in api_tokens.ROLES}
    refused = {
        "no token": ({}, 401),
        "another scheme": ({"Authorization": "Basic YTpi"}, 401),
        "unknown": (bearer(api_tokens.PREFIX + "x" * 43), 401),
        "cut": (bearer(tokens["viewer"][:-1]), 401),
        "expired": (bearer(made(guarded, "viewer", days=-0.01)), 401),
        "of a tenant": (bearer(made(guarded, "viewer", "acme")), 403),
        "of another role": (bearer(tokens["ingest"]), 403),
        "JWT without signature": (bearer(signed(None, "none")), 401),
        "JWT by the public key as a secret": (bearer(signed(json.dumps(JWK) * 2, "HS256")), 401),
        "JWT of another key": (bearer(signed(OTHER_KEY)), 401),
        "JWT of an unknown key": (bearer(signed(kid="k2")), 401),
        "JWT tampered": (bearer(signed()[:-4] + "AAAA"), 401),
        "JWT expired": (bearer(signed(exp=time.time() - 60)), 401),
        "JWT for ever": (bearer(signed(exp=None)), 401),
        "JWT of another issuer": (bearer(signed(iss="https://example.com")), 401),
        "JWT for another audience": (bearer(signed(aud="other")), 401),
        "JWT without a role": (bearer(signed(role=None)), 403),
        "JWT with a wrong role": (bearer(signed(role=["admin"])), 403),
        "JWT of a tenant": (bearer(signed(tenant="acme")), 403),
    }
    with serving(guarded) as client:
        for what, (headers, status) in refused.items():
            answer = client.get(PATH, headers=headers)
            assert (answer.status_code, set(answer.json())) == (status, {"type", "title", "status", "detail"}), what
            assert ("www-authenticate" in answer.headers) == (status == 401), what
        for role in ("viewer", "editor", "admin"):
            assert client.get(PATH, headers=bearer(tokens[role])).status_code == 200
        assert client.get(PATH, headers=bearer(signed())).status_code == 200
        assert client.get("/healthz").status_code == 200
        viewer = api_tokens.digest_of(tokens["viewer"])
        number = next(t.token_id for d, t in Database(guarded).run(api_tokens.usable).items() if d == viewer)
        assert Database(guarded).run(api_tokens.revoke, "test", number)
        time.sleep(SECONDS_KNOWN)
        assert client.get(PATH, headers=bearer(tokens["viewer"])).status_code == 401
    stored = json.dumps(ask(guarded.database_url, "select * from ops.api_tokens, ops.audit"), default=str)
    assert not [token for token in tokens.values() if token in stored]


def test_a_token_may_ask_so_often(guarded: Settings) -> None:
    one, other = made(guarded, "viewer"), made(guarded, "viewer")
    with serving(guarded) as client:
        left = [client.get(PATH, headers=bearer(one)).headers["ratelimit-remaining"] for _ in range(5)]
        refused = client.get(PATH, headers=bearer(one))
        assert (left, refused.status_code) == (["4", "3", "2", "1", "0"], 429)
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        assert client.get(PATH, headers=bearer(other)).status_code == 200


def test_every_answer_is_guarded(guarded: Settings) -> None:
    with serving(guarded) as client:
        for path in ("/docs", "/static/api.css", "/healthz", PATH, "/nothing"):
            headers = client.get(path).headers
            assert "'unsafe" not in headers["content-security-policy"]
            assert headers["x-content-type-options"] == "nosniff"
        page = client.get("/docs").text
        assert "<script" not in page
        assert "//" not in page.replace("http://127.0.0.1", "")
        assert client.get("/static/../app.py").status_code == 404
        assert client.get("/static/%2e%2e/app.py").status_code == 404
        assert client.get("/healthz", headers={"Host": "evil.example.com"}).status_code == 400
        assert client.get("/healthz", headers={"Host": "etl.example.org"}).status_code == 200
        large = client.post("/healthz", content=b"x" * (LARGEST_BODY + 1))
        assert (large.status_code, large.headers["content-type"]) == (413, "application/problem+json")
        foreign = client.post("/healthz", headers={"Sec-Fetch-Site": "cross-site"})
        assert foreign.status_code == 403
        assert "access-control-allow-origin" not in client.get(PATH, headers={"Origin": "https://a.example"}).headers
    with serving(replace(guarded, api_cors_origins=("https://a.example",))) as client:
        allowed = client.get("/healthz", headers={"Origin": "https://a.example"}).headers
        assert allowed["access-control-allow-origin"] == "https://a.example"


def test_a_defect_is_answered_as_guarded_as_all_else(guarded: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> str:
        raise RuntimeError("secret")

    monkeypatch.setattr(migrations, "head", broken)
    with serving(guarded) as client:
        answer = client.get("/readyz")
        fine = client.get("/healthz")
    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
    assert "secret" not in answer.text
    names = ("content-security-policy", "x-content-type-options", "x-frame-options", "referrer-policy")
    assert [answer.headers[name] for name in names] == [fine.headers[name] for name in names]


def test_without_tokens_it_is_open_on_this_machine_only(settings: Settings) -> None:
    with serving(settings) as client:
        assert client.get(PATH).status_code == 200
        environment = variables(settings)
        refused = call("serve --host 0.0.0.0", environment)
        assert (refused.exit_code, "there is no token yet" in refused.output) == (2, True)
        made_now = call("token create grafana --role viewer --expires 1", environment)
        token = made_now.output.split("\n")[0]
        assert token.startswith(api_tokens.PREFIX)
        time.sleep(SECONDS_KNOWN)
        assert client.get(PATH).status_code == 401
        assert client.get(PATH, headers=bearer(token)).status_code == 200
        assert "grafana" in call("token list", environment).output
        assert call("token revoke 1", environment).exit_code == 0
        assert call("token revoke 1", environment).exit_code == 1
    with serving(settings, is_local=False) as client:
        assert client.get(PATH).status_code == 401
    [*audited] = ask(settings.database_url, "select action, subject from ops.audit order by audit_id")
    assert audited == [
        {"action": "create token", "subject": "1 grafana: viewer, all tenants"},
        {"action": "revoke token", "subject": "1 grafana"},
    ]


def test_clients_that_say_nothing_leave_room_for_others(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some never ask, some begin to, some asked before: all are disconnected, and no more are let in than may be."""
    monkeypatch.setattr(connections, "MOST_CONNECTIONS", 30)
    monkeypatch.setattr(connections, "MOST_SOCKETS", 40)
    monkeypatch.setattr(connections, "SECONDS_TO_ASK", 1.0)
    begun = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    with serving(settings) as client, ExitStack() as open_ones:
        host, port = client.base_url.host, client.base_url.port
        assert port is not None
        silent = [open_ones.enter_context(socket.create_connection((host, port), timeout=10)) for _ in range(60)]
        for number, one in enumerate(silent[:20]):
            one.sendall(begun if number % 2 else begun + b"\r\n" + begun)
        ends = [_all_of(one) for one in silent]
        assert sum(b"200 OK" in end or b"503 " in end for end in ends) == 10
        assert [end for end in ends[20:] if end] == []
        assert client.get("/healthz").status_code == 200


def _all_of(connection: socket.socket) -> bytes:
    """What a server said until it ended the connection."""
    said = b""
    try:
        while part := connection.recv(65_536):
            said += part
    except ConnectionError:  # it ended it at once
        pass
    return said
