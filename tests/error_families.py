"""Error messages of 60 families in as many variants as are wanted, and messages whose codes tell them apart.

A family is a template; what stands in its braces varies. The templates are of real products, what varies is drawn.
"""

import base64
import random
import string
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv6Address
from uuid import UUID

Draw = Callable[[random.Random], str]

HEX = "0123456789abcdef"
BASE62 = string.digits + string.ascii_letters
CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
KUBERNETES = "bcdfghjklmnpqrstvwxz2456789"
"""What Kubernetes makes names of: no vowels, so that they are no words."""


def letters(rng: random.Random, alphabet: str, *sizes: int) -> str:
    return "".join(rng.choices(alphabet, k=rng.choice(sizes)))


def number(rng: random.Random) -> str:
    return str(rng.randrange(10 ** rng.randint(1, 9)))


def ip4(rng: random.Random) -> str:
    return str(IPv4Address(rng.getrandbits(32)))


def ip6(rng: random.Random) -> str:
    kept = rng.choice([2**128 - 1, (2**64 - 1) << 64 | 0xFFFF, 2**128 - 2**112 + 1])
    address = IPv6Address(rng.getrandbits(128) & kept)
    return rng.choice([str(address), address.exploded, f"fe80::{letters(rng, HEX, 1, 4)}", "::1", f"::ffff:{ip4(rng)}"])


def moment(rng: random.Random) -> datetime:
    return datetime(2001, 1, 1, tzinfo=UTC) + timedelta(seconds=rng.randrange(10**9), microseconds=rng.randrange(10**6))


def go_duration(rng: random.Random) -> str:
    part = f"{rng.randint(1, 999)}{rng.choice(['', f'.{rng.randint(1, 999)}'])}"
    hours, minutes = rng.choice(["", f"{rng.randint(1, 40)}h"]), f"{rng.randint(0, 59)}m"
    seconds = f"{rng.randint(0, 59)}{rng.choice(['', '.25'])}s"
    return rng.choice([part + rng.choice(["ns", "µs", "ms", "s"]), hours + minutes + seconds, "2h45m", "0s"])


def uuid(rng: random.Random) -> str:
    one = UUID(int=rng.getrandbits(128))
    return rng.choice([str(one), str(one).upper(), one.hex, one.urn, f"{{{one}}}"])


def jwt(rng: random.Random) -> str:
    parts = (letters(rng, BASE62, 20, 60), letters(rng, BASE62 + "-_", 43))
    return ".".join(["eyJhbGciOiJIUzI1NiJ9", *parts])


def listed(draw: Draw, between: str = ", ") -> Draw:
    return lambda rng: between.join(draw(rng) for _ in range(rng.randint(1, 6)))


def quoted(rng: random.Random) -> str:
    text = letters(rng, string.ascii_letters + "0123456789 .:/-é", 1, 8, 30)
    return rng.choice([f'"{text}"', f"'{text}'", f"`{text}`", f'"{text} \\"{text}\\""', f"'O'x{text}'", f"“{text}”"])


def path(rng: random.Random) -> str:
    names = [letters(rng, string.ascii_lowercase + string.digits + "_", 1, 5, 12) for _ in range(rng.randint(2, 5))]
    return rng.choice(["/", "/", "./", "../", "~/"]) + "/".join(names) + rng.choice(["", ".csv", "-2025-03-31.log"])


def windows_path(rng: random.Random) -> str:
    names = [letters(rng, string.ascii_letters + string.digits, 1, 5, 12) for _ in range(rng.randint(1, 4))]
    return rng.choice(["C:\\", "D:\\", "C:\\Program Files\\", "\\\\server\\"]) + "\\".join([*names, "a.txt"])


