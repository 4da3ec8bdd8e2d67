"""The words a sample is made of: names, languages, clients, addresses, messages."""
# ruff: noqa: SIM905 - words are easier to read than lists of strings

from itertools import product

import numpy as np

ORGS = (
    "acme globex initech umbrella hooli stark wayne wonka soylent tyrell cyberdyne vandelay massive aperture oscorp "
    "weyland nakatomi gringotts duff krusty bluth virtucon zorin spectre sirius monarch rekall omni lexcorp octan"
).split()
UNITS = ("", "-labs", "-cloud", "-data", "-mobile", "-europe", "-retail", "-energy", "-finance", "-research")
DOMAINS = (
    "payments search billing identity orders catalog inventory shipping ledger accounts messaging notifications "
    "users profiles sessions pricing checkout refunds invoices telemetry metrics tracing logging geo maps routing "
    "media images video playlists ads bidding campaigns analytics workflow scheduler tasks calendar mail chat contacts "
    "documents storage backup permissions audit risk fraud lending trading portfolio health devices firmware weather"
).split()
TOPICS = "query command admin types events stream batch policy config gateway internal public sync export".split()

# language: (median compilation in ms, size of the generated code relative to the source, failure ratio, share)
LANGUAGES = {
    "go": (900, 1.4, 0.02, 0.3),
    "java": (2400, 2.6, 0.03, 0.2),
    "python": (600, 0.9, 0.025, 0.2),
    "typescript": (1300, 1.2, 0.035, 0.17),
    "rust": (4200, 1.7, 0.045, 0.08),
    "csharp": (1900, 2.1, 0.03, 0.05),
}
MEDIAN_MS, CODE_SIZE, FAILURE_RATIO, LANGUAGE_SHARE = np.array(list(LANGUAGES.values())).T
_SCRIPT = "<script>alert(1)</script>"  # a report must show it, never run it

_SDKS = {  # in the order of the languages; with the HTTP library each is built on
    "registry-go": "Go-http-client/2.0",
    "registry-java": "Java/21.0.4",
    "registry-python": "python-httpx/0.27.2",
    "registry-node": "node-fetch/3.3.2",
    "registry-rs": "reqwest/0.12.9",
    "registry-dotnet": ".NET/8.0.11",
}
SDK_VERSIONS = ("2.4.1", "2.4.0", "2.3.5", "2.2.0", "1.19.3", "1.12.0")
CLIENTS: list[tuple[str | None, str | None, str]] = [  # SDK, its version, user agent
    *((sdk, version, f"{sdk}/{version} {_SDKS[sdk]}") for sdk, version in product(_SDKS, SDK_VERSIONS)),
    *(("registry-cli", v, f"registry-cli/{v} (linux; amd64)") for v in ("1.42.0", "1.41.2", "1.38.0", "1.30.1")),
    (None, None, "curl/8.9.1"),
    (None, None, f"Mozilla/5.0 {_SCRIPT}"),
]
CLI, CURL, HOSTILE = len(_SDKS) * len(SDK_VERSIONS), len(CLIENTS) - 2, len(CLIENTS) - 1
_SYSTEMS = ("Windows NT 10.0; Win64; x64", "Macintosh; Intel Mac OS X 10_15_7", "X11; Linux x86_64")
BROWSERS = [
    *(f"Mozilla/5.0 ({os_}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/134.0.0.0 Safari/537.36" for os_ in _SYSTEMS),
    *(f"Mozilla/5.0 ({os_}; rv:136.0) Gecko/20100101 Firefox/136.0" for os_ in _SYSTEMS),
]
USER_AGENTS = [*(agent for _, _, agent in CLIENTS), *BROWSERS]
ADDRESSES = [  # of the ranges reserved for documentation
    *(f"{net}.{host}" for net, host in product(("192.0.2", "198.51.100", "203.0.113"), range(1, 255))),
    *(f"2001:db8:{net:x}::{host:x}" for net, host in product(range(1, 65), range(1, 17))),
]
REFERRERS = [
    *(f"https://registry.example.com/search?q={word}" for word in DOMAINS),
    *("https://registry.example.com/", "https://docs.example.org/schemas", "https://www.example.net/blog/registry"),
    f"https://registry.example.com/search?q={_SCRIPT}",
]

OUTAGE_MESSAGES = [
    "storage backend unavailable (503)",
    "upstream did not answer within 30 s",
    "connection refused by origin",
]
_USUAL_ERRORS = [
    "permission denied: the token lacks the scope module:read",
    "version not found",
    "connection reset by peer",
    "checksum mismatch: the archive is incomplete",
    "rate limit exceeded, retry after 60 s",
]
DOWNLOAD_ERRORS = [*_USUAL_ERRORS * 8, f'invalid request header "X-Client: {_SCRIPT}"', *OUTAGE_MESSAGES]
COMPILATION_ERRORS = [  # type, message
    *(("syntax_error", f'{w}.proto:{9 + 7 * i}:{1 + i % 9}: expected ";"') for i, w in enumerate(DOMAINS)),
    *(("unresolved_import", f'{w}.proto:{3 + i % 6}:1: "{w}.proto" not found') for i, w in enumerate(DOMAINS)),
    *(("type_conflict", f"{w}.proto:{40 + 3 * i}:9: {w.title()} is already defined") for i, w in enumerate(DOMAINS)),
    *(("plugin_error", f"plugin for {language} exited with status 1") for language in LANGUAGES),
    ("timeout", "compiler did not finish within 120 s"),
    ("out_of_memory", "compiler was stopped: more than 2 GiB used"),
    ("syntax_error", f'billing.proto:7:3: unexpected "{_SCRIPT}" & "{_SCRIPT}"'),
    *(("internal_error", message) for message in OUTAGE_MESSAGES),
]
