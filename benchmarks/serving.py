"""Measures the API under load: 50 readers for a minute, then records that are posted at 5,000 a second for as long.

    python -m benchmarks.serving                            a month of sample events in a folder of its own
    python -m benchmarks.serving --home HOME                days that are there, such as those of benchmarks.history
    python -m benchmarks.serving --readers 10 --rate 1000 --seconds 10

The server is a process of its own, asked over loopback; this process shares the machine's cores with it. A reader asks,
waits for the answer, pauses and asks for something else. Posts begin when their time has come, whether others have been
answered or not, and their time is counted from then on: a server that stalls does not slow down what is measured.
"""

import argparse
import asyncio
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

import httpx
import psutil

from analytics_etl.config.settings import Settings
from analytics_etl.families.sample import SampleOptions
from benchmarks.measuring import environment, make_sample, say

TARGETS_MS = {"overview": 50, "module stats": 100, "remembered": 5, "posting": 50}
RECORDS_OF_POST = 100
CONNECTIONS = 32
"""For posts: more than wait at any time."""
LONGEST_SECONDS = 600
_TABLE = "registry.download_events"

Taken = dict[str, list[float]]
"""{what was asked: milliseconds until the answer was there}."""


class Connection:
    """A connection that is kept: as little work for the client as possible."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, path: str, body: bytes | None = None) -> tuple[int, bool]:
        """(status, whether the answer was remembered)."""
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        head = f"{'GET' if body is None else 'POST'} {path} HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\n"
        if body is not None:
            head += f"Content-Type: application/x-ndjson\r\nContent-Length: {len(body)}\r\n"
        writer.write(head.encode() + b"\r\n" + (body or b""))
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        await reader.readexactly(int(headers["content-length"]))
        if headers.get("connection") == "close":
            await self.close()
        return int(first.split(" ")[1]), headers.get("x-cache") == "HIT"

    async def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


async def read(port: int, readers: int, seconds: float, pause: float, modules: Sequence[str]) -> Taken:
    """Ask as so many readers; the times by route, and those of remembered answers apart."""
    prefix = "/api/v2/analytics"
    kinds: dict[str, Callable[[random.Random], str]] = {
        "overview": lambda _: f"{prefix}/overview",
        "popular": lambda chance: f"{prefix}/modules/popular?period={chance.randint(1, 90)}d",
        "module stats": lambda chance: f"{prefix}/modules/{quote(chance.choice(modules), safe='')}/stats?period=30d",
        "page of the dashboard": lambda _: "/",
        "page of a module": lambda chance: f"/module?name={quote(chance.choice(modules))}",
    }
    taken: Taken = defaultdict(list)
    wrong: Counter[int] = Counter()
    until = time.perf_counter() + seconds

    async def one(number: int) -> None:
        chance, connection = random.Random(number), Connection(port)  # noqa: S311 - no secret
        await asyncio.sleep(chance.random() * pause)
        while time.perf_counter() < until:
            kind = chance.choice(list(kinds))
            begun = time.perf_counter()
            status, is_remembered = await connection.ask(kinds[kind](chance))
            took = 1_000 * (time.perf_counter() - begun)
            wrong[status] += status != 200  # noqa: PLR2004
            taken["remembered" if is_remembered else kind].append(took)
            await asyncio.sleep(pause)
        await connection.close()

    await asyncio.gather(*(one(number) for number in range(readers)))
    if failed := +wrong:
        say(f"answers that were not 200: {dict(failed)}")
    return taken


async def post(port: int, rate: int, seconds: float) -> tuple[Taken, Counter[int]]:
    """Post records at a rate; the times of posts, and how many records had which status."""
    free: asyncio.Queue[Connection] = asyncio.Queue()
    for _ in range(CONNECTIONS):
        free.put_nowait(Connection(port))
    taken: Taken = {"posting": []}
    statuses: Counter[int] = Counter()

    async def one(due: float, body: bytes) -> None:
        connection = await free.get()
        status, _ = await connection.ask(f"/api/v1/landing/{_TABLE}", body)
        taken["posting"].append(1_000 * (time.perf_counter() - due))
        statuses[status] += RECORDS_OF_POST
        free.put_nowait(connection)

    posts: list[Awaitable[None]] = []
    begun, step = time.perf_counter(), RECORDS_OF_POST / rate
    for number in range(int(seconds / step)):
        body, due = _records(), begun + number * step
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        posts.append(asyncio.ensure_future(one(due, body)))
    await asyncio.gather(*posts)
    took = time.perf_counter() - begun
    say(f"posted {sum(statuses.values()):,} records in {took:.1f} s: {sum(statuses.values()) / took:,.0f} a second")
    return taken, statuses


def _records() -> bytes:
    at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    made = (
        {
            "event_id": str(uuid4()), "downloaded_at": at, "module_name": "acme/auth", "version": "v1.0.0",
            "client_ip": "10.0.0.1", "user_agent": "client/1.0", "success": True, "cache_hit": False,
            "file_size": 2_048,
        }
        for _ in range(RECORDS_OF_POST)
    )  # fmt: skip
    return b"".join(json.dumps(record).encode() + b"\n" for record in made)


def on_disk(landing: Path) -> int:
    """Records that the server has kept."""
    folder = landing / _TABLE.split(".")[1]
    files = [*(folder / "api").rglob("*.ndjson"), *folder.glob(".posted-*")]
    return sum(file.read_bytes().count(b"\n") for file in files)


def report(taken: Taken) -> None:
    """Print the times of each route, beside what they should be."""
    print(f"{'milliseconds':<24}{'answers':>9}{'median':>9}{'p95':>9}{'p99':>9}{'target':>9}")
    for kind, times in sorted(taken.items()):
        cuts = statistics.quantiles(times, n=100) if len(times) > 1 else times * 99
        target = TARGETS_MS.get(kind, "")
        print(f"{kind:<24}{len(times):>9,}{cuts[49]:>9.1f}{cuts[94]:>9.1f}{cuts[98]:>9.1f}{target:>9}")


def measure(settings: Settings, chosen: argparse.Namespace) -> None:
    """Start a server, ask and post, and say what came of it."""
    command = [sys.executable, "-m", "analytics_etl.cli", "serve", "--port", str(chosen.port)]
    before = on_disk(settings.landing_dir)
    with subprocess.Popen(command, env=environment(settings), stdout=subprocess.DEVNULL) as server:
        try:
            modules = _modules(chosen.port, server)
            process = psutil.Process(server.pid)
            say(f"{len(modules):,} modules; {os.cpu_count()} cores; the server has {_megabytes(process)} MB")
            report(asyncio.run(read(chosen.port, chosen.readers, chosen.seconds, chosen.pause, modules)))
            say(f"after reading the server has {_megabytes(process)} MB")
            taken, statuses = asyncio.run(post(chosen.port, chosen.rate, chosen.seconds))
            report(taken)
            kept = on_disk(settings.landing_dir) - before
            say(f"answered: {dict(statuses)}; on disk: {kept:,}; the server has {_megabytes(process)} MB")
        finally:
            server.terminate()
            server.wait()
    if kept != statuses[202]:
        raise SystemExit(f"{statuses[202]:,} records were answered 202, but {kept:,} are on disk")


def _modules(port: int, server: "subprocess.Popen[bytes]") -> list[str]:
    """The names of modules, once the server is there."""
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
        for _ in range(600):
            if server.poll() is not None:
                raise SystemExit("the server has ended")
            try:
                found = client.get("/api/v2/analytics/modules/popular?period=30d&limit=10000")
            except httpx.TransportError:
                time.sleep(0.1)
                continue
            return [row["module_name"] for row in found.json()["rows"]]
    raise SystemExit("the server does not answer")


def _megabytes(process: psutil.Process) -> int:
    return int(process.memory_info().rss) >> 20


def main() -> None:
    """Parse arguments, prepare days if there are none, and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, help="A home with days and with landing/; the records stay there.")
    parser.add_argument("--days", type=int, default=30, help="Days that are made without --home.")
    parser.add_argument("--seconds", type=float, default=60.0, help="Of reading, and of posting.")
    parser.add_argument("--readers", type=int, default=50)
    parser.add_argument("--pause", type=float, default=0.5, help="Seconds of a reader between two questions.")
    parser.add_argument("--rate", type=int, default=5_000, help="Records that are posted in a second.")
    parser.add_argument("--port", type=int, default=8_089)
    chosen = parser.parse_args()
    if not 0 < chosen.seconds <= LONGEST_SECONDS:
        parser.error(f"--seconds must be at most {LONGEST_SECONDS}")
    if chosen.home is not None:
        home = chosen.home.resolve()
        measure(Settings(home=home, landing_dir=home / "landing", reports_dir=home / "reports"), chosen)
        return
    with tempfile.TemporaryDirectory(prefix="analytics_etl_serving_") as folder:
        Path(folder).chmod(0o755)
        home = Path(folder) / "home"
        settings = Settings(home=home, landing_dir=home / "landing", reports_dir=home / "reports")
        settings.landing_dir.mkdir(parents=True)
        last = datetime.now(UTC).date() - timedelta(days=1)
        first = last - timedelta(days=chosen.days - 1)
        make_sample(settings.landing_dir, SampleOptions(last, chosen.days, 10_000, families=("registry",)))
        run = [sys.executable, "-m", "analytics_etl.cli"]
        backfill = [*run, "backfill", str(first), str(last), "--family", "registry"]
        subprocess.run(backfill, env=environment(settings), check=True)
        try:
            measure(settings, chosen)
        finally:
            subprocess.run([*run, "stop"], env=environment(settings), check=True)


if __name__ == "__main__":
    main()