DRAWS: dict[str, Draw] = {
    "n": number,
    "small": lambda rng: str(rng.randint(1, 60)),
    "signed": lambda rng: rng.choice(["", "-", "+"]) + number(rng),
    "decimal": lambda rng: rng.choice([f"{rng.random() * 10 ** rng.randint(-9, 9)!r}", f"{rng.randrange(10**9):,}"]),
    "port": lambda rng: str(rng.randint(1, 65535)),
    "ip4": ip4,
    "ip6": ip6,
    "ip": lambda rng: rng.choice([ip4, ip6])(rng),
    "endpoint": lambda rng: rng.choice([ip4(rng), f"[{ip6(rng)}]"]) + f":{rng.randint(1, 65535)}",
    "mac": lambda rng: rng.choice(":-").join(letters(rng, rng.choice([HEX, HEX.upper()]), 2) for _ in range(6)),
    "jwt": jwt,
    "stripe": lambda rng: f"sk_{rng.choice(['live', 'test'])}_" + letters(rng, BASE62, 24),
    "github": lambda rng: f"gh{rng.choice('pousr')}_" + letters(rng, BASE62, 36),
    "aws": lambda rng: "AKIA" + letters(rng, string.ascii_uppercase + string.digits, 16),
    "base64": lambda rng: base64.b64encode(rng.randbytes(rng.randint(30, 300))).decode(),
    "hex": lambda rng: letters(rng, HEX, 16, 24, 64, 128),
    "nanoid": lambda rng: letters(rng, BASE62 + "_-", 21),
    "ulid": lambda rng: "01" + letters(rng, CROCKFORD, 24),
    "ksuid": lambda rng: letters(rng, BASE62, 27),
    "uuid": uuid,
    "hash": lambda rng: letters(rng, KUBERNETES, 9, 10),
    "suffix": lambda rng: letters(rng, KUBERNETES, 5),
    "container": lambda rng: letters(rng, HEX, 12, 64),
    "sha": lambda rng: letters(rng, HEX, 7, 8, 10, 40),
    "tag": lambda rng: rng.choice(["v", "2024.01-"]) + letters(rng, HEX, 7) + rng.choice(["", ".2", "-alpine"]),
    "iso": lambda rng: moment(rng).isoformat(rng.choice(" T"), rng.choice(["seconds", "milliseconds", "microseconds"])),
    "ctime": lambda rng: moment(rng).ctime(),
    "clf": lambda rng: f"{moment(rng):%d/%b/%Y:%H:%M:%S} {rng.choice('+-')}0{rng.randint(0, 9)}00",
    "syslog": lambda rng: f"{moment(rng):%b} {moment(rng).day:2} {moment(rng):%H:%M:%S}",
    "rfc1123": lambda rng: f"{moment(rng):%a, %d %b %Y %H:%M:%S} GMT",
    "epoch": lambda rng: str(int(moment(rng).timestamp() * rng.choice([1, 1000]))),
    "duration": go_duration,
    "percent": lambda rng: f"{rng.choice([rng.randint(0, 100), round(rng.random() * 100, 2)])}%",
    "size": lambda rng: f"{rng.choice([17, 1.5])}{rng.choice(['', ' '])}{rng.choice(['KB', 'MiB', 'GB', 'B', 'kB'])}",
    "email": lambda rng: f"{letters(rng, string.ascii_lowercase + '.+', 3, 9)}@{letters(rng, BASE62, 4)}.example.org",
    "url": lambda rng: f"https://{letters(rng, HEX, 4)}.org{path(rng)[1:]}?id={letters(rng, BASE62, 9)}&n=7",
    "path": path,
    "windows": windows_path,
    "quoted": quoted,
    "numbers": listed(number),
    "uuids": listed(lambda rng: str(UUID(int=rng.getrandbits(128))), ","),
    "words": listed(lambda rng: str(number(rng)), " "),
    "object": lambda rng: letters(rng, HEX, 6, 7, 8),
    "pointer": lambda rng: "0x" + letters(rng, rng.choice([HEX, HEX.upper()]), 10, 12, 16),
}  # fmt: skip

