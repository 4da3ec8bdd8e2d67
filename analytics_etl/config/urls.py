"""Checking the URLs of the settings, and finding the secrets in them. Knows no database and no network.

An error names the wrong part but never quotes the URL: in a malformed URL, the password may be in any part.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import parse_qs, quote, unquote, urlsplit

SHORTEST_TOKEN = 8
"""Characters. Shorter parts of a URL are no tokens but words like `hook`, which may occur in any text."""

_LARGEST_PORT = 65_535
_PLAIN = re.compile(r"[!-~]+")
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})|%00")
_SPARK_MASTER = re.compile(
    r"local(\[(\*|[1-9][0-9]{0,3})\])?|spark://[\w.-]+:[0-9]+(,[\w.-]+:[0-9]+)*|sc://[\w.-]+(:[0-9]+)?(/(;\w+=[!-:<-~]+)*)?"
)
_BUCKET = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_PREFIX = re.compile(r"(/[\w.=-]+)*/?", re.ASCII)
_LONGEST_PREFIX = 512
"""Characters. A name of S3 has at most 1,024 bytes."""
_SECRET_PARAMETERS = ("password", "sslpassword", "oauth_client_secret")

LIBPQ_PARAMETERS = {
    *("host", "hostaddr", "port", "dbname", "user", "password", "passfile", "require_auth", "channel_binding"),
    *("connect_timeout", "client_encoding", "options", "application_name", "fallback_application_name"),
    *("keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout", "gssencmode"),
    *("sslmode", "sslnegotiation", "sslcompression", "sslcert", "sslkey", "sslkeylogfile", "sslpassword"),
    *(
        "sslcertmode",
        "sslrootcert",
        "sslcrl",
        "sslcrldir",
        "sslsni",
        "requirepeer",
        "ssl_min_protocol_version",
        "krbsrvname",
    ),
    *("ssl_max_protocol_version", "min_protocol_version", "max_protocol_version", "gsslib", "gssdelegation"),
    *("target_session_attrs", "load_balance_hosts", "requiressl", "ssl", "scram_client_key", "scram_server_key"),
    *("oauth_issuer", "oauth_client_id", "oauth_client_secret", "oauth_scope"),
}
"""Parameters that may follow the ? of a database URL."""


class UrlError(ValueError):
    """A URL is invalid. The message continues the name of its variable: the wrong part and what is expected there.

    It never quotes the URL.
    """


@dataclass(frozen=True)
class _Parts:
    """The parts of a database URL, split as libpq does and not decoded."""

    user: str
    password: str
    hosts: str
    database: str
    query: list[tuple[str, str]]


def check_database_url(url: str) -> None:
    """Raise UrlError unless libpq and SQLAlchemy can both read a URL."""
    parts = _database_parts(url)
    named = {"user": parts.user, "password": parts.password, "host": parts.hosts, "database": parts.database}
    for name, text in named.items():
        _check_part(name, text)
    for number, (name, value) in enumerate(parts.query, start=1):
        where = f"parameter {number} after the ?"
        if name not in LIBPQ_PARAMETERS:
            raise UrlError(
                f"has as {where} none that PostgreSQL knows, like sslmode=require; a & or ? of a value is written "
                "%26 or %3F"
            )
        _check_part(f"value of {where}", value)
    for host in parts.hosts.split(","):
        _check_host(host)
    given = dict(parts.query)
    for port in filter(None, unquote(given.get("port", "")).split(",")):
        _check_port(port)
    if not (parts.hosts or {"host", "hostaddr"} & given.keys()):
        raise UrlError(
            "names no host; expected postgresql://user@host:5432/db, or the folder of a socket: "
            "postgresql://user@/db?host=/var/run/postgresql"
        )


def check_service_url(url: str, schemes: tuple[str, ...]) -> None:
    """Raise UrlError unless a URL has one of the schemes and names a host."""
    expected = " or ".join(f"{scheme}://" for scheme in schemes)
    expected = f"must be a URL that begins with {expected} and names a host, e.g. {schemes[0]}://host:8025"
    scheme, sign, _ = url.partition("://")
    if not sign or scheme.lower() not in schemes:
        raise UrlError(expected)
    if not _PLAIN.fullmatch(url):
        raise UrlError(f"{expected}; it holds a blank or a character that is no ASCII, which is written as %XX")
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = None
    if parts is None or not parts.hostname or parts.netloc.count("@") > 1 or "#" in url:
        raise UrlError(f"{expected}; one of @ / ? # [ ] in a password is written as %XX")
    credentials, _, host = parts.netloc.rpartition("@")
    try:
        _check_part("user or password", credentials)
        _check_host(host)
    except UrlError as error:
        raise UrlError(f"{expected}; it {error}") from None


def check_spark_master(url: str) -> None:
    """Raise UrlError unless Spark knows where to run: in this process, a standalone cluster, a Spark Connect server."""
    if not _SPARK_MASTER.fullmatch(url):
        raise UrlError(
            "must be local[*], local[4], spark://host:7077 or sc://host:15002, the last perhaps with parameters like "
            "/;use_ssl=true;token=…"
        )


def check_lake_url(url: str) -> None:
    """Raise UrlError unless a URL names a bucket of S3 and perhaps a prefix in it, and nothing else."""
    found = _BUCKET.match(url)
    prefix = url[found.end() :] if found else ""
    if found is None or not _PREFIX.fullmatch(prefix) or len(prefix) > _LONGEST_PREFIX:
        raise UrlError(
            "must be a folder, or s3://bucket/prefix with the letters, digits and . _ = - of which names there should "
            "be; the address of the server is AWS_ENDPOINT_URL_S3, its credentials are AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY in the environment"
        )


def check_public_url(url: str) -> None:
    """Raise UrlError unless other paths can be added to a URL and it holds nothing secret."""
    check_service_url(url, ("https", "http"))
    if "@" in urlsplit(url).netloc or "?" in url:
        raise UrlError(
            "names a user, a password or something after a ?; expected the address that people open, like "
            "https://host/reports, since the UI shows it to everybody, and the names of the pages are added to it"
        )


def secrets_of(url: str) -> list[str]:
    """The secrets of a URL: its password and, for HTTP, path and query, whose parts may be tokens."""
    found = {
        secret for text in _written_secrets(url) for secret in (text, unquote(text), quote(unquote(text), safe=""))
    }
    return [secret for secret in found if len(secret) > 1]


def _written_secrets(url: str) -> Iterator[str]:
    if url.startswith(("postgresql://", "postgres://")):
        parts = _database_parts(url)
        yield parts.password
        yield from (value for name, value in parts.query if name in _SECRET_PARAMETERS)
        return
    if url.startswith("sc://"):
        yield from re.findall(r";token=([^;]+)", url)
        return
    split = urlsplit(url)
    yield split.password or ""
    yield from parse_qs(split.query).get("password", [])
    if split.scheme in ("http", "https"):
        pieces = re.split(r"[/?&=;]", f"{split.path}?{split.query}")
        yield from (split.path, split.query, *(piece for piece in pieces if len(piece) >= SHORTEST_TOKEN))


def _database_parts(url: str) -> _Parts:
    _, sign, rest = url.partition("://")
    if not url.startswith(("postgresql://", "postgres://")) or not sign:
        raise UrlError("must begin with postgresql://, e.g. postgresql://user@host:5432/db")
    if not _PLAIN.fullmatch(url):
        raise UrlError("holds a blank or a character that is no ASCII; in a password or name it is written as %XX")
    authority, slash, after = rest.partition("/")
    credentials, at, hosts = authority.partition("@")  # libpq takes the first @ before a /
    if not at:
        credentials, hosts = "", authority
    hosts, mark, query_there = hosts.partition("?")
    if mark:
        after = f"?{query_there}{slash}{after}"
    database, _, query = after.partition("?")
    if "@" in hosts or "@" in database:
        raise UrlError("holds more than one @, or one after a /; a @ or / of a password is written %40 or %2F")
    user, _, password = credentials.partition(":")
    pairs = [pair.partition("=") for pair in query.split("&")] if query else []
    return _Parts(user, password, hosts, database, [(name, value) for name, _, value in pairs])


def _check_part(name: str, text: str) -> None:
    if _BROKEN_ESCAPE.search(text):
        raise UrlError(f"has in its {name} a % that begins no %XX; a % of a password or name is written %25")


def _check_host(host: str) -> None:
    """`host`, `host:port` or `[address]:port`."""
    if host.startswith("["):
        if not re.fullmatch(r"\[[0-9A-Fa-f:.]+(%[\w.-]+)?\](:.*)?", host):
            raise UrlError("has a host that begins with [ and is no IPv6 address in brackets, like [::1]:5432")
        port = host.partition("]")[2].removeprefix(":")
    else:
        name, _, port = host.partition(":")
        if not re.fullmatch(r"[\w.%/-]*", name):
            raise UrlError("has in its host a character that no host has; those of a password are written as %XX")
    if port:
        _check_port(port)


def _check_port(port: str) -> None:
    if not re.fullmatch(r"[0-9]{1,5}", port) or not 0 < int(port) <= _LARGEST_PORT:
        raise UrlError(
            "has a port that is no number from 1 to 65535; a : @ / ? # of a password is written %3A %40 %2F %3F %23"
        )