TEMPLATES = (
    # Java, Kafka, Spark
    "java.net.ConnectException: Connection to {ip4}:{port} refused after {n} attempts",
    "java.net.SocketTimeoutException: Read timed out at com.acme.etl.Client@{object}.read(Client.java:{n})",
    "java.lang.IllegalStateException: Client@{object} is closed, thread pool-{small}-thread-{small}",
    "org.apache.kafka.common.errors.NotLeaderOrFollowerException: partition orders-{small}, leader epoch {n}",
    "[Consumer clientId=consumer-{small}, groupId=etl] Offset {n} is out of range for partition events-{small}",
    "Job aborted due to stage failure: Task {n} in stage {small}.0 failed {small} times (TID {n}) on host {ip}",
    "java.lang.OutOfMemoryError: Java heap space, used {size} of {size}, {percent} in old generation",
    "Failed to serialize [Ljava.lang.Object;@{object} at address {pointer}",
    # Python
    "KeyError: {quoted}",
    "ValueError: could not convert string to float: {quoted} in column {small}",
    "FileNotFoundError: no such file: {path} (cwd {path})",
    "<Task pending name={quoted} object at {pointer}> was destroyed",
    "TimeoutError: no answer from {endpoint} within {duration}",
    "UnicodeDecodeError: utf8 codec cannot decode byte {pointer} in position {n}",
    # Go
    "dial tcp {endpoint}: connect: connection refused",
    "read tcp {endpoint}->{endpoint}: i/o timeout",
    "context deadline exceeded after {duration}, started at {iso}Z",
    "retrying in {duration}: Get {quoted}: EOF",
    "panic: runtime error: index out of range [{n}] with length {n}, goroutine {n}",
    "slow query took {duration}, limit {duration}, rows [{words}]",
    # Kubernetes, containers
    "pod etl-worker-{hash}-{suffix} was evicted: the node was low on memory",
    "Back-off restarting failed container in pod api-{hash}-{suffix} of namespace prod",
    "job pod nightly-backup-{suffix} failed, log in {path}",
    "cron job report-{epoch}-{suffix} missed its start",
    "statefulset pod redis-{small} is not ready since {duration}",
    "container {container} is unhealthy",
    "Failed to pull image registry.example.com/team/app:{tag}: not found",
    "manifest for nginx@sha256:{hex} is unknown",
    "node {ip4} uses {percent} of {size}, limit {size}",
    # PostgreSQL, MongoDB, Redis, ClickHouse
    "FATAL: no pg_hba.conf entry for host {quoted}, user {quoted}, pid {n}",
    "deadlock detected: process {n} waits for ShareLock on transaction {n}; blocked by process {n}",
    "could not read block {n} in file {quoted}: read only {n} of {n} bytes",
    "WriteConflict on document ObjectId({quoted}) in shard rs{small}",
    "document {hex} is locked by worker-{small}",
    "MOVED {n} {endpoint}",
    "Memory limit exceeded: would use {decimal} GiB, chunk of {n} bytes",
    "Too many parts ({n}), merges are slower than inserts, since {syslog}",
    # nginx, HTTP, S3, mail
    "upstream prematurely closed connection, client: {ip}, request: {quoted}",
    "GET {url} was reset by peer",
    "access by {email} denied, seen {clf}",
    "Slow Down, request id {ulid}, host id {base64}",
    "certificate of {ip4} expired at {rfc1123}",
    "clock differs by {signed} ms from {ctime}",
    # identifiers of every kind
    "session {nanoid} has expired",
    "event {ulid} came twice",
    "message {ksuid} has no receiver",
    "execution {uuid} is unknown",
    "executions {uuids} are unknown",
    "ids [{numbers}] do not exist",
    "token {jwt} is malformed",
    "Invalid API Key provided: {stripe}",
    "bad credentials {github}",
    "The access key {aws} is disabled",
    "payload {base64} has no valid signature",
    "checksum is {hex}, expected {hex}",
    "commit {sha} is not on branch main",
    "lease of {mac} has ended",
    "neighbour {ip6}%eth{small} does not answer",
    "the last batch was at {epoch}, {decimal} rows",
    "cannot open {windows} for {email}",
)


def variants(count: int, seed: int = 7) -> Iterator[tuple[str, str]]:
    """(template, message), so many of each template; the same ones for the same seed."""
    rng = random.Random(seed)
    for template in TEMPLATES:
        for _ in range(count):
            yield template, filled(template, rng)


def filled(template: str, rng: random.Random) -> str:
    """The template with what varies drawn."""
    text = template
    for name, draw in DRAWS.items():
        while f"{{{name}}}" in text:
            text = text.replace(f"{{{name}}}", draw(rng).replace("{", "\x00"), 1)
    return text.replace("\x00", "{")


CODES: dict[str, tuple[str, ...]] = {
    "ORA-{code}: statement of session {n} failed": ("00001", "01017", "01555", "12541", "00600"),
    "connection {n} lost (SQLSTATE {code})": ("40001", "40P01", "08006", "23505", "57P01"),
    "SQLSTATE[{code}] [2002] no answer from {quoted}": ("HY000", "28000", "42S02"),
    "ERROR: {code}: statement of process {n} failed": ("42P01", "42703", "22P02"),
    "ERROR {code} (28000): access of {quoted} denied": ("1045", "1044", "1698"),
    "{path}({small},{small}): error TS{code}: see {url}": ("2304", "2322", "7006", "18048"),
    "{path}: error CS{code}: see {url}": ("0246", "0103", "1061"),
    "error[E{code}]: see line {n}": ("0308", "0382", "0499"),
    "MongoServerError: E{code} error on shard {small}": ("11000", "11001"),
    "KB{code} is not installed on host {ip}": ("5021233", "5034441"),
    "HTTP {code} from {ip4}:{port}": ("400", "403", "404", "429", "500", "502", "503"),
    "request {uuid} failed with status code {code}": ("400", "404", "503"),
    "upstream {endpoint} returned {code}": ("502", "503", "504"),
    "The requested URL {url} returned error: {code}": ("403", "404", "502"),
    "{code} Server Error for url {url}": ("500", "502", "503"),
    "process {n} exited with code {code}": ("0", "1", "2", "126", "127", "137", "-1"),
    "container {container}: exit status {code} after {duration}": ("1", "137", "143"),
    "process {n} killed by signal {code}": ("6", "9", "11", "15"),
    "connect to {endpoint} failed: errno {code}": ("104", "110", "111", "113"),
    "[Errno {code}] {path}": ("2", "13", "28"),
    "curl: ({code}) no answer from {url}": ("6", "7", "28"),
    "cannot rename {windows}: [WinError {code}]": ("5", "32", "10061"),
    "service {quoted} failed with HRESULT: {code}": ("0x80070005", "0x80070002", "0x80131500"),
    "exception code {code} at {pointer}": ("0xC0000005", "0xC00000FD"),
    "rpc error: code = {code} after {duration}": ("4", "8", "14", "Unavailable"),
    "Code: {code}. DB::Exception: query {uuid} failed": ("60", "210", "241", "252"),
    "request {nanoid} failed: code: '{code}'": ("ECONNREFUSED", "ECONNRESET", "ETIMEDOUT"),
    '{"error": {"code": {code}, "id": {n}}}': ("400", "404", "500"),
    "handshake with {ip} failed: TLSv{code} is not supported": ("1.0", "1.1", "1.2", "1.3"),
    "{code} of {hex} is not supported": ("sha1", "sha256", "md5", "base64", "utf8", "x509", "S3Exception", "H2Client"),
}
"""Messages whose code tells one from another, whatever else varies in them."""


def coded(count: int, seed: int = 7) -> Iterator[tuple[tuple[str, str], str]]:
    """((template, code), message), so many of each code."""
    rng = random.Random(seed)
    for template, codes in CODES.items():
        for code in codes:
            for _ in range(count):
                yield (template, code), filled(template.replace("{code}", code), rng)


MASKED = {
    "java.net.ConnectException: Connection refused: db-3.internal/10.0.3.17:5432":
        "java.net.ConnectException: Connection refused: db-<n>.internal/<ip>:<n>",
    "dial tcp [2001:db8::1]:443: connect: connection refused":
        "dial tcp <ip>:<n>: connect: connection refused",
    "no route to fe80::1ff:fe23:4567:890a%eth0 or ::ffff:10.0.3.17":
        "no route to <ip> or <ip>",
    "std::bad_alloc in DB::Exception of ActiveRecord::Base":
        "std::bad_alloc in DB::Exception of ActiveRecord::Base",
    "lease of 00:1a:2b:3c:4d:5e ended, 00-1A-2B-3C-4D-5F came":
        "lease of <mac> ended, <mac> came",
    "Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P rejected":
        "Bearer <token> rejected",
    "Invalid API Key provided: sk_live_51H8aBcDeFgHiJkLm":
        "Invalid API Key provided: <token>",
    "bad credentials: ghp_16C7e42F292c6912E7710c838347Ae178B4a for AKIAIOSFODNN7EXAMPLE":
        "bad credentials: <token> for <token>",
    "payload aGVsbG8gd29ybGQhIHRoaXMgaXMgYSB0ZXN0/Kg+A8== is not valid":
        "payload <n> is not valid",
    "room V1StGXR8_Z5jdHi6B-myT, saga 01ARZ3NDEKTSV4RRFFQ69G5FAV, message 0ujtsYcgvSTl8PAuAdqWYSMnLOv":
        "room <n>, saga <n>, message <n>",
    "run {3f2504e0-4f89-11d3-9a0c-0305e82c3301} of urn:uuid:3F2504E0-4F89-11D3-9A0C-0305E82C3301":
        "run <uuid> of <uuid>",
    "run 3f2504e04f8911d39a0c0305e82c3301 of 3f2504e0-4f89-11d3-9a0c-0305e82c3301":
        "run <uuid> of <uuid>",
    "pod etl-worker-7d4b9c6f5d-x2k4q and etl-worker-bcdfghjklm-xkcdz evicted":
        "pod etl-worker-<n> and etl-worker-<n> evicted",
    "pods fluentd-x7k2p, redis-0 and backup-28473920-bcdfg are not ready":
        "pods fluentd-<n>, redis-<n> and backup-<n> are not ready",
    "container 3f4e5d6c7b8a exited with code 137":
        "container <n> exited with code 137",
    "commit abcdefa, 1234567 or 4b825dc642cb6eb9a060e54bf8d69288fbee4904 is unknown":
        "commit <n> or <n> is unknown",
    "Failed to pull image registry.io:5000/team/app:v1.2.3-alpine and nginx:1.25":
        "Failed to pull image registry.io:<n>/team/app:<tag> and nginx:<n>",
    "manifest of nginx@sha256:4b825dc642cb6eb9a060e54bf8d69288fbee4904 is unknown":
        "manifest of nginx@sha256:<n> is unknown",
    "late since Mon Jan  2 15:04:05 2006, Mon, 02 Jan 2006 15:04:05 GMT":
        "late since <time>, <time>",
    "late since [10/Oct/2000:13:55:36 -0700], Jan  2 15:04:05 or 2009-11-10 23:00:00 +0000 UTC m=+0.000000001":
        "late since [<time>], <time> or <time>",
    "late since 2025-03-31T10:11:12.345Z, 2025-03-31 10:11, 2025/03/31 10:11:12 or 1743415872123":
        "late since <time>, <time>, <time> or <n>",
    "slow: 98.5ms 98ms 1m3.2s 2h45m 300µs 1.5s PT1H30M":
        "slow: <duration> <duration> <duration> <duration> <duration> <duration> <duration>",
    "used 512MiB of 1.5 GB (45.2%), 2Gi wanted":
        "used <size> of <size> (<n>%), <size> wanted",
    "1,234,567 rows, 1_000 kept, -5 or 1.5e-05 lost":
        "<n> rows, <n> kept, <n> or <n> lost",
    "access by ann.lee+x@mail.example.org to https://x.example.org/a/17?b=1 denied":
        "access by <email> to <url> denied",
    "no space on /data/part-0001/a.bin, C:\\Program Files\\x\\a.txt, \\\\srv\\share\\b.txt and src/main/App.java:12:34":
        "no space on <path> and <path>:<n>:<n>",
    "column 'O'Brien' of \"a \\\"b\\\" c\", `x` and “y” isn't there":
        "column <text> of <text> and <text> isn't there",
    "ids [1, 2, 3] and [4 5 6] of ('a', 'b')":
        "ids [<n>] and [<n>] of (<text>)",
    "Client@1b6d, [B@1b6d3586 and Foo$$Lambda$14/0x0000000800c8 at 0x7ffee3b0c8d0":
        "Client@<n>, [B@<n> and Foo$$Lambda$<n>/<n> at <n>",
    "thread pool-3-thread-12 of http-nio-8080-exec-5":
        "thread pool-<n>-thread-<n> of http-nio-<n>-exec-<n>",
    "ORA-01017: invalid username/password, then TNS-12541: no listener":
        "ORA-01017: invalid username/password, then TNS-12541: no listener",
    "SQLSTATE 40001, SQLSTATE[HY000] [2002] Connection refused, (SQLSTATE 23505)":
        "SQLSTATE 40001, SQLSTATE[HY000] [2002] Connection refused, (SQLSTATE 23505)",
    "src/app.ts(12,5): error TS2304: Cannot find name, CS0246, KB5021233, error[E0308]: mismatched types":
        "<path>(<n>): error TS2304: Cannot find name, CS0246, KB5021233, error[E0308]: mismatched types",
    "MongoServerError: E11000 duplicate key error, dup key: { id: 17 }":
        "MongoServerError: E11000 duplicate key error, dup key: { id: <n> }",
    "HTTP 503, HTTP/1.1 404, status code 404, returned 502, 504 Gateway Timeout":
        "HTTP 503, HTTP/1.1 404, status code 404, returned 502, 504 Gateway Timeout",
    "exit code 137, exited with code 1, exit status 2, Exited (143), killed by signal 9 (SIGKILL)":
        "exit code 137, exited with code 1, exit status 2, Exited (143), killed by signal 9 (SIGKILL)",
    "errno 111, [Errno 2] No such file, (os error 13), [WinError 10061], ECONNREFUSED":
        "errno 111, [Errno 2] No such file, (os error 13), [WinError 10061], ECONNREFUSED",
    "HRESULT: 0x80070005, Exception code 0xC0000005 at 0x00007ffb12345678":
        "HRESULT: 0x80070005, Exception code 0xC0000005 at <n>",
    "rpc error: code = 14 desc = transport is closing":
        "rpc error: code = 14 desc = transport is closing",
    "ERROR 1045 (28000): Access denied for user 'a'@'10.0.3.17'":
        "ERROR 1045 (28000): Access denied for user <text>@<text>",
    "PG::Error 23505, ERROR: 42P01: relation is missing":
        "PG::Error 23505, ERROR: 42P01: relation is missing",
    "Code: 241. DB::Exception: Memory limit exceeded: would use 9.31 GiB":
        "Code: 241. DB::Exception: Memory limit exceeded: would use <size>",
    "{\"error\": {\"code\": 404, \"status\": \"NOT_FOUND\"}} with code: 'ECONNRESET'":
        "{<text>: {code=404, status=NOT_FOUND}} with code=ECONNRESET",
    "handshake of TLSv1.2 or TLS 1.3 over HTTP/2 failed, x509: unknown authority":
        "handshake of TLSv1.2 or TLS 1.3 over HTTP/2 failed, x509: unknown authority",
    "utf8, UTF-8, s3, ipv4, base64, sha256, log4j, k8s, amd64, int64 are names, shard7 is not":
        "utf8, UTF-8, s3, ipv4, base64, sha256, log4j, k8s, amd64, int64 are names, shard<n> is not",
    "com.amazonaws.services.s3.model.AmazonS3Exception: Access Denied (Status Code: 403; Request ID: 4442587FB7D0A2F9)":
        "com.amazonaws.services.s3.model.AmazonS3Exception: Access Denied (Status Code: 403; Request ID: <n>)",
    "valid until 5 March 2025, since 02-Jan-06, March 5, 2025 or 31.03.2025 10:11":
        "valid until <time>, since <time>, <time> or <time>",
    "2025-03-31 10:11:12,123 ERROR [main] retry 5 of 3 Jobs, it's 5 o'clock":
        "<time> ERROR [main] retry <n> of <n> Jobs, it's <n> o'clock",
    "Msg 207, Level 16, State 1, Line 5: SQLCODE=-204, SQLSTATE=42704":
        "Msg 207, Level <n>, State 1, Line <n>: SQLCODE=-204, SQLSTATE=42704",
    "550 5.1.1 mailbox is unavailable":
        "550 <n> mailbox is unavailable",
}  # fmt: skip
"""Messages, and the pattern of each."""
